/*
 * What a peer may send besides data once the handshake is over: alerts, tickets, key updates.
 *
 * A handshake message may be cut into records and several may share one; nothing may come between
 * the pieces of one, and a KeyUpdate ends its record, because what follows is under the next key
 * (RFC 8446 5.1). Tickets are skipped: sessions are policyd's. A request for a certificate is
 * refused, since no handshake offered to answer one.
 *
 * Cost: a few comparisons a message. Errors: PIL_E_MALFORMED for what may not come here,
 * PIL_E_SYNTAX for what cannot be read; give the connection up. Memory, threads, fork, signals:
 * state is the caller's, functions are pure.
 */
#ifndef PIL_CORE_POSTHAND_H
#define PIL_CORE_POSTHAND_H

#include <stdint.h>

#include "core/record.h"

/* Where in a handshake message the last record ended; zeroed at the start. */
struct pil_posthand {
    uint8_t head[4];
    uint8_t have;  /* bytes of head; 0: between messages */
    uint32_t left; /* of a ticket that is being skipped */
};

/* What the caller has to do about a record. */
enum pil_post {
    PIL_POST_REKEY = 1u << 0,  /* the peer's next record is under its next key */
    PIL_POST_ANSWER = 1u << 1, /* change our own key before our next record */
    PIL_POST_CLOSED = 1u << 2, /* the peer ended its direction, in order */
    PIL_POST_FATAL = 1u << 3,  /* the peer gave the connection up */
};

/* Looks at a record that was opened. Data records are to be shown, too, because they may not come
 * in between. *todo is a set of enum pil_post. */
int pil_posthand_take(struct pil_posthand *p, const struct pil_opened *record,
                      const uint8_t *content, unsigned *todo) PIL_USERESULT;

#endif
