/*
 * What OpenSSL reads from and writes to during a handshake: the socket of a program, by calls that
 * never wait, whatever O_NONBLOCK says, because that flag is the program's too.
 *
 * It remembers how the peer began and how the connection ended, for the reason of a failure.
 *
 * Cost: one system call for each read and write of OpenSSL. Errors: OpenSSL's.
 * Threads: that of its SSL object.
 */
#ifndef PIL_POLICYD_TLS_PEER_BIO_H
#define PIL_POLICYD_TLS_PEER_BIO_H

#include <openssl/bio.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/defs.h"

#define PIL_PEER_HEAD 3u

struct pil_peer {
    int fd;                      /* lent */
    int error;                   /* errno of the last call that failed, EAGAIN aside; or 0 */
    bool eof;                    /* the peer has closed its side */
    uint8_t head[PIL_PEER_HEAD]; /* the first bytes that came */
    uint8_t head_len;
};

/* The kind of BIO, made once for all of them. NULL: out of memory. Freed by BIO_meth_free when no
 * BIO of it is left. */
BIO_METHOD *pil_peer_bio_method(void) PIL_USERESULT;

/* A BIO over peer, which must outlive it. NULL: out of memory. */
BIO *pil_peer_bio_new(const BIO_METHOD *method, struct pil_peer *peer) PIL_USERESULT;

/* True when so much of a beginning may be TLS: a handshake record, 0x16 0x03. */
bool pil_peer_is_tls(const uint8_t *head, unsigned len);

#endif
