/*
 * What the process tells policyd by the ring: counters always, events for what policyd did not
 * see itself.
 *
 * Cost: an atomic add per counter, about 50 ns per event, two atomic operations per tally. Errors:
 * none; without a ring nothing is kept, a full ring counts its drops. Threads, signals: lock-free.
 * Fork: a child has no ring until its own hello.
 */
#ifndef PIL_SHIM_EVENT_H
#define PIL_SHIM_EVENT_H

#include "core/query.h"
#include "core/ring.h"

/* Counts a decision by tier and effect, and by reason when the fail rule served it. */
void pil_event_count(const struct pil_verdict *v);

/* Reports a decision that policyd did not take part in; error is what the program gets. */
void pil_event_decision(const struct pil_query *q, const struct pil_verdict *v, int error,
                        uint64_t elapsed_ns);

/* Counts a call whose verdict, served by the process cache, a policy in shadow would have changed:
 * policyd has seen the question once and learns here how often. tag names question and verdict. */
void pil_event_shadow(const struct pil_query *q, const struct pil_verdict *v, uint32_t tag);

/* Reports an exec that leaves Pillion's reach: PIL_EVENT_COVERAGE_LOST or _EXEC_REFUSED. reason
 * is a number of enum pil_cover and travels in the event's `kind`. */
void pil_event_exec(enum pil_event_type type, const char *path, unsigned cover);

/* Reports what keeps policyd away from this process: PIL_EVENT_CONFINED or _OUT_OF_REACH. */
void pil_event_reach(enum pil_event_type type, const char *text);

/* Reports a secured connection that broke: PIL_EVENT_TLS_TRUNCATED or _BROKEN, and policyd's number
 * of it. */
void pil_event_broken(enum pil_event_type type, uint64_t id);

#endif
