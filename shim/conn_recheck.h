/*
 * Connections that stand while the policy changes. Private to conn*.c.
 *
 * A slot knows the generation that it was last allowed by. When the status page has another one,
 * the next call on the connection asks policyd first, and a connection that may not go on is reset.
 * Without an answer it goes on as it stood: policyd cuts what is idle by itself, and a policyd that
 * is away has no new policy.
 *
 * Cost: three loads; a round trip after a change. Errors: none; a connection that is cut says so by
 * its own calls. Threads, fork: any; no lock is held. Signals: blocked for the round trip.
 */
#ifndef PIL_SHIM_CONN_RECHECK_H
#define PIL_SHIM_CONN_RECHECK_H

#include "shim/conn_slot.h"
#include "shim/state.h"

/* Asks; the generation is the page's. */
void pil_recheck_ask(struct pil_slot *slot, int fd, uint64_t generation);

static inline void pil_recheck(struct pil_slot *slot, int fd)
{
    const struct pil_genpage *page = atomic_load_explicit(&pil_process.page, memory_order_acquire);
    uint64_t generation = page ? pil_genpage_generation(pil_genpage_word(page)) : 0;

    if (PIL_UNLIKELY(generation != 0 &&
                     generation != atomic_load_explicit(&slot->generation, memory_order_relaxed)))
        pil_recheck_ask(slot, fd, generation);
}

#endif
