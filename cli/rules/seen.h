/*
 * What was seen: decisions as the command gets them, from a line of the log or from an entry that
 * policyd has added up, which have the same keys.
 *
 * Memory: the list owns its texts; pil_seen_free releases them. Errors: enum pil_err. Threads: one.
 */
#ifndef PIL_CLI_RULES_SEEN_H
#define PIL_CLI_RULES_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "core/query.h"

#define PIL_SEEN_TEXT  (PIL_TEXT_MAX + PIL_IP_TEXT)
#define PIL_TIMES_TEXT 20u /* "2026-11-25 15:50:03" and its NUL */

/* How often, when first, when last; times in UTC. */
struct pil_times {
    uint64_t count;
    char first[PIL_TIMES_TEXT], last[PIL_TIMES_TEXT];
};

void pil_times_add(struct pil_times *to, const struct pil_times *from);

/* Texts are never NULL; "" is what was not told. */
struct pil_seen {
    char *exe, *user, *unit, *cgroup, *workload, *caller;
    char *peer; /* SPIFFE ID; "" with has_peer: nobody */
    char *policy, *rule, *shadow_policy, *shadow_rule;
    char *name; /* the host name, path or "family:NUMBER" of the query */
    uint32_t uid;
    uint8_t action, kind, effect, reason, shadow, shadow_reason;
    bool has_source, has_caller, has_peer;
    uint16_t port;
    struct pil_ip ip, source;
    struct pil_times times;
};

struct pil_seen_list {
    struct pil_seen *item;
    size_t count, room;
};

/* Adds a decision. PIL_E_NOTFOUND: the record is about something else; PIL_E_SYNTAX: it lacks what
 * every decision has; nothing is added then. */
int pil_seen_add(struct pil_seen_list *list, const json_t *record) PIL_USERESULT;

/* Sorts, and makes one of those that differ in their times alone. */
void pil_seen_fold(struct pil_seen_list *list);

/* Takes back the one that was added last. */
void pil_seen_drop_last(struct pil_seen_list *list);

void pil_seen_free(struct pil_seen_list *list);

/* Shadow would have decided for want of a rule: another rule could change it. */
bool pil_seen_lacks_rule(const struct pil_seen *seen);

/* The query it was; its texts are the item's. */
struct pil_query pil_seen_query(const struct pil_seen *seen);

/* Its resource, for people: cut where it is too long, without control characters. */
void pil_seen_print(const struct pil_seen *seen, char text[PIL_SEEN_TEXT]);

#endif
