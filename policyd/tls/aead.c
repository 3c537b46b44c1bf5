#include "policyd/tls/aead.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "core/err.h"

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

const char *pil_aead_digest(unsigned suite)
{
    if (!cipher_of(suite))
        return NULL;
    return suite == PIL_SUITE_AES_256_GCM ? "SHA384" : "SHA256";
}

int pil_aead_init(EVP_CIPHER_CTX *ctx, unsigned suite, const uint8_t *key)
{
    const EVP_CIPHER *cipher = cipher_of(suite);

    if (!cipher)
        return PIL_E_RANGE;
    return EVP_CipherInit_ex(ctx, cipher, NULL, key, NULL, 1) == 1 ? PIL_OK : PIL_E_INTERNAL;
}

/* Sets nonce and direction, and takes in what is only authenticated. */
static bool begin(EVP_CIPHER_CTX *ctx, const uint8_t *nonce, const void *aad, size_t aad_len,
                  int seal)
{
    int n;

    return aad_len <= INT_MAX && EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, seal) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &n, aad, (int)aad_len) == 1;
}

int pil_aead_seal(EVP_CIPHER_CTX *ctx, const uint8_t nonce[PIL_AEAD_NONCE], const void *aad,
                  size_t aad_len, const void *in, size_t len, void *out)
{
    uint8_t *at = out;
    int n;

    if (len > INT_MAX || !begin(ctx, nonce, aad, aad_len, 1) ||
        EVP_CipherUpdate(ctx, at, &n, in, (int)len) != 1 ||
        EVP_CipherFinal_ex(ctx, at + len, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, PIL_AEAD_TAG, at + len) != 1)
        return PIL_E_INTERNAL;
    return PIL_OK;
}

int pil_aead_open(EVP_CIPHER_CTX *ctx, const uint8_t nonce[PIL_AEAD_NONCE], const void *aad,
                  size_t aad_len, const void *in, size_t len, void *out)
{
    const uint8_t *from = in;
    uint8_t tag[PIL_AEAD_TAG], *at = out;
    int n;

    if (len > INT_MAX || !begin(ctx, nonce, aad, aad_len, 0))
        return PIL_E_INTERNAL;
    memcpy(tag, from + len, sizeof(tag));
    if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, PIL_AEAD_TAG, tag) != 1 ||
        EVP_CipherUpdate(ctx, at, &n, from, (int)len) != 1)
        return PIL_E_INTERNAL;
    return EVP_CipherFinal_ex(ctx, at + len, &n) == 1 ? PIL_OK : PIL_E_MALFORMED;
}
