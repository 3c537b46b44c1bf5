/*
 * A TCP connection over loopback with TLS 1.3 on it: one end is the shim's (shim/conn.h), the other
 * one OpenSSL's, or the shim's too.
 *
 * The handshake is OpenSSL's at both ends; the shim's end is taken over by the secrets of the key
 * log, as policyd does it. A header and no object, so that units without the shim need not be
 * linked with it.
 */
#ifndef PIL_TESTS_TLSPAIR_H
#define PIL_TESTS_TLSPAIR_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/wire_tls.h"
#include "shim/aead.h"
#include "shim/conn.h"
#include "tests/support/support.h"

struct tlspair {
    int fd;    /* the shim's end */
    int other; /* the other one */
    SSL *ssl;  /* which is OpenSSL's; NULL: the shim's */
    SSL *own;  /* the shim's end, while it was shaking hands */
    SSL_CTX *ctx[2];
    struct pil_traffic in, out; /* of the shim's end, as installed */
};

/* The secrets of the handshake that was made last. */
static uint8_t tlspair_secret[2][48];
static size_t tlspair_secret_len;

static inline void tlspair_keylog(const SSL *ssl, const char *line)
{
    static const char *const label[] = {"CLIENT_TRAFFIC_SECRET_0 ", "SERVER_TRAFFIC_SECRET_0 "};

    (void)ssl;
    for (unsigned i = 0; i < 2; i++) {
        const char *hex = strrchr(line, ' ');
        unsigned byte;

        if (strncmp(line, label[i], strlen(label[i])))
            continue;
        tlspair_secret_len = strlen(++hex) / 2;
        for (size_t n = 0; n < tlspair_secret_len; n++) {
            assert_int_equal(sscanf(hex + 2 * n, "%2x", &byte), 1);
            tlspair_secret[i][n] = (uint8_t)byte;
        }
    }
}

static inline void tlspair_sockets(int fd[2])
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sa);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listener, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&sa, &len), 0);
    fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd[0], (struct sockaddr *)&sa, len), 0);
    fd[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd[1] >= 0);
    close(listener);
}

static inline const char *tlspair_suite_name(unsigned suite)
{
    return suite == PIL_SUITE_AES_128_GCM   ? "TLS_AES_128_GCM_SHA256"
           : suite == PIL_SUITE_AES_256_GCM ? "TLS_AES_256_GCM_SHA384"
                                            : "TLS_CHACHA20_POLY1305_SHA256";
}

/* A certificate that nobody checks: the record layer does not care who it is. */
static inline void tlspair_certificate(SSL_CTX *ctx)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();

    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static inline struct pil_traffic tlspair_traffic(unsigned suite, const uint8_t *secret)
{
    struct pil_traffic t = {.secret_len = (uint8_t)tlspair_secret_len};
    const struct pil_aead *aead = pil_aead_host();

    memcpy(t.secret, secret, tlspair_secret_len);
    assert_int_equal(
        aead->expand(suite, secret, tlspair_secret_len, "key", t.key, pil_suite_key_len(suite)),
        PIL_OK);
    assert_int_equal(aead->expand(suite, secret, tlspair_secret_len, "iv", t.iv, 12), PIL_OK);
    return t;
}

static inline int tlspair_install(int fd, unsigned suite, const struct pil_traffic *in,
                                  const struct pil_traffic *out)
{
    struct pil_secured s = {
        .path = PIL_PATH_PROCESS, .suite = (uint16_t)suite, .id = 7, .in = *in, .out = *out};

    return pil_conn_install(fd, &s);
}

/* Both ends in one thread, so they take turns; each is non-blocking meanwhile. */
static inline void tlspair_shake(SSL *client, SSL *server)
{
    int done[2] = {0};

    while (done[0] != 1 || done[1] != 1) {
        if (done[0] != 1)
            done[0] = SSL_connect(client);
        if (done[1] != 1)
            done[1] = SSL_accept(server);
    }
}

static inline void tlspair_blocking(int fd, bool blocking)
{
    int flags = fcntl(fd, F_GETFL);

    assert_int_equal(fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK), 0);
}

/* The shim's end is the server when `serves`; a peer that serves sends `tickets` behind. */
static inline void tlspair_open(struct tlspair *p, unsigned suite, bool serves, size_t tickets)
{
    SSL *end[2];
    int fd[2], own = serves ? 1 : 0;

    memset(p, 0, sizeof(*p));
    tlspair_sockets(fd);
    for (int i = 0; i < 2; i++) {
        p->ctx[i] = SSL_CTX_new(i ? TLS_server_method() : TLS_client_method());
        SSL_CTX_set_min_proto_version(p->ctx[i], TLS1_3_VERSION);
        SSL_CTX_set_ciphersuites(p->ctx[i], tlspair_suite_name(suite));
        SSL_CTX_set_keylog_callback(p->ctx[i], tlspair_keylog);
        if (i)
            tlspair_certificate(p->ctx[i]);
        SSL_CTX_set_num_tickets(p->ctx[i], serves ? 0 : tickets);
        end[i] = SSL_new(p->ctx[i]);
        tlspair_blocking(fd[i], false);
        SSL_set_fd(end[i], fd[i]);
    }
    tlspair_shake(end[0], end[1]);
    tlspair_blocking(fd[0], true);
    tlspair_blocking(fd[1], true);
    p->fd = fd[own], p->other = fd[!own];
    p->own = end[own], p->ssl = end[!own];
    p->in = tlspair_traffic(suite, tlspair_secret[!own]);
    p->out = tlspair_traffic(suite, tlspair_secret[own]);
    assert_int_equal(tlspair_install(p->fd, suite, &p->in, &p->out), PIL_OK);
}

/* The shim at both ends. */
static inline void tlspair_open_both(struct tlspair *p, unsigned suite)
{
    tlspair_open(p, suite, false, 0);
    SSL_free(p->ssl);
    p->ssl = NULL;
    assert_int_equal(tlspair_install(p->other, suite, &p->out, &p->in), PIL_OK);
}

static inline void tlspair_close(struct tlspair *p)
{
    for (int i = 0; i < 2; i++) {
        int fd = i ? p->other : p->fd;

        if (fd < 0)
            continue;
        pil_conn_release((unsigned)fd, (unsigned)fd);
        close(fd);
    }
    SSL_free(p->own);
    SSL_free(p->ssl);
    SSL_CTX_free(p->ctx[0]);
    SSL_CTX_free(p->ctx[1]);
}

#endif
