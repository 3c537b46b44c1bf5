/*
 * Sessions between policyds, to be resumed: those that we gave to others as a server, by the number
 * that is their ticket, and those that others gave us, by who we were and where.
 *
 * Both ends keep sessions in memory: a ticket is a number and holds nothing, so there is no key
 * whose loss would open it, and a ticket costs no parsing of certificates. They are lost with
 * policyd, and then a handshake is a full one. Bounded; the one that was not used for longest goes
 * first, and after an hour each. A session may be resumed many times at once. Whether the peer of
 * a session is still to be believed is the caller's to check: its certificates come with it.
 *
 * Cost: a look-up under a lock. Errors: a session that cannot be kept is not. Threads: any.
 */
#ifndef PIL_POLICYD_TLS_SESSIONS_H
#define PIL_POLICYD_TLS_SESSIONS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/defs.h"

#define PIL_SESSION_SECONDS 3600 /* how long a session may be resumed */
#define PIL_SESSION_KEY     32u

struct pil_sessions;

struct pil_session_key {
    uint8_t at[PIL_SESSION_KEY];
};

/* What is kept, and what is handed out: then all members are the caller's. */
struct pil_session {
    SSL_SESSION *ssl;
    X509 *leaf;
    STACK_OF(X509) * chain; /* may be NULL */
};

/* max: sessions kept; not 0. */
int pil_sessions_open(unsigned max, struct pil_sessions **out) PIL_USERESULT;

/* A client's key: this side's SPIFFE ID, the peer's address, the version of the roots. False when
 * it cannot be made; then there is no resumption. */
bool pil_sessions_key(const char *own, const struct pil_ip *ip, uint16_t port, uint64_t bundle,
                      struct pil_session_key *out) PIL_USERESULT;

/* Copies what it keeps, at boot second `now` (pil_sessions_now). Replaces that of the same key. */
void pil_sessions_put(struct pil_sessions *s, const struct pil_session_key *key,
                      const struct pil_session *session, int64_t now);

/* False: none, or none that holds any more. */
bool pil_sessions_get(struct pil_sessions *s, const struct pil_session_key *key,
                      struct pil_session *out, int64_t now) PIL_USERESULT;

/* Forgets it: it did not work. */
void pil_sessions_drop(struct pil_sessions *s, const struct pil_session_key *key);

/* Frees the members. */
void pil_session_clear(struct pil_session *session);

/* Seconds since boot, suspended time included. */
int64_t pil_sessions_now(void);

unsigned pil_sessions_count(struct pil_sessions *s);
void pil_sessions_close(struct pil_sessions *s); /* NULL is legal */

#endif
