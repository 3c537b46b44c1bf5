#include "policyd/tls/ctx.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "policyd/tls/sessions.h"

struct entry {
    const struct pil_svid *svid; /* NULL: free */
    SSL_CTX *ctx;
    uint64_t used;
};

struct pil_ctx_cache {
    const struct pil_ctx_hooks *hooks;
    uint64_t clock;
    struct entry entries[PIL_CTX_MAX];
};

int pil_ctx_open(const struct pil_ctx_hooks *hooks, struct pil_ctx_cache **out)
{
    struct pil_ctx_cache *cache = calloc(1, sizeof(*cache));

    if (!cache)
        return PIL_E_NOMEM;
    cache->hooks = hooks;
    *out = cache;
    return PIL_OK;
}

static bool set_language(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS); /* thousands wait at once */
    SSL_CTX_set_read_ahead(ctx, 0);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                         "TLS_CHACHA20_POLY1305_SHA256") == 1 &&
           SSL_CTX_set1_groups_list(ctx, "X25519:P-256") == 1;
}

/* Tickets go out by SSL_new_session_ticket alone, once the peer is admitted. They are numbers of
 * sessions that we keep (SSL_OP_NO_TICKET), and belong to this identity: one that another of our
 * workloads gave is no good here. */
static bool set_resumption(SSL_CTX *ctx, const char *id, const struct pil_ctx_hooks *hooks)
{
    unsigned char context[SHA256_DIGEST_LENGTH];

    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_BOTH | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_timeout(ctx, PIL_SESSION_SECONDS);
    SSL_CTX_sess_set_new_cb(ctx, hooks->session_new);
    SSL_CTX_sess_set_get_cb(ctx, hooks->session_get);
    return EVP_Digest(id, strlen(id), context, NULL, EVP_sha256(), NULL) == 1 &&
           SSL_CTX_set_session_id_context(ctx, context, sizeof(context)) == 1 &&
           SSL_CTX_set_num_tickets(ctx, 0) == 1;
}

static SSL_CTX *make(const struct pil_ctx_hooks *hooks, const struct pil_svid *svid)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());

    if (!ctx || !set_language(ctx) || !set_resumption(ctx, svid->id, hooks) ||
        SSL_CTX_use_cert_and_key(ctx, svid->leaf, svid->key, svid->chain, 1) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, hooks->verify, NULL);
    SSL_CTX_set_alpn_select_cb(ctx, hooks->alpn, NULL);
    SSL_CTX_set_keylog_callback(ctx, hooks->keylog);
    return ctx;
}

static void clear(struct entry *e)
{
    if (!e->svid)
        return;
    SSL_CTX_free(e->ctx);
    pil_svid_unref(e->svid);
    memset(e, 0, sizeof(*e));
}

/* Where a new one goes: its former version, a free place, the one not used for longest. */
static struct entry *place_for(struct pil_ctx_cache *cache, const char *id)
{
    struct entry *best = &cache->entries[0];

    for (struct entry *e = cache->entries; e < cache->entries + PIL_CTX_MAX; e++) {
        if (e->svid && strcmp(e->svid->id, id) == 0)
            return e;
        if (e->used < best->used)
            best = e;
    }
    return best;
}

static struct entry *find(struct pil_ctx_cache *cache, const struct pil_svid *svid)
{
    for (struct entry *e = cache->entries; e < cache->entries + PIL_CTX_MAX; e++)
        if (e->svid == svid)
            return e;
    return NULL;
}

int pil_ctx_get(struct pil_ctx_cache *cache, const struct pil_svid *svid, SSL_CTX **out)
{
    struct entry *e = find(cache, svid);

    if (!e) {
        SSL_CTX *ctx = make(cache->hooks, svid);

        if (!ctx)
            return PIL_E_INTERNAL;
        e = place_for(cache, svid->id);
        clear(e);
        *e = (struct entry){.svid = pil_svid_ref(svid), .ctx = ctx};
    }
    e->used = ++cache->clock;
    SSL_CTX_up_ref(e->ctx);
    *out = e->ctx;
    return PIL_OK;
}

void pil_ctx_close(struct pil_ctx_cache *cache)
{
    if (!cache)
        return;
    for (struct entry *e = cache->entries; e < cache->entries + PIL_CTX_MAX; e++)
        clear(e);
    free(cache);
}
