/*
 * One handshake, step by step: from a connection in progress to keys or a reason.
 *
 * A hand belongs to one thread at a time: to the main thread until it is given to a worker
 * (policyd/tls/crew.h), then to that worker until it reports; while the main thread decides, it
 * reads `known` and the worker leaves that alone. Steps never wait: each does what the socket
 * allows and says what it waits for.
 *
 * Cost: that of OpenSSL. Errors: in result. Threads: as said.
 */
#ifndef PIL_POLICYD_TLS_HAND_H
#define PIL_POLICYD_TLS_HAND_H

#include <event2/event_struct.h>
#include <openssl/ssl.h>
#include <sys/queue.h>

#include "core/addr.h"
#include "policyd/tls/caps.h"
#include "policyd/tls/ctx.h"
#include "policyd/tls/handshake.h"
#include "policyd/tls/peer_bio.h"
#include "policyd/tls/secrets.h"
#include "policyd/tls/sessions.h"
#include "policyd/tls/vetted.h"

#define PIL_HAND_ALPN_MAX 64u

/* What all hands share; lives as long as the pool. */
struct pil_hand_tools {
    BIO_METHOD *bio;
    struct pil_sessions *given, *got; /* as a server, as a client */
    struct pil_vetted *vetted;
    /* The main thread's. */
    struct pil_ctx_cache *ctxs;
    struct pil_caps *caps;
};

enum pil_hand_state {
    PIL_HAND_CONNECTING, /* client: connect() is in progress */
    PIL_HAND_PEEKING,    /* server: is it TLS? */
    PIL_HAND_SHAKING,
    PIL_HAND_ASKING,  /* server: the owner decides */
    PIL_HAND_TELLING, /* server, mesh: the ready record goes out */
    PIL_HAND_READY,   /* client, mesh: the ready record is awaited */
    PIL_HAND_ENDED,
};

/* What a step came to. */
enum pil_hand_next {
    PIL_HAND_WAIT, /* until the socket allows more */
    PIL_HAND_ASK,  /* `known` is filled in: the owner is to decide */
    PIL_HAND_END,  /* `result` is filled in */
};

struct pil_crew;

struct pil_hand {
    /* The main thread's. */
    uint64_t id;
    struct pil_crew *crew;
    struct pil_ip address; /* of the client, for the cap; server only */
    bool counted, cancelled;
    pil_hand_done *verified, *done;
    void *cookie;

    /* Set before a worker gets it, then read only. */
    const struct pil_hand_tools *tools;
    enum pil_tls_role role;
    bool permissive, fresh;
    int64_t deadline; /* ms, monotonic */
    SSL_CTX *ctx;
    const struct pil_svid *svid;
    const struct pil_bundle *bundle;
    char **expect;
    unsigned expect_count;
    uint8_t alpn[PIL_HAND_ALPN_MAX];
    unsigned alpn_len;

    /* The worker's. */
    enum pil_hand_state state;
    struct pil_peer peer; /* its descriptor is ours */
    SSL *ssl;
    struct pil_secrets secrets;
    struct pil_session_key session_key; /* client */
    bool has_session_key;
    bool offered; /* client: a session was */
    X509 *leaf;   /* whose check made known.peer */
    STACK_OF(X509) * chain;
    struct pil_hand_result known, result;
    struct event readable, timer;
    bool watched;

    /* Under the lock of the crew's inbox, and of the pool's outbox. */
    TAILQ_ENTRY(pil_hand) in_inbox;
    TAILQ_ENTRY(pil_hand) in_outbox;
    unsigned orders;  /* what the worker is to do */
    unsigned reports; /* what the main thread is to do */
    bool queued, reported, ended;
};

extern const struct pil_ctx_hooks pil_hand_hooks;

/* Whether an order is one that can be tried. */
bool pil_hand_makes_sense(const struct pil_hand_order *order);

/* On the main thread: copies what the order points to. PIL_E_FULL: the client's address has as
 * many as it may; else what could not be had. */
int pil_hand_make(const struct pil_hand_tools *tools, const struct pil_hand_order *order,
                  struct pil_hand **out) PIL_USERESULT;

/* On the main thread, when nobody else has it. Wipes keys. */
void pil_hand_free(struct pil_hand *hand);

/* Goes as far as the socket allows. */
enum pil_hand_next pil_hand_step(struct pil_hand *hand);

/* The owner's answer, in state ASKING: PIL_TLS_NONE admits; DENIED and REVOKED refuse. */
enum pil_hand_next pil_hand_decide(struct pil_hand *hand, enum pil_tls_reason reason);

/* Checks the certificates of the peer and keeps them and who it is, when it is believed. */
enum pil_tls_reason pil_hand_vet(struct pil_hand *hand, X509 *leaf, STACK_OF(X509) * chain);

/* Ends it with a reason of this side; reason is not NONE. */
enum pil_hand_next pil_hand_fail(struct pil_hand *hand, enum pil_tls_reason reason,
                                 const char *detail);

/* Frees what the worker needed: the SSL object, the duplicate. The results stay. */
void pil_hand_release(struct pil_hand *hand);

#endif
