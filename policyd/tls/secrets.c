#include "policyd/tls/secrets.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <string.h>

#include "core/err.h"
#include "policyd/tls/aead.h"

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

static int derive(const struct pil_secret *secret, unsigned suite, struct pil_traffic *out)
{
    int err = pil_aead_evp.expand(suite, secret->at, secret->len, "key", out->key,
                                  pil_suite_key_len(suite));

    if (!err)
        err = pil_aead_evp.expand(suite, secret->at, secret->len, "iv", out->iv, sizeof(out->iv));
    return err;
}

int pil_secrets_traffic(const struct pil_secrets *s, unsigned suite, bool sent,
                        struct pil_traffic *out)
{
    const struct pil_secret *secret = sent == s->is_server ? &s->server : &s->client;
    int err;

    memset(out, 0, sizeof(*out));
    if (secret->len == 0 || secret->len != pil_suite_hash_len(suite) || !secret->finished ||
        secret->rekeyed)
        return PIL_E_INTERNAL;
    err = derive(secret, suite, out);
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
