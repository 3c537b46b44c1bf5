#include "policyd/tls/hand.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/tls/alert.h"
#include "policyd/tls/reason.h"

/* A step: true when another may follow at once; otherwise *next says why it stopped. */
typedef bool step(struct pil_hand *hand, enum pil_hand_next *next);

static bool wait(enum pil_hand_next *next)
{
    *next = PIL_HAND_WAIT;
    return false;
}

enum pil_hand_next pil_hand_fail(struct pil_hand *hand, enum pil_tls_reason reason,
                                 const char *detail)
{
    struct pil_hand_result *result = &hand->result;

    *result = hand->known;
    result->err = pil_reason_err(reason);
    result->reason = reason;
    if (detail)
        snprintf(result->detail, sizeof(result->detail), "%s", detail);
    hand->state = PIL_HAND_ENDED;
    return PIL_HAND_END;
}

static bool fail(struct pil_hand *hand, enum pil_tls_reason reason, const char *detail,
                 enum pil_hand_next *next)
{
    *next = pil_hand_fail(hand, reason, detail);
    return false;
}

static bool fail_errno(struct pil_hand *hand, int error, enum pil_hand_next *next)
{
    char detail[PIL_TLS_DETAIL_MAX];
    enum pil_tls_reason reason = pil_reason_of_errno(error, detail, sizeof(detail));

    return fail(hand, reason, detail, next);
}

/* OpenSSL gave up. What the verifier has found comes before what OpenSSL made of it. */
static bool fail_ssl(struct pil_hand *hand, enum pil_hand_next *next)
{
    char detail[PIL_TLS_DETAIL_MAX];
    enum pil_tls_reason reason = pil_reason_of_failure(&hand->peer, detail, sizeof(detail));

    if (hand->offered)
        pil_sessions_drop(hand->tools->got, &hand->session_key);
    if (reason == PIL_TLS_NONE && hand->known.reason != PIL_TLS_NONE)
        return fail(hand, hand->known.reason, NULL, next);
    return fail(hand, reason == PIL_TLS_NONE ? PIL_TLS_INTERNAL : reason, detail, next);
}

/* ---- before TLS ---- */

/* A connection that has ended, whoever has taken its error already. */
static bool has_ended(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && info.tcpi_state == TCP_CLOSE;
}

/* However a connect() ends, what came of it is that there is no connection; or that it took long.
 */
static bool fail_connect(struct pil_hand *hand, int error, enum pil_hand_next *next)
{
    char detail[PIL_TLS_DETAIL_MAX];
    enum pil_tls_reason reason = pil_reason_of_errno(error, detail, sizeof(detail));

    hand->known.error = error;
    return fail(hand, reason == PIL_TLS_TIMEOUT ? reason : PIL_TLS_UNREACHABLE, detail, next);
}

static bool step_connecting(struct pil_hand *hand, enum pil_hand_next *next)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address), error_len = sizeof(int);
    int error = 0;

    if (getsockopt(hand->peer.fd, SOL_SOCKET, SO_ERROR, &error, &error_len) != 0)
        return fail_errno(hand, errno, next);
    if (error != 0)
        return fail_connect(hand, error, next);
    if (getpeername(hand->peer.fd, (struct sockaddr *)&address, &len) == 0) {
        hand->state = PIL_HAND_SHAKING;
        return true;
    }
    if (has_ended(hand->peer.fd))
        return fail(hand, PIL_TLS_UNREACHABLE, "the connection has ended", next);
    return wait(next);
}

static bool has_hung_up(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLRDHUP};

    return poll(&poll_fd, 1, 0) > 0;
}

static bool take_plaintext(struct pil_hand *hand, const uint8_t *head, ssize_t len,
                           enum pil_hand_next *next)
{
    char detail[64];

    if (hand->permissive) {
        hand->result = (struct pil_hand_result){.plaintext = true};
        hand->state = PIL_HAND_ENDED;
        *next = PIL_HAND_END;
        return false;
    }
    snprintf(detail, sizeof(detail), "it begins with 0x%02x", head[0]);
    if (len > 1)
        snprintf(detail, sizeof(detail), "it begins with 0x%02x 0x%02x", head[0], head[1]);
    return fail(hand, PIL_TLS_PLAINTEXT, detail, next);
}

