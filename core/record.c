#include "core/record.h"

#include <string.h>

#include "core/err.h"

#define VERSION_MAJOR 3u
#define VERSION_MINOR 3u
#define KEY_UPDATE    24u
#define NOT_REQUESTED 0u

/* RFC 8446 5.5: with AES-GCM about 2^24.5 records under one key; with ChaCha20 the sequence number
 * ends first. The sender changes its key at the first number and goes no further than the second.
 */
#define WORN_AES     (UINT64_C(1) << 24)
#define END_AES      UINT64_C(23726566)
#define WORN_CHACHA  (UINT64_C(1) << 48)
#define END_SEQUENCE (UINT64_MAX - 1)

static bool is_aes(unsigned suite)
{
    return suite != PIL_SUITE_CHACHA20;
}

size_t pil_suite_key_len(unsigned suite)
{
    switch (suite) {
    case PIL_SUITE_AES_128_GCM:
        return 16;
    case PIL_SUITE_AES_256_GCM:
    case PIL_SUITE_CHACHA20:
        return 32;
    default:
        return 0;
    }
}

size_t pil_suite_hash_len(unsigned suite)
{
    switch (suite) {
    case PIL_SUITE_AES_128_GCM:
    case PIL_SUITE_CHACHA20:
        return 32;
    case PIL_SUITE_AES_256_GCM:
        return 48;
    default:
        return 0;
    }
}

uint8_t pil_record_alert_for(int err)
{
    switch (err) {
    case PIL_E_PEER:
        return PIL_ALERT_BAD_RECORD_MAC;
    case PIL_E_RANGE:
        return PIL_ALERT_RECORD_OVERFLOW;
    case PIL_E_SYNTAX:
        return PIL_ALERT_DECODE_ERROR;
    case PIL_E_MALFORMED:
        return PIL_ALERT_UNEXPECTED_MESSAGE;
    default:
        return PIL_ALERT_INTERNAL_ERROR;
    }
}

void pil_record_wipe(void *memory, size_t len)
{
    memset(memory, 0, len);
    __asm__ volatile("" : : "r"(memory) : "memory");
}

/* RFC 8446 5.3 */
static void make_nonce(const struct pil_traffic *t, uint8_t nonce[PIL_RECORD_NONCE])
{
    memcpy(nonce, t->iv, PIL_RECORD_NONCE);
    for (unsigned i = 0; i < 8; i++)
        nonce[PIL_RECORD_NONCE - 1 - i] ^= (uint8_t)(t->seq >> (8 * i));
}

static void make_head(uint8_t *head, size_t body)
{
    head[0] = PIL_CONTENT_DATA;
    head[1] = VERSION_MAJOR;
    head[2] = VERSION_MINOR;
    head[3] = (uint8_t)(body >> 8);
    head[4] = (uint8_t)body;
}

bool pil_record_worn(unsigned suite, const struct pil_traffic *t)
{
    return t->seq >= (is_aes(suite) ? WORN_AES : WORN_CHACHA);
}

int pil_record_seal(const struct pil_aead *aead, void *ctx, unsigned suite, struct pil_traffic *t,
                    uint8_t type, const uint8_t *in, size_t len, uint8_t *out)
{
    uint8_t nonce[PIL_RECORD_NONCE], *body = out + PIL_RECORD_HEAD;
    const struct pil_piece pieces[] = {{in, body, len}, {&type, body + len, 1}};

    if (len > PIL_RECORD_MAX)
        return PIL_E_RANGE;
    if (t->seq >= (is_aes(suite) ? END_AES : END_SEQUENCE))
        return PIL_E_FULL;
    make_nonce(t, nonce);
    make_head(out, len + 1 + PIL_RECORD_TAG);
    t->seq++;
    return aead->seal(ctx, nonce, out, pieces, 2, body + len + 1);
}

