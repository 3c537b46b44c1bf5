/*
 * What a policy has to allow: decisions boiled down to action, resource and peer, each once.
 *
 * Looking a name up and connecting to what it gave is one thing, and so is listening on a port and
 * accepting from anybody on it; what several subjects do in the same way is one grant of all.
 *
 * Memory: the list owns its texts. Errors: enum pil_err. Threads: one.
 */
#ifndef PIL_CLI_RULES_GRANT_H
#define PIL_CLI_RULES_GRANT_H

#include "cli/rules/seen.h"
#include "cli/rules/shape.h"

#define PIL_WHO_MAX 64u /* subjects that are kept apart: bits of `who` */

struct pil_grant {
    uint64_t who;     /* bit i: subject i */
    unsigned actions; /* bit i: enum pil_action i */
    char *resource;
    char *source;     /* whose: a prefix, "workload:TITLE" or a SPIFFE ID; NULL: whoever it is */
    char *host;       /* the name that the resource begins with; NULL: none */
    const char *note; /* a constant, or NULL */
    struct pil_times times;
};

struct pil_grants {
    struct pil_grant *item;
    size_t count, room;
};

/* The keyword of the condition that a source is: "source" or "peer". */
const char *pil_grant_keyword(const char *source);

#define PIL_BIT(action) (1u << (action))

/* Adds what allows that decision to subject `who`. PIL_E_NOTFOUND: no words of the language do. */
int pil_grants_add(struct pil_grants *list, const struct pil_shape *shape,
                   const struct pil_seen *seen, unsigned who) PIL_USERESULT;

/* Boils them down and sorts them; the result is the same in whatever order they were added. */
void pil_grants_settle(struct pil_grants *list);

void pil_grants_free(struct pil_grants *list);

#endif