/* The first bytes stay in the socket: the program gets them when they are not TLS. */
static bool step_peeking(struct pil_hand *hand, enum pil_hand_next *next)
{
    uint8_t head[2];
    ssize_t n = recv(hand->peer.fd, head, sizeof(head), MSG_PEEK | MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return wait(next);
    if (n < 0)
        return fail_errno(hand, errno, next);
    if (n == 0)
        return fail(hand, PIL_TLS_NO_HELLO, "end of stream", next);
    if (!pil_peer_is_tls(head, (unsigned)n))
        return take_plaintext(hand, head, n, next);
    if (n < (ssize_t)sizeof(head) && has_hung_up(hand->peer.fd))
        return fail(hand, PIL_TLS_TRUNCATED, "end of stream after one byte", next);
    if (n < (ssize_t)sizeof(head))
        return wait(next);
    hand->state = PIL_HAND_SHAKING;
    return true;
}

/* ---- TLS ---- */

static void on_message(int sent, int version, int type, const void *at, size_t len, SSL *ssl,
                       void *cookie)
{
    (void)version;
    (void)ssl;
    pil_secrets_message(cookie, sent != 0, type, at, len);
}

static void make_session_key(struct pil_hand *hand)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    struct pil_addr peer;

    hand->has_session_key = getpeername(hand->peer.fd, (struct sockaddr *)&address, &len) == 0 &&
                            pil_addr_from((struct sockaddr *)&address, len, &peer) == PIL_OK &&
                            pil_sessions_key(hand->svid->id, &peer.ip, peer.port,
                                             hand->bundle->version, &hand->session_key);
}

/* Client: offers the session of last time, if whom it was with is still to be believed. */
static void offer_session(struct pil_hand *hand)
{
    struct pil_session session;

    if (hand->fresh || !hand->has_session_key ||
        !pil_sessions_get(hand->tools->got, &hand->session_key, &session, pil_sessions_now()))
        return;
    if (pil_hand_vet(hand, session.leaf, session.chain) == PIL_TLS_NONE)
        hand->offered = SSL_set_session(hand->ssl, session.ssl) == 1;
    else
        memset(&hand->known, 0, sizeof(hand->known));
    pil_session_clear(&session);
}

static bool set_role(struct pil_hand *hand)
{
    hand->secrets.is_server = hand->role == PIL_ROLE_SERVER;
    if (hand->role == PIL_ROLE_SERVER) {
        SSL_set_accept_state(hand->ssl);
        return true;
    }
    SSL_set_connect_state(hand->ssl);
    /* 0 is success here. */
    if (SSL_set_alpn_protos(hand->ssl, hand->alpn, hand->alpn_len) != 0)
        return false;
    make_session_key(hand);
    offer_session(hand);
    return true;
}

static bool make_ssl(struct pil_hand *hand)
{
    BIO *bio = pil_peer_bio_new(hand->tools->bio, &hand->peer);

    hand->ssl = bio ? SSL_new(hand->ctx) : NULL;
    if (!hand->ssl) {
        BIO_free(bio);
        return false;
    }
    SSL_set_bio(hand->ssl, bio, bio);
    SSL_set_app_data(hand->ssl, hand);
    SSL_set_msg_callback(hand->ssl, on_message);
    SSL_set_msg_callback_arg(hand->ssl, &hand->secrets);
    return set_role(hand);
}

/* True when OpenSSL waits for the socket; false: it has failed. */
static bool is_waiting(struct pil_hand *hand, int result)
{
    int error = SSL_get_error(hand->ssl, result);

    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static bool is_mesh(const SSL *ssl)
{
    const unsigned char *name = NULL;
    unsigned len = 0;

    SSL_get0_alpn_selected(ssl, &name, &len);
    return len == sizeof(PIL_TLS_ALPN) - 1 && memcmp(name, PIL_TLS_ALPN, len) == 0;
}

/* The certificate that was checked is the one that this session is with, resumed or not. */
static bool is_whom_we_checked(const struct pil_hand *hand)
{
    const X509 *leaf = SSL_get0_peer_certificate(hand->ssl);

    return leaf && hand->leaf && X509_cmp(leaf, hand->leaf) == 0 && hand->known.peer[0] &&
           hand->known.reason == PIL_TLS_NONE && SSL_version(hand->ssl) == TLS1_3_VERSION;
}

static bool is_stale(SSL *ssl)
{
    return time(NULL) - SSL_SESSION_get_time(SSL_get_session(ssl)) > PIL_SESSION_SECONDS / 2;
}

static bool finish(struct pil_hand *hand, enum pil_hand_next *next)
{
    hand->result = hand->known;
    if (SSL_has_pending(hand->ssl))
        return fail(hand, PIL_TLS_INTERNAL, "bytes behind the handshake were read", next);
    if (pil_secrets_traffic(&hand->secrets, hand->known.suite, false, &hand->result.in) != PIL_OK ||
        pil_secrets_traffic(&hand->secrets, hand->known.suite, true, &hand->result.out) != PIL_OK)
        return fail(hand, PIL_TLS_INTERNAL, "the keys could not be derived", next);
    hand->state = PIL_HAND_ENDED;
    *next = PIL_HAND_END;
    return false;
}

static bool admit(struct pil_hand *hand, enum pil_hand_next *next)
{
    if (!hand->known.mesh)
        return finish(hand, next);
    /* A ticket for next time goes out ahead of the ready record. */
    if (!hand->known.resumed || is_stale(hand->ssl))
        SSL_new_session_ticket(hand->ssl);
    hand->state = PIL_HAND_TELLING;
    return true;
}

static bool shaken(struct pil_hand *hand, enum pil_hand_next *next)
{
    if (!is_whom_we_checked(hand))
        return fail(hand, PIL_TLS_INTERNAL, "the peer is not the one that was checked", next);
    hand->known.mesh = is_mesh(hand->ssl);
    hand->known.resumed = SSL_session_reused(hand->ssl) == 1;
    hand->known.suite = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(hand->ssl));
    if (hand->role == PIL_ROLE_SERVER) {
        hand->state = PIL_HAND_ASKING;
        *next = PIL_HAND_ASK;
        return false;
    }
    if (!hand->known.mesh)
        return finish(hand, next);
    hand->state = PIL_HAND_READY;
    return true;
}

