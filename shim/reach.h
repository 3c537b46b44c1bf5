/*
 * What leaves Pillion's reach, or would have: said to policyd, and refused where policy wants it.
 *
 * Cost: an event in the ring; a round trip when policyd has not said welcome yet, or the policy has
 * changed. Errors: none; what nobody can decide is refused. Threads, signals, vfork children: as
 * the decisions of decide.h.
 */
#ifndef PIL_SHIM_REACH_H
#define PIL_SHIM_REACH_H

#include <stdbool.h>

#include "core/elf.h"
#include "core/ring.h"

/* Something (a program, a library) leaves our reach for that reason. True: it must not, because
 * the workload's policy requires coverage. Either is reported with path, which may be NULL. */
bool pil_reach_refuses(const char *path, enum pil_cover cover);

/* Reports a way around the hooks that was closed. path may be NULL. */
void pil_reach_closed(enum pil_event_type type, const char *path);

#endif
