/*
 * What io.c offers to the other files behind shim.h: connections that are being secured, and
 * descriptors that leave the hooks' reach.
 *
 * Cost: a load for every other descriptor. Errors: negated errno. Threads, signals, fork: as
 * shim.h.
 */
#ifndef PIL_SHIM_IO_H
#define PIL_SHIM_IO_H

#include "core/defs.h"
#include "shim/park.h"

/* The part of pil_io_hold that is for parked descriptors. */
int pil_io_wait(int fd, int flags);

/* Before bytes are moved: 0, or why they cannot be. A connection that is being secured is waited
 * for where the call would wait (flags are MSG_...), else that is -EAGAIN; one that failed says so.
 */
static inline int pil_io_hold(int fd, int flags)
{
    return PIL_UNLIKELY(pil_park_has(fd)) ? pil_io_wait(fd, flags) : 0;
}

/* fd will be read or written where no hook is: a protected connection becomes a relay, whose bytes
 * are plain to this process. False when it could not. */
bool pil_io_leave(int fd);

#endif