static bool step_shaking(struct pil_hand *hand, enum pil_hand_next *next)
{
    int result;

    ERR_clear_error();
    if (!hand->ssl && !make_ssl(hand))
        return fail(hand, PIL_TLS_INTERNAL, "out of memory", next);
    result = SSL_do_handshake(hand->ssl);
    if (result == 1)
        return shaken(hand, next);
    return is_waiting(hand, result) ? wait(next) : fail_ssl(hand, next);
}

static bool step_telling(struct pil_hand *hand, enum pil_hand_next *next)
{
    static const uint8_t ready = 1;
    size_t put;
    int result;

    ERR_clear_error();
    result = SSL_write_ex(hand->ssl, &ready, sizeof(ready), &put);
    if (result == 1)
        return finish(hand, next);
    return is_waiting(hand, result) ? wait(next) : fail_ssl(hand, next);
}

static bool step_ready(struct pil_hand *hand, enum pil_hand_next *next)
{
    uint8_t ready;
    size_t got;
    int result;

    ERR_clear_error();
    result = SSL_read_ex(hand->ssl, &ready, sizeof(ready), &got);
    if (result == 1 && SSL_pending(hand->ssl) == 0)
        return finish(hand, next);
    if (result == 1)
        return fail(hand, PIL_TLS_MALFORMED, "the ready record is longer than one byte", next);
    if (SSL_get_error(hand->ssl, result) == SSL_ERROR_ZERO_RETURN)
        return fail(hand, PIL_TLS_TRUNCATED, "closed before the ready record", next);
    return is_waiting(hand, result) ? wait(next) : fail_ssl(hand, next);
}

static bool step_nothing(struct pil_hand *hand, enum pil_hand_next *next)
{
    (void)hand;
    return wait(next);
}

enum pil_hand_next pil_hand_step(struct pil_hand *hand)
{
    static step *const steps[] = {
        [PIL_HAND_CONNECTING] = step_connecting, [PIL_HAND_PEEKING] = step_peeking,
        [PIL_HAND_SHAKING] = step_shaking,       [PIL_HAND_ASKING] = step_nothing,
        [PIL_HAND_TELLING] = step_telling,       [PIL_HAND_READY] = step_ready,
        [PIL_HAND_ENDED] = step_nothing,
    };
    enum pil_hand_next next = PIL_HAND_WAIT;

    while (steps[hand->state](hand, &next))
        ;
    return next;
}

static void refuse(struct pil_hand *hand, enum pil_tls_reason reason)
{
    struct pil_traffic out;

    if (pil_secrets_traffic(&hand->secrets, hand->known.suite, true, &out) != PIL_OK)
        return;
    pil_alert_send(hand->peer.fd, hand->known.suite, &out,
                   reason == PIL_TLS_REVOKED ? SSL_AD_CERTIFICATE_REVOKED : SSL_AD_ACCESS_DENIED);
    OPENSSL_cleanse(&out, sizeof(out));
}

enum pil_hand_next pil_hand_decide(struct pil_hand *hand, enum pil_tls_reason reason)
{
    enum pil_hand_next next;

    if (hand->state != PIL_HAND_ASKING)
        return PIL_HAND_WAIT;
    if (reason != PIL_TLS_NONE) {
        refuse(hand, reason);
        return pil_hand_fail(hand, reason, NULL);
    }
    return admit(hand, &next) ? pil_hand_step(hand) : next;
}

void pil_hand_release(struct pil_hand *hand)
{
    if (hand->ssl) {
        /* Otherwise OpenSSL takes the session for a broken one. */
        SSL_set_shutdown(hand->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(hand->ssl);
    }
    hand->ssl = NULL;
    X509_free(hand->leaf);
    hand->leaf = NULL;
    sk_X509_pop_free(hand->chain, X509_free);
    hand->chain = NULL;
    pil_secrets_wipe(&hand->secrets);
    if (hand->peer.fd >= 0)
        close(hand->peer.fd);
    hand->peer.fd = -1;
}
