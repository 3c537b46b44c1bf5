/*
 * A lock of one word for what takes a few system calls, never a wait.
 *
 * Signals are blocked while it is held, so that a handler which calls a hook does not wait for the
 * thread that it interrupts, and cannot jump away from under it. In memory that is wiped on fork it
 * is free in the child, whoever held it in the parent.
 *
 * Cost: two system calls for the signals and two atomic exchanges. Errors: none. Threads: that is
 * what it is for. Not for memory that processes share: a holder that dies keeps it.
 */
#ifndef PIL_SHIM_LOCK_H
#define PIL_SHIM_LOCK_H

#include <stdatomic.h>
#include <stdint.h>

struct pil_lock {
    _Atomic uint32_t word; /* 0 free, 1 held, 2 held and waited for */
};

/* The signal mask to give back, in *mask. */
void pil_lock_take(struct pil_lock *lock, uint64_t *mask);
void pil_lock_release(struct pil_lock *lock, const uint64_t *mask);

#endif
