/*
 * Handshakes of TLS 1.3 on connections of governed programs, thousands at once, off the main loop.
 *
 * A pool of threads, each with a loop of its own over non-blocking sockets: no handshake holds up
 * another or the daemon. Both sides present a certificate and check the other's by SPIFFE's rules.
 * What comes out are the traffic keys of both directions and their sequence numbers; the engine
 * never reads a byte behind the handshake, and never touches O_NONBLOCK of the socket, which the
 * program shares. ALPN "pillion/1" tells that policyd is at the other end too:
 *
 *   both are policyd:   the server decides after it has seen the client's certificate, and then
 *                       sends a record of one byte ("ready"), for which the client waits: `done`
 *                       on the client means that the server admits it. Sessions are resumed.
 *   the peer is foreign: plain TLS; no ready record; no tickets from us, and the peer's are left
 *                       in the socket.
 *
 * Cost: about 1 ms of processor time for each side of a full handshake, half of it resumed (make
 * bench: handshake-...). A handshake under way holds one descriptor and about 35 KiB.
 * Errors: pil_hands_start says at once what cannot be tried; all else comes to `done`, as
 * enum pil_tls_reason with a sentence of detail. Nothing that is not verified comes out as good.
 * Threads: all functions on the main loop's thread; all callbacks come there, from the loop.
 */
#ifndef PIL_POLICYD_TLS_HANDSHAKE_H
#define PIL_POLICYD_TLS_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "core/defs.h"
#include "core/record.h" /* struct pil_traffic */
#include "core/tls_reason.h"

struct event_base;
struct pil_bundle;
struct pil_hands;
struct pil_svid;

enum pil_tls_role {
    PIL_ROLE_CLIENT,
    PIL_ROLE_SERVER,
};

/* What the protocol name in ALPN is between policyds. */
#define PIL_TLS_ALPN "pillion/1"

#define PIL_TLS_ID_MAX     256u /* a SPIFFE ID with NUL */
#define PIL_TLS_SERIAL_MAX 48u  /* a serial number in hex with NUL: PIL_SERIAL_TEXT */
#define PIL_TLS_DETAIL_MAX 160u

/*
 * How a handshake stands. On failure `reason` says why, `detail` what was seen, and the rest is
 * what was known by then (peer, serial and times when the certificate could be read).
 */
struct pil_hand_result {
    int err;                    /* PIL_OK; PIL_E_TIMEOUT, PIL_E_UNREACHABLE, PIL_E_REFUSED (this
                                   side's policy), PIL_E_PEER (the peer's doing), PIL_E_INTERNAL */
    enum pil_tls_reason reason; /* PIL_TLS_NONE when err is PIL_OK */
    int error;                  /* errno of a connect that failed (established = false), or 0 */
    char detail[PIL_TLS_DETAIL_MAX];
    char peer[PIL_TLS_ID_MAX];       /* SPIFFE ID, verified when err is PIL_OK */
    char serial[PIL_TLS_SERIAL_MAX]; /* of the peer's certificate, lower-case hex */
    int64_t not_before, not_after;   /* of the peer's certificate, seconds since 1970 */
    bool plaintext;                  /* permissive: no TLS, nothing was read; all below is zero */
    bool mesh;                       /* policyd is at the other end */
    bool resumed;                    /* from a session of before */
    uint16_t suite;                  /* IANA number: enum pil_suite */
    struct pil_traffic in, out;      /* to open what comes, to seal what goes. Wiped when the
                                        callback returns */
};

typedef void pil_hand_done(void *cookie, uint64_t id, const struct pil_hand_result *result);

/* Is this identity revoked? Asked for every handshake, full or resumed, on the main thread. */
typedef bool pil_hands_revoked(void *cookie, const char *serial, const char *id);

struct pil_hands_setup {
    unsigned workers;           /* threads; 0: as many as processors, at most 8 */
    unsigned total;             /* handshakes at once; 0: 4096 */
    unsigned per_peer;          /* at once of one client address (IPv6: one /64); 0: 256 */
    pil_hands_revoked *revoked; /* NULL: none is */
    void *cookie;               /* of revoked */
};

/* What is pointed to is copied, or kept by a reference, before pil_hands_start returns. */
struct pil_hand_order {
    int fd; /* a TCP socket. Lent: the engine works on a duplicate and never closes yours */
    enum pil_tls_role role;
    const struct pil_svid *svid;     /* whom this side is */
    const struct pil_bundle *bundle; /* whom it believes */
    uint32_t deadline_ms;            /* from now until `done`, the decision included; not 0 */
    bool permissive;  /* server: what does not begin like TLS is plaintext, and good */
    bool established; /* client: false: connect() is in progress and is waited for */
    bool fresh;       /* client: resume no session */
    /* Client: patterns (core/glob.h) of which the peer's SPIFFE ID must match one; 0: any. */
    const char *const *expect;
    unsigned expect_count;
    /* Client: further protocol names to offer behind PIL_TLS_ALPN, as on the wire (length, name),
     * for servers that insist on one. NULL: "http/1.1", on which nginx insists. */
    const uint8_t *alpn;
    unsigned alpn_len;

    /* Server: the peer is known (result->peer; no keys yet). Answered by pil_hands_finish, now or
     * later. Not called for plaintext. NULL: every verified peer is admitted. */
    pil_hand_done *verified;
    pil_hand_done *done; /* exactly once, unless cancelled; never from within a call of yours */
    void *cookie;
};

/* Starts the threads. After privileges are dropped: they are per thread. */
int pil_hands_open(struct event_base *base, const struct pil_hands_setup *setup,
                   struct pil_hands **out) PIL_USERESULT;

/* Begins a handshake. *id is never 0. PIL_E_FULL: a cap (PIL_TLS_LIMIT); PIL_E_NOTFOUND: no svid
 * (PIL_TLS_NO_IDENTITY); PIL_E_RANGE: an order that makes no sense; PIL_E_NOMEM, PIL_E_SYSTEM.
 * *reason (may be NULL) is set with it. On an error `done` is not called. */
int pil_hands_start(struct pil_hands *h, const struct pil_hand_order *order, uint64_t *id,
                    enum pil_tls_reason *reason) PIL_USERESULT;

/* The answer to `verified`. Denied: the peer gets the alert access_denied, and `done` comes with
 * PIL_TLS_DENIED. An id that is gone (deadline, cancelled) is passed over. */
void pil_hands_finish(struct pil_hands *h, uint64_t id, bool allow);

/* No callback for this id any more. The connection itself is the caller's to end; a step that is
 * under way in a thread may still send. An id that is gone is passed over. */
void pil_hands_cancel(struct pil_hands *h, uint64_t id);

struct pil_hands_stats {
    unsigned under_way;
    uint64_t started, full, resumed, plaintext, refused; /* by caps */
    uint64_t failed[PIL_TLS_REASON_COUNT];
};

void pil_hands_stats(const struct pil_hands *h, struct pil_hands_stats *out);

/* Ends the threads, without callbacks. NULL is legal. */
void pil_hands_close(struct pil_hands *h);

#endif
