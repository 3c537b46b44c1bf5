/*
 * Who holds a link: a thread takes a free one, and gives it back.
 *
 * No thread waits for another one's answer; where all links are taken it waits for one to become
 * free, on a futex. A holder that died in a vfork child loses its link after five seconds.
 *
 * Cost: one atomic exchange each way. Errors: false or NULL. Threads: any. Signals: the caller has
 * them blocked while it holds a link. Fork: see state.h.
 */
#ifndef PIL_SHIM_HOLD_H
#define PIL_SHIM_HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "shim/state.h"

/* Takes that link if it is free. now is CLOCK_MONOTONIC in ns, as everywhere here. */
bool pil_hold_try(struct pil_link *link, uint64_t now);

/* Takes whichever is free; NULL when none is. */
struct pil_link *pil_hold_any(uint64_t now);

/* The same, waiting until end_ns; the link knows by when its call must be over. */
struct pil_link *pil_hold_take(uint64_t end_ns);

void pil_hold_release(struct pil_link *link);

/* SO_COOKIE of a socket; 0 when fd is none. */
uint64_t pil_hold_cookie(int fd);

/* Somebody may have closed our descriptor behind the hooks, by a raw system call, and the number
 * may be the program's by now: nothing may be sent to it, and it must not be closed. */
bool pil_hold_ours(const struct pil_link *link, int fd);

/* Closes what a held link is connected by, if it is still ours. */
void pil_hold_drop(struct pil_link *link);

#endif
