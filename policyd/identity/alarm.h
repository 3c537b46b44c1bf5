/*
 * Wakes up at a time of the day, whatever happens to the clock: a timer that also fires when
 * somebody sets the clock, and, once the host is awake again, when the time passed in its sleep.
 *
 * Cost: one descriptor. Errors: enum pil_err. Threads: main thread only.
 */
#ifndef PIL_POLICYD_IDENTITY_ALARM_H
#define PIL_POLICYD_IDENTITY_ALARM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/defs.h"

struct event_base;
struct pil_alarm;

/* call is made from the loop; clock_set: the time has not come, the clock was set. */
int pil_alarm_open(struct event_base *base, void (*call)(void *cookie, bool clock_set),
                   void *cookie, struct pil_alarm **out) PIL_USERESULT;
void pil_alarm_close(struct pil_alarm *alarm); /* NULL is legal */

/* Once, at this CLOCK_REALTIME in milliseconds; one that has passed fires at once. What was set
 * before is forgotten. */
int pil_alarm_set(struct pil_alarm *alarm, int64_t at_ms) PIL_USERESULT;

#endif
