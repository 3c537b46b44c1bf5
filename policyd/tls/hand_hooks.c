/* What OpenSSL asks or tells in the middle of a handshake. */
#include <string.h>
#include <time.h>

#include "core/err.h"
#include "policyd/tls/hand.h"
#include "policyd/tls/reason.h"

static struct pil_hand *hand_of(const SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

/* The others that came with a leaf, each with one more holder. */
static STACK_OF(X509) * others(const X509 *leaf, const STACK_OF(X509) * chain)
{
    STACK_OF(X509) *kept = sk_X509_new_null();

    for (int i = 0; kept && i < sk_X509_num(chain); i++) {
        X509 *cert = sk_X509_value(chain, i);

        if (X509_cmp(cert, leaf) == 0)
            continue;
        if (sk_X509_push(kept, cert) == 0) {
            sk_X509_pop_free(kept, X509_free);
            return NULL;
        }
        X509_up_ref(cert);
    }
    return kept;
}

static void keep_peer(struct pil_hand *hand, X509 *leaf, const STACK_OF(X509) * chain)
{
    X509_up_ref(leaf);
    X509_free(hand->leaf);
    hand->leaf = leaf;
    sk_X509_pop_free(hand->chain, X509_free);
    hand->chain = others(leaf, chain);
}

enum pil_tls_reason pil_hand_vet(struct pil_hand *hand, X509 *leaf, STACK_OF(X509) * chain)
{
    const struct pil_vet_order order = {
        .bundle = hand->bundle,
        .leaf = leaf,
        .chain = chain,
        .now = time(NULL),
        .expect = (const char *const *)hand->expect,
        .expect_count = hand->expect_count,
    };
    enum pil_tls_reason reason = pil_vetted_check(hand->tools->vetted, &order, &hand->known);

    if (reason == PIL_TLS_NONE)
        keep_peer(hand, leaf, chain);
    return reason;
}

static void hook_keylog(const SSL *ssl, const char *line)
{
    struct pil_hand *hand = hand_of(ssl);

    if (hand)
        pil_secrets_line(&hand->secrets, line);
}

static int hook_verify(X509_STORE_CTX *store, void *cookie)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    enum pil_tls_reason reason = PIL_TLS_INTERNAL;

    (void)cookie;
    if (leaf && ssl && hand_of(ssl))
        reason = pil_hand_vet(hand_of(ssl), leaf, X509_STORE_CTX_get0_untrusted(store));
    X509_STORE_CTX_set_error(store, pil_reason_x509(reason));
    return reason == PIL_TLS_NONE;
}

/* Server: only the mark of another policyd is taken up; others go without a protocol. */
static int hook_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                     const unsigned char *in, unsigned in_len, void *cookie)
{
    static const char mark[] = PIL_TLS_ALPN;

    (void)ssl;
    (void)cookie;
    for (unsigned at = 0; at < in_len && in[at] < in_len - at; at += 1u + in[at]) {
        if (in[at] != sizeof(mark) - 1 || memcmp(in + at + 1, mark, sizeof(mark) - 1) != 0)
            continue;
        *out = in + at + 1;
        *out_len = in[at];
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
}

static bool key_of(const unsigned char *id, size_t len, struct pil_session_key *key)
{
    if (len != sizeof(key->at))
        return false;
    memcpy(key->at, id, len);
    return true;
}

/* Kept for next time, with whom it is. Only another policyd's is worth anything. */
static int hook_session_new(SSL *ssl, SSL_SESSION *session)
{
    struct pil_hand *hand = hand_of(ssl);
    const struct pil_session kept = {.ssl = session, .leaf = hand->leaf, .chain = hand->chain};
    struct pil_session_key key;
    unsigned len;
    const unsigned char *id = SSL_SESSION_get_id(session, &len);

    if (!hand->known.mesh || !hand->leaf)
        return 0;
    if (hand->role == PIL_ROLE_SERVER && key_of(id, len, &key))
        pil_sessions_put(hand->tools->given, &key, &kept, pil_sessions_now());
    else if (hand->role == PIL_ROLE_CLIENT && hand->has_session_key)
        pil_sessions_put(hand->tools->got, &hand->session_key, &kept, pil_sessions_now());
    return 0;
}

/* Server: a session is resumed only with a peer that would be believed if it came anew. */
static SSL_SESSION *hook_session_get(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    struct pil_hand *hand = hand_of(ssl);
    struct pil_session session;
    struct pil_session_key key;
    SSL_SESSION *found = NULL;

    *copy = 0;
    if (len < 0 || !key_of(id, (size_t)len, &key) ||
        !pil_sessions_get(hand->tools->given, &key, &session, pil_sessions_now()))
        return NULL;
    if (pil_hand_vet(hand, session.leaf, session.chain) == PIL_TLS_NONE) {
        found = session.ssl;
        session.ssl = NULL;
    }
    pil_session_clear(&session);
    return found;
}

const struct pil_ctx_hooks pil_hand_hooks = {
    .keylog = hook_keylog,
    .verify = hook_verify,
    .alpn = hook_alpn,
    .session_new = hook_session_new,
    .session_get = hook_session_get,
};
