/*
 * The life of the shim in one process: start, fork, exec.
 *
 * Two kinds of memory. What is true for the process image (environment, real functions, stub) is
 * set once at start. What belongs to one process (links, shared pages, cached verdicts) lies in
 * pages that the kernel wipes in a forked child (MADV_WIPEONFORK): the child finds zeroes,
 * whichever way it was made and whatever other threads were doing, and starts over at its first
 * call. A vfork child shares the memory and uses it as its parent would.
 *
 * Cost: pil_state_ready is two loads. Errors: none; a shim that could not start refuses, because
 * it has no link. Threads: start is taken by one thread with signals blocked, the others wait
 * for these few system calls.
 */
#ifndef PIL_SHIM_STATE_H
#define PIL_SHIM_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/genpage.h"
#include "core/ring.h"
#include "shim/lock.h"
#include "shim/ownfd.h"

#define PIL_LINKS       8u
#define PIL_LINK_BUFFER 4096u /* bytes of the largest frame the shim sends or takes */

/* One connection to policyd. Owned by the thread that holds `busy`. */
struct pil_link {
    _Atomic uint64_t busy; /* CLOCK_MONOTONIC ns when it was taken; 0: free */
    _Atomic uint32_t fd;   /* descriptor + 1; 0: not connected */
    uint64_t end_ns;       /* when the call that uses it must be over */
    uint64_t cookie;       /* SO_COOKIE: tells our socket from another one under its number */
    uint32_t instance;     /* of policyd, pil_process.instance when it was connected */
    uint32_t sequence;
    uint32_t limit_ms; /* what the kernel was told to wait on the socket */
    bool greeted;      /* hello was sent, welcome not yet read */
    bool patient;      /* the call that uses it waits for a policyd that went away */
    uint8_t buffer[PIL_LINK_BUFFER] __attribute__((aligned(8)));
};

/* Everything that is wiped in a forked child: whole pages of it, so that nothing else lies in a
 * page that is wiped. */
struct pil_process {
    _Atomic uint32_t phase;             /* 0: fresh or forked, 1: starting, 2: ready */
    _Atomic uint32_t instance;          /* raised when policyd turned out to be gone */
    _Atomic(struct pil_genpage *) page; /* of the last policyd that said welcome; never unmapped,
                                           because a thread may be reading it */
    _Atomic(struct pil_ring *) ring;
    _Atomic uint32_t page_instance;    /* the instance the page came from, + 1 */
    _Atomic uint64_t ring_file;        /* inode of the ring, one for all links of a process */
    _Atomic uint32_t flags;            /* enum pil_welcome_flag */
    _Atomic uint64_t flags_generation; /* the policy that the flags are of */
    _Atomic uint32_t deadline_ms;      /* 0: PIL_DEADLINE_MS */
    _Atomic uint32_t cause;            /* enum pil_err of the last failure to reach policyd */
    _Atomic uint64_t retry_ns;         /* not before this (CLOCK_MONOTONIC), after failures */
    _Atomic uint32_t backoff_ms;
    _Atomic uint64_t gone_ns;  /* when the policyd that had welcomed us went away; 0: it has not */
    _Atomic uint32_t euid;     /* effective user that policyd knows us by */
    _Atomic bool became;       /* somebody else, by a call of its own, in a renumbered namespace */
    _Atomic uint32_t subject;  /* raised when that changed: part of the cache's keys */
    _Atomic uint64_t check_ns; /* when to look next whether the link is up (coarse) */
    _Atomic uint32_t released; /* futex word: raised when a link becomes free */
    _Atomic uint32_t waiters;
    _Atomic uint32_t pid;    /* of this process; 0: nobody has asked yet (conn_slot.c) */
    _Atomic uint32_t areas;  /* a bit for each scratch area that is in use (conn_slot.h) */
    struct pil_lock parking; /* of the table in park.c */
    struct pil_link link[PIL_LINKS] __attribute__((aligned(64)));
} __attribute__((aligned(4096)));
_Static_assert(sizeof(struct pil_process) % 4096 == 0, "whole pages");

extern struct pil_process pil_process;

/* This process is a forked child of one that had started. Not wiped; only ever set. */
extern bool pil_state_forked;

/* This process is in another user namespace than it began in: its users' numbers say nothing about
 * whether it has become somebody else. Not wiped. */
extern _Atomic bool pil_state_renumbered;

/* The constructor's work; also done by the first call that comes earlier. */
void pil_state_boot(char *const envp[]);

/* Makes sure the process part is there. */
void pil_state_ready_slow(void);

static inline void pil_state_ready(void)
{
    if (PIL_UNLIKELY(atomic_load_explicit(&pil_process.phase, memory_order_acquire) != 2))
        pil_state_ready_slow();
}

/* False before the constructor: only close and its like look at this. */
bool pil_state_booted(void);

/* A function of libc's (real.h) for calls that may come before the constructor; NULL where libc
 * does not have it. */
#define PIL_BOUND(name)                                                                            \
    (pil_state_booted() || (pil_state_boot(environ), true) ? pil_real_libc.name : NULL)

#endif
