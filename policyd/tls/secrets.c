#include "policyd/tls/secrets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <string.h>

#include "core/err.h"

/* Value of a hex digit; -1 for anything else. */
static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void take_hex(struct pil_secret *secret, const char *hex)
{
    size_t len = strlen(hex) / 2;

    if (len == 0 || len > PIL_SECRET_MAX)
        return;
    for (size_t i = 0; i < len; i++) {
        int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);

        if (high < 0 || low < 0)
            return;
        secret->at[i] = (uint8_t)(high << 4 | low);
    }
    secret->len = (uint8_t)len;
}

/* "LABEL client-random secret" */
void pil_secrets_line(struct pil_secrets *s, const char *line)
{
    static const char client[] = "CLIENT_TRAFFIC_SECRET_0 ";
    static const char server[] = "SERVER_TRAFFIC_SECRET_0 ";
    const char *hex = strrchr(line, ' ');

    if (hex && strncmp(line, client, sizeof(client) - 1) == 0)
        take_hex(&s->client, hex + 1);
    else if (hex && strncmp(line, server, sizeof(server) - 1) == 0)
        take_hex(&s->server, hex + 1);
}

void pil_secrets_message(struct pil_secrets *s, bool sent, int type, const void *at, size_t len)
{
    struct pil_secret *secret = sent == s->is_server ? &s->server : &s->client;
    const uint8_t *bytes = at;

    /* Told once for each protected record. */
    if (type == SSL3_RT_INNER_CONTENT_TYPE)
        secret->records += secret->finished;
    if (type != SSL3_RT_HANDSHAKE || len < 1)
        return;
    if (bytes[0] == SSL3_MT_FINISHED) {
        secret->finished = true;
        secret->records = 0;
    } else if (bytes[0] == SSL3_MT_KEY_UPDATE) {
        secret->rekeyed = true;
    }
}

static int derive(EVP_KDF_CTX *ctx, const char *digest, const uint8_t *secret, size_t secret_len,
                  const char *label, uint8_t *out, size_t len)
{
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

int pil_secrets_expand(const char *digest, const uint8_t *secret, size_t secret_len,
                       const char *label, uint8_t *out, size_t len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    int err = PIL_E_INTERNAL;

    if (ctx)
        err = derive(ctx, digest, secret, secret_len, label, out, len);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return err;
}

int pil_secrets_traffic(const struct pil_secrets *s, const SSL *ssl, bool sent,
                        struct pil_traffic *out)
{
    const struct pil_secret *secret = sent == s->is_server ? &s->server : &s->client;
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    const EVP_MD *md = cipher ? SSL_CIPHER_get_handshake_digest(cipher) : NULL;
    int bits = cipher ? SSL_CIPHER_get_bits(cipher, NULL) : 0;
    int err;

    memset(out, 0, sizeof(*out));
    if (!md || EVP_MD_get_size(md) != secret->len || !secret->finished || secret->rekeyed)
        return PIL_E_INTERNAL;
    if (bits <= 0 || (size_t)bits / 8 > sizeof(out->key))
        return PIL_E_INTERNAL;
    err = pil_secrets_expand(EVP_MD_get0_name(md), secret->at, secret->len, "key", out->key,
                             (size_t)bits / 8);
    if (!err)
        err = pil_secrets_expand(EVP_MD_get0_name(md), secret->at, secret->len, "iv", out->iv,
                                 sizeof(out->iv));
    if (err) {
        OPENSSL_cleanse(out, sizeof(*out));
        return err;
    }
    memcpy(out->secret, secret->at, secret->len);
    out->secret_len = secret->len;
    out->seq = secret->records;
    return PIL_OK;
}

void pil_secrets_wipe(struct pil_secrets *s)
{
    OPENSSL_cleanse(s, sizeof(*s));
}
