#include "policyd/tls/aead.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <string.h>

#include "core/err.h"

struct context {
    EVP_CIPHER_CTX *evp;
};

static const EVP_CIPHER *cipher_of(unsigned suite)
{
    switch (suite) {
    case PIL_SUITE_AES_128_GCM:
        return EVP_aes_128_gcm();
    case PIL_SUITE_AES_256_GCM:
        return EVP_aes_256_gcm();
    case PIL_SUITE_CHACHA20:
        return EVP_chacha20_poly1305();
    default:
        return NULL;
    }
}

static int init(void *ctx, unsigned suite, const uint8_t *key)
{
    struct context *c = ctx;
    const EVP_CIPHER *cipher = cipher_of(suite);

    if (!cipher)
        return PIL_E_RANGE;
    if (!c->evp)
        c->evp = EVP_CIPHER_CTX_new();
    if (!c->evp)
        return PIL_E_NOMEM;
    return EVP_CipherInit_ex(c->evp, cipher, NULL, key, NULL, 1) == 1 ? PIL_OK : PIL_E_INTERNAL;
}

void pil_aead_drop(void *ctx)
{
    struct context *c = ctx;

    EVP_CIPHER_CTX_free(c->evp);
    c->evp = NULL;
}

/* Nonce, direction, and what is authenticated besides. */
static bool begin(EVP_CIPHER_CTX *evp, const uint8_t *nonce, const uint8_t *head, int seal)
{
    int n;

    return EVP_CipherInit_ex(evp, NULL, NULL, NULL, nonce, seal) == 1 &&
           EVP_CipherUpdate(evp, NULL, &n, head, PIL_RECORD_HEAD) == 1;
}

static bool run(EVP_CIPHER_CTX *evp, const struct pil_piece *pieces, unsigned count)
{
    int n;

    for (const struct pil_piece *p = pieces; p < pieces + count; p++)
        if (p->len > INT_MAX ||
            (p->len > 0 && EVP_CipherUpdate(evp, p->out, &n, p->in, (int)p->len) != 1))
            return false;
    return true;
}

static int seal(void *ctx, const uint8_t nonce[PIL_RECORD_NONCE],
                const uint8_t head[PIL_RECORD_HEAD], const struct pil_piece *pieces, unsigned count,
                uint8_t tag[PIL_RECORD_TAG])
{
    EVP_CIPHER_CTX *evp = ((struct context *)ctx)->evp;
    uint8_t none[16];
    int n;

    if (begin(evp, nonce, head, 1) && run(evp, pieces, count) &&
        EVP_CipherFinal_ex(evp, none, &n) == 1 &&
        EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, PIL_RECORD_TAG, tag) == 1)
        return PIL_OK;
    return PIL_E_INTERNAL;
}

static int open_record(void *ctx, const uint8_t nonce[PIL_RECORD_NONCE],
                       const uint8_t head[PIL_RECORD_HEAD], const struct pil_piece *pieces,
                       unsigned count, const uint8_t tag[PIL_RECORD_TAG])
{
    EVP_CIPHER_CTX *evp = ((struct context *)ctx)->evp;
    uint8_t none[16], expected[PIL_RECORD_TAG];
    int n;

    memcpy(expected, tag, sizeof(expected));
    if (!begin(evp, nonce, head, 0) || !run(evp, pieces, count) ||
        EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_TAG, PIL_RECORD_TAG, expected) != 1)
        return PIL_E_INTERNAL;
    return EVP_CipherFinal_ex(evp, none, &n) == 1 ? PIL_OK : PIL_E_PEER;
}

static int derive(EVP_KDF_CTX *ctx, unsigned suite, const uint8_t *secret, size_t secret_len,
                  const char *label, uint8_t *out, size_t len)
{
    const char *digest = pil_suite_hash_len(suite) == 48 ? "SHA384" : "SHA256";
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret,
                                          secret_len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, (void *)(uintptr_t) "tls13 ", 6),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, (void *)(uintptr_t)label,
                                          strlen(label)),
        OSSL_PARAM_construct_end(),
    };

    return EVP_KDF_derive(ctx, out, len, params) == 1 ? PIL_OK : PIL_E_INTERNAL;
}

static int expand(unsigned suite, const uint8_t *secret, size_t secret_len, const char *label,
                  uint8_t *out, size_t len)
{
    EVP_KDF *kdf;
    EVP_KDF_CTX *ctx;
    int err = PIL_E_INTERNAL;

    if (pil_suite_hash_len(suite) == 0)
        return PIL_E_RANGE;
    kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, NULL);
    ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    if (ctx)
        err = derive(ctx, suite, secret, secret_len, label, out, len);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return err;
}

const struct pil_aead pil_aead_evp = {
    .room = sizeof(struct context),
    .init = init,
    .seal = seal,
    .open = open_record,
    .expand = expand,
};
