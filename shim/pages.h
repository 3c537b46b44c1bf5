/*
 * The two shared pages of a welcome: status page and event ring, mapped and put in place.
 *
 * Nothing is ever unmapped once it is in place, because any thread may be reading it; a process
 * that meets a new policyd keeps the few pages of the old one.
 *
 * Cost: a few system calls per welcome. Errors: PIL_E_MALFORMED, PIL_E_UNREACHABLE. Threads: two
 * may do this for the same policyd at once; then one mapping stays unused, which costs address
 * space and nothing else. Fork: see state.h.
 */
#ifndef PIL_SHIM_PAGES_H
#define PIL_SHIM_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/defs.h"

/* The pages in place are of this instance of policyd. */
bool pil_pages_have(uint32_t instance);

/* Puts the pages in place that a link to that instance was given; fds stay the caller's. */
int pil_pages_take(uint32_t instance, const int fds[2]) PIL_USERESULT;

#endif
