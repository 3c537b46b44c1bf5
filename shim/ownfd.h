/*
 * Descriptors that are ours: close-on-exec, high, and stepped around by the host's close, dup and
 * close_range.
 *
 * The table of numbers survives a fork on purpose: the child has copies of its parent's links and
 * must close them, whatever else it forgets. A number is listed after it was opened and taken off
 * before it is closed, so a listed number is always open and always ours.
 *
 * Cost: two comparisons for a number that none of ours is near, else a bit in a table: programs
 * close numbers in loops of a million.
 * Errors: -1 from pil_ownfd_adopt when the kernel gives no number or there is no room to list it:
 * the table is of 65,536 numbers, and of eight higher ones.
 * Threads, signals: lock-free. Safe in vfork children.
 */
#ifndef PIL_SHIM_OWNFD_H
#define PIL_SHIM_OWNFD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Chooses where ours go, from the limit on descriptors. Once, at start. */
void pil_ownfd_init(void);

/* Moves a fresh descriptor up and lists it. Returns its new number; on failure -1, and the
 * descriptor is closed. */
int pil_ownfd_adopt(int fd);

/* Takes a number off the list and closes it. */
void pil_ownfd_close(int fd);

/* Takes a number off the list that turned out not to be ours any more; closes nothing. */
void pil_ownfd_lose(int fd);

/* The numbers that ours have had since start, as last << 32 | first: it only grows. */
extern _Atomic uint64_t pil_ownfd_span;

bool pil_ownfd_lists(int fd);

static inline bool pil_ownfd_has(int fd)
{
    uint64_t span = atomic_load_explicit(&pil_ownfd_span, memory_order_relaxed);
    uint32_t first = (uint32_t)span, last = (uint32_t)(span >> 32);

    return (uint32_t)fd - first <= last - first && pil_ownfd_lists(fd);
}

/* The lowest of ours that is >= fd, or -1: for stepping around. */
int pil_ownfd_from(int fd);

/* In a forked child: closes everything that was the parent's. */
void pil_ownfd_forget(void);

#endif
