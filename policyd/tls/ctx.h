/*
 * The SSL_CTX for an identity: what this side presents and what it speaks, made once for each
 * version of an identity and then shared by its handshakes.
 *
 * TLS 1.3 alone; both sides present certificates; AES-128-GCM is preferred; groups are X25519
 * and P-256. At most PIL_CTX_MAX identities are kept: the one not used for longest goes first, and
 * a renewed identity takes the place of its former version.
 *
 * Cost: about 0.1 ms for a new one. Errors: PIL_E_INTERNAL with OpenSSL's queue.
 * Threads: the cache on the main thread only; an SSL_CTX on any.
 */
#ifndef PIL_POLICYD_TLS_CTX_H
#define PIL_POLICYD_TLS_CTX_H

#include <openssl/ssl.h>

#include "core/defs.h"
#include "policyd/identity/svid.h"

#define PIL_CTX_MAX 256u

struct pil_ctx_cache;

/* Who hears of what happens in a handshake; all are called in the thread that runs it. */
struct pil_ctx_hooks {
    SSL_CTX_keylog_cb_func keylog;
    int (*verify)(X509_STORE_CTX *store, void *cookie);
    SSL_CTX_alpn_select_cb_func alpn;
    /* A ticket came (client) or goes out (server). */
    int (*session_new)(SSL *ssl, SSL_SESSION *session);
    /* Server: a ticket comes back; NULL: a full handshake. */
    SSL_SESSION *(*session_get)(SSL *ssl, const unsigned char *id, int len, int *copy);
};

/* hooks must outlive the cache. */
int pil_ctx_open(const struct pil_ctx_hooks *hooks, struct pil_ctx_cache **out) PIL_USERESULT;

/* *out is the caller's, to be freed by SSL_CTX_free. */
int pil_ctx_get(struct pil_ctx_cache *cache, const struct pil_svid *svid,
                SSL_CTX **out) PIL_USERESULT;

void pil_ctx_close(struct pil_ctx_cache *cache); /* NULL is legal */

#endif
