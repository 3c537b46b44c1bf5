/*
 * One decision: what policyd itself has to say, then the host cache, then the engine.
 *
 * Cost: a cache look-up, or one evaluation; no allocation, no system call but the clock's (once a
 * minute also the time zones, when the policy names any). Errors: none; what cannot be decided is
 * a denial with its reason. Threads: main thread only.
 */
#ifndef PIL_POLICYD_DECIDE_H
#define PIL_POLICYD_DECIDE_H

#include "conf/switch.h"
#include "core/query.h"

struct pil_decider;
struct pil_log;
struct pil_settings;
struct pil_stats;
struct pil_store;

/* All of it is borrowed and must outlive the decider. log may be NULL. */
int pil_decider_open(const struct pil_settings *settings, struct pil_store *store,
                     const struct pil_log *log, struct pil_stats *stats,
                     struct pil_decider **out) PIL_USERESULT;

/* Fills *out wholly and counts it. */
void pil_decide(struct pil_decider *d, const struct pil_subject *who, const struct pil_query *q,
                struct pil_verdict *out);

/* The host's kill switch; on at first. The caller raises the generation. */
void pil_decider_switch(struct pil_decider *d, enum pil_switch_mode mode);

void pil_decider_close(struct pil_decider *d);

#endif
