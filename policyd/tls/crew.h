/*
 * The threads of the pool: each a loop of its own over the handshakes that it was given.
 *
 * A hand goes to a crew by an order and comes back by a report; in between it is the crew's. An
 * order for a hand that has ended is passed over, so nobody has to know who was first.
 *
 * Cost: a lock and, when the other side sleeps, a wake-up for each order or report.
 * Errors: enum pil_err. Threads: pil_crew_order on the main thread; report is called in the
 * crew's.
 */
#ifndef PIL_POLICYD_TLS_CREW_H
#define PIL_POLICYD_TLS_CREW_H

#include "core/defs.h"
#include "policyd/tls/hand.h"

/* What a crew is to do with a hand; bits. */
enum pil_hand_order_bit {
    PIL_HAND_START = 1u << 0,
    PIL_HAND_ALLOW = 1u << 1,
    PIL_HAND_DENY = 1u << 2,
    PIL_HAND_REVOKED = 1u << 3, /* deny, since the peer is revoked */
    PIL_HAND_DROP = 1u << 4,    /* nobody waits for it any more */
};

/* What a crew tells; bits. ENDED is the last word: the hand is the main thread's again. */
enum pil_hand_report_bit {
    PIL_HAND_ASKED = 1u << 0,
    PIL_HAND_DONE = 1u << 1,
};

typedef void pil_crew_report(void *cookie, struct pil_hand *hand, unsigned report);

/* Starts a thread, with all signals blocked. */
int pil_crew_start(pil_crew_report *report, void *cookie, struct pil_crew **out) PIL_USERESULT;

/* Adds to the orders of a hand that this crew has or, with PIL_HAND_START, gets. */
void pil_crew_order(struct pil_crew *crew, struct pil_hand *hand, unsigned orders);

/* Hands that were given and have not come back, as the main thread knows. */
unsigned *pil_crew_load(struct pil_crew *crew);

/* Ends the thread; hands that it still has are the caller's afterwards, as they are.
 * NULL is legal. */
void pil_crew_stop(struct pil_crew *crew);

/* Frees it; no hand may be watched by it any more (pil_crew_forget). NULL is legal. */
void pil_crew_free(struct pil_crew *crew);

/* Takes a hand's events out of the loop of its stopped crew. */
void pil_crew_forget(struct pil_hand *hand);

#endif
