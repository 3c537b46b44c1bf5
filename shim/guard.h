/*
 * Per-thread depth of libc calls that we make on behalf of a hook.
 *
 * While it is raised, name-service traffic of libc and its NSS modules to local daemons (unix
 * sockets) passes unjudged: it is how the judged call, getaddrinfo, does its work. Connections to
 * other hosts are judged all the same.
 *
 * Cost: one increment in the thread's static TLS block. Errors: none. Signals: a handler that
 * runs inside sees the raised depth, and so has the same small freedom. Never raised across exec.
 */
#ifndef PIL_SHIM_GUARD_H
#define PIL_SHIM_GUARD_H

#include <stdbool.h>

#include "core/defs.h"

extern __thread unsigned pil_guard_depth PIL_HIDDEN;

static inline void pil_guard_enter(void)
{
    pil_guard_depth++;
}

static inline void pil_guard_leave(void)
{
    pil_guard_depth--;
}

static inline bool pil_guard_inside(void)
{
    return pil_guard_depth > 0;
}

/* What identifies this thread without a system call; another thread may get the value after this
 * one has ended. */
static inline uint64_t pil_guard_thread(void)
{
    return (uint64_t)(uintptr_t)__builtin_thread_pointer();
}

#endif
