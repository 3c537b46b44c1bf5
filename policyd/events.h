/*
 * Drains the event rings of the attached processes: by a timer while there are any, and for the
 * last time when a process is gone, stepping over slots that will never be filled.
 *
 * What a ring says is one process's word about itself: each event is copied, then judged, and a
 * round takes no more events from one ring than it has slots, so that no process can hold up the
 * loop. Counters are read where they lie and added to policyd's own when the ring goes away.
 *
 * Cost: a load per process and round. Errors: a ring that breaks its format is left alone.
 * Threads: main thread only.
 */
#ifndef PIL_POLICYD_EVENTS_H
#define PIL_POLICYD_EVENTS_H

#include "core/ring.h"
#include "policyd/stats.h"

struct pil_daemon;
struct pil_events;
struct pil_process;

int pil_events_start(struct pil_daemon *d, struct pil_events **out) PIL_USERESULT;
void pil_events_stop(struct pil_events *events);

/* A process was attached: there are rounds until the last one is gone. Without any nothing ticks.
 * NULL is legal. */
int pil_events_wake(struct pil_events *events) PIL_USERESULT;

/* One round over all rings; the number of events taken. */
unsigned pil_events_round(struct pil_daemon *d);

/* The process is gone: the rest of its ring, and its counters. */
void pil_events_last(struct pil_daemon *d, struct pil_process *p);

/* Sums of all rings there are and were. */
struct pil_events_sum {
    uint64_t decisions[PIL_TIER_COUNT][3];
    uint64_t failed[PIL_REASON_COUNT];
    uint64_t dropped, reconnects;
};
void pil_events_sum(struct pil_daemon *d, struct pil_events_sum *out);

#endif