int pil_record_rekey(const struct pil_aead *aead, void *ctx, unsigned suite, struct pil_traffic *t)
{
    uint8_t next[sizeof(t->secret)];
    size_t len = pil_suite_hash_len(suite);
    int err;

    if (len == 0 || t->secret_len != len)
        return PIL_E_INTERNAL;
    err = aead->expand(suite, t->secret, len, "traffic upd", next, len);
    if (!err)
        err = aead->expand(suite, next, len, "key", t->key, pil_suite_key_len(suite));
    if (!err)
        err = aead->expand(suite, next, len, "iv", t->iv, PIL_RECORD_NONCE);
    if (!err) {
        memcpy(t->secret, next, len);
        t->seq = 0;
        err = aead->init(ctx, suite, t->key);
    }
    pil_record_wipe(next, sizeof(next));
    return err;
}

int pil_record_update(const struct pil_aead *aead, void *ctx, unsigned suite, struct pil_traffic *t,
                      uint8_t *out)
{
    static const uint8_t message[] = {KEY_UPDATE, 0, 0, 1, NOT_REQUESTED};
    int err =
        pil_record_seal(aead, ctx, suite, t, PIL_CONTENT_HANDSHAKE, message, sizeof(message), out);

    return err ? err : pil_record_rekey(aead, ctx, suite, t);
}

int pil_record_alert(const struct pil_aead *aead, void *ctx, unsigned suite, struct pil_traffic *t,
                     enum pil_alert alert, uint8_t *out)
{
    bool warning = alert == PIL_ALERT_CLOSE_NOTIFY || alert == PIL_ALERT_USER_CANCELED;
    const uint8_t message[] = {warning ? 1 : 2, (uint8_t)alert};

    return pil_record_seal(aead, ctx, suite, t, PIL_CONTENT_ALERT, message, sizeof(message), out);
}

/* The version is authenticated with the rest, and means nothing (RFC 8446 5.1). */
int pil_record_length(const uint8_t *at, size_t have, size_t *total)
{
    size_t body;

    if (have > 0 && at[0] != PIL_CONTENT_DATA)
        return PIL_E_MALFORMED;
    if (have < PIL_RECORD_HEAD)
        return PIL_E_AGAIN;
    body = (size_t)at[3] << 8 | at[4];
    if (body > PIL_RECORD_WIRE_MAX - PIL_RECORD_HEAD)
        return PIL_E_RANGE;
    if (body < PIL_RECORD_TAG + 1)
        return PIL_E_MALFORMED;
    *total = PIL_RECORD_HEAD + body;
    return PIL_OK;
}

/* Alerts and handshake messages are not to be empty (RFC 8446 5.1). */
static int judge_opened(const struct pil_opened *o)
{
    if (o->type != PIL_CONTENT_DATA &&
        (o->len == 0 || (o->type != PIL_CONTENT_ALERT && o->type != PIL_CONTENT_HANDSHAKE)))
        return PIL_E_MALFORMED;
    return o->len > PIL_RECORD_MAX ? PIL_E_RANGE : PIL_OK;
}

/* Takes type and padding off: of the len bytes at `body` the last stands apart, in `last`. */
static int take_type(const uint8_t *body, size_t len, uint8_t last, struct pil_opened *out)
{
    out->type = last;
    out->len = len - 1;
    while (out->type == 0 && out->len > 0)
        out->type = body[--out->len];
    return out->type == 0 ? PIL_E_MALFORMED : judge_opened(out);
}

int pil_record_open_to(const struct pil_aead *aead, void *ctx, struct pil_traffic *t,
                       const uint8_t *record, size_t total, uint8_t *to, struct pil_opened *out)
{
    const uint8_t *body = record + PIL_RECORD_HEAD;
    size_t len = total - PIL_RECORD_HEAD - PIL_RECORD_TAG;
    uint8_t nonce[PIL_RECORD_NONCE], last = 0;
    const struct pil_piece pieces[] = {{body, to, len - 1}, {body + len - 1, &last, 1}};
    int err;

    if (t->seq >= END_SEQUENCE)
        return PIL_E_FULL;
    make_nonce(t, nonce);
    t->seq++;
    err = aead->open(ctx, nonce, record, pieces, 2, body + len);
    return err ? err : take_type(to, len, last, out);
}

int pil_record_open(const struct pil_aead *aead, void *ctx, struct pil_traffic *t, uint8_t *record,
                    size_t total, struct pil_opened *out)
{
    return pil_record_open_to(aead, ctx, t, record, total, record + PIL_RECORD_HEAD, out);
}
