/*
 * Who looks on while policyd decides: the report on policies in shadow, always, and learners, as
 * long as their connections last.
 *
 * The report adds up what a policy in shadow would have decided otherwise: questions as policyd
 * answers them, and the calls that caches in processes answered, which their rings count (tallies
 * of core/ring.h). It is bounded at PIL_OBSERVE_SHADOW bytes.
 *
 * A learner gets every decision that its filter lets through, allowed ones included, whatever the
 * log keeps, bounded at PIL_OBSERVE_LEARN bytes. While there is one, all processes tell names,
 * sources and callers; when the first comes, every cached verdict ends, so that what was already
 * cached is asked again, and nothing is asked ahead.
 *
 * Cost: nothing for a decision without shadow difference and learners; else one addition to a
 * tally. Errors: enum pil_err. Threads: main thread only.
 */
#ifndef PIL_POLICYD_OBSERVE_H
#define PIL_POLICYD_OBSERVE_H

#include <jansson.h>

#include "core/query.h"
#include "core/ring.h"

#define PIL_OBSERVE_SHADOW   (4u << 20)
#define PIL_OBSERVE_LEARN    (32u << 20)
#define PIL_OBSERVE_LEARNERS 4u

struct pil_daemon;
struct pil_observer;
struct pil_process;
struct pil_session;

int pil_observer_open(struct pil_daemon *d, struct pil_observer **out) PIL_USERESULT;
void pil_observer_close(struct pil_observer *o); /* after all sessions; NULL is legal */

/* A decision that policyd took. o may be NULL. */
void pil_observe_decision(struct pil_observer *o, const struct pil_process *p,
                          const struct pil_query *q, const struct pil_verdict *v,
                          uint64_t realtime_ns);

/* What the ring of a process has counted since it was last taken. */
void pil_observe_ring(struct pil_observer *o, struct pil_process *p);

/* A program left Pillion's reach; path is what was executed. */
void pil_observe_lost(struct pil_observer *o, const struct pil_process *p, struct pil_slice path);

/* The report: verb `shadow`. */
json_t *pil_observe_shadow(struct pil_observer *o);
void pil_observe_reset(struct pil_observer *o);

/* Verbs `learn` and `learned`. The filter is an object with any of unit, workload, exe; problem
 * gets a sentence when it is not. A learner ends with its session. */
int pil_observe_learn(struct pil_session *s, const json_t *filter, char *problem,
                      size_t cap) PIL_USERESULT;
json_t *pil_observe_learned(const struct pil_session *s);
void pil_observe_stop(struct pil_session *s);

#endif
