/*
 * The decision: query from the call, then cache, then policyd, then the fail rule.
 *
 * Callers fill in what the call itself says (action, kind, port, addresses, path or name of a
 * resolve). This adds the conditions that the policy in force looks at, and nothing else.
 *
 * Cost: cached, some 50 ns; else a round trip. Errors: none; whatever goes wrong is a denial with
 * its reason. Threads, signals, fork: any.
 */
#ifndef PIL_SHIM_DECIDE_H
#define PIL_SHIM_DECIDE_H

#include "core/query.h"
#include "shim/names.h"

/*
 * Decides q on behalf of the code at `caller` (a return address). q->source is used when the
 * action is accept. Returns 0 when allowed, else the errno for the program. *v may be NULL; then
 * what has to be encrypted is refused, because the caller cannot know that it has to be.
 */
int pil_decide(struct pil_query *q, const void *caller, struct pil_verdict *v);

/* Adds to a question that was decided what the policy looks at, as pil_decide did; for telling
 * policyd about the call. Its texts lie in room. */
void pil_decide_complete(struct pil_query *q, const void *caller, struct pil_name *room);

/*
 * Asks ahead, in one message, for connects to addresses that a name has just given, so that the
 * program's attempts find their verdicts cached. Nothing is refused or allowed by this.
 */
void pil_decide_ahead(const struct pil_ip *ip, const uint16_t *port, unsigned count,
                      const struct pil_name *name);

/* Most addresses that pil_decide_ahead takes. */
#define PIL_AHEAD_MAX 8u

#endif
