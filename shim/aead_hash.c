#include "shim/aead_hash.h"

#if defined(__x86_64__)
#include <string.h>

#include "core/err.h"
#include "core/record.h"
#include "shim/aead_lib.h"

#define BLOCK_MAX 128u
#define HASH_MAX  48u

/* SHA-256, or SHA-384 when wide: their state, and the one block that is being filled. */
struct hash {
    bool wide;
    union {
        uint32_t w32[8];
        uint64_t w64[8];
    } state;
    uint8_t block[BLOCK_MAX];
    size_t used;
    size_t total;
};

static const uint32_t start_256[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
static const uint64_t start_384[8] = {0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17,
                                      0x152fecd8f70e5939, 0x67332667ffc00b31, 0x8eb44a8768581511,
                                      0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4};

static size_t block_len(const struct hash *h)
{
    return h->wide ? 128 : 64;
}

static void hash_start(struct hash *h, bool wide)
{
    memset(h, 0, sizeof(*h));
    h->wide = wide;
    if (wide)
        memcpy(h->state.w64, start_384, sizeof(start_384));
    else
        memcpy(h->state.w32, start_256, sizeof(start_256));
}

static void compress(struct hash *h)
{
    if (h->wide)
        sha512_block_data_order(h->state.w64, h->block, 1);
    else
        sha256_block_data_order(h->state.w32, h->block, 1);
    h->used = 0;
}

static void hash_add(struct hash *h, const void *data, size_t len)
{
    const uint8_t *at = data;

    h->total += len;
    while (len > 0) {
        size_t n = block_len(h) - h->used;

        if (n > len)
            n = len;
        memcpy(h->block + h->used, at, n);
        h->used += n;
        at += n, len -= n;
        if (h->used == block_len(h))
            compress(h);
    }
}

static void put_word(const struct hash *h, unsigned i, uint8_t *out)
{
    unsigned size = h->wide ? 8 : 4;
    uint64_t word = h->wide ? h->state.w64[i] : h->state.w32[i];

    for (unsigned b = 0; b < size; b++)
        out[b] = (uint8_t)(word >> (8 * (size - 1 - b)));
}

/* Writes 32 or 48 bytes. */
static void hash_end(struct hash *h, uint8_t *out)
{
    static const uint8_t one = 0x80, zero = 0;
    uint64_t bits = (uint64_t)h->total * 8;

    hash_add(h, &one, 1);
    while (h->used != block_len(h) - 8)
        hash_add(h, &zero, 1);
    for (unsigned i = 0; i < 8; i++)
        h->block[h->used++] = (uint8_t)(bits >> (8 * (7 - i)));
    compress(h);
    for (unsigned i = 0; i < (h->wide ? 6u : 8u); i++)
        put_word(h, i, out + i * (h->wide ? 8 : 4));
}

static void keyed(struct hash *h, bool wide, const uint8_t *key, size_t len, uint8_t with)
{
    uint8_t pad[BLOCK_MAX];

    hash_start(h, wide);
    for (size_t i = 0; i < block_len(h); i++)
        pad[i] = (uint8_t)((i < len ? key[i] : 0) ^ with);
    hash_add(h, pad, block_len(h));
    pil_record_wipe(pad, sizeof(pad));
}

/* HMAC (RFC 2104) with a key that is no longer than a block. */
static void hmac(bool wide, const uint8_t *key, size_t key_len, const uint8_t *data, size_t len,
                 uint8_t out[HASH_MAX])
{
    size_t size = wide ? 48 : 32;
    struct hash h;

    keyed(&h, wide, key, key_len, 0x36);
    hash_add(&h, data, len);
    hash_end(&h, out);
    keyed(&h, wide, key, key_len, 0x5c);
    hash_add(&h, out, size);
    hash_end(&h, out);
    pil_record_wipe(&h, sizeof(h));
}

int pil_aead_hash_expand(unsigned suite, const uint8_t *secret, size_t secret_len,
                         const char *label, uint8_t *out, size_t len)
{
    static const char prefix[] = "tls13 ";
    size_t size = pil_suite_hash_len(suite), text = strlen(label), at = 0;
    uint8_t info[32], block[HASH_MAX];

    if (size == 0 || len > size || secret_len > 64 || text > 16)
        return PIL_E_RANGE;
    info[at++] = 0;
    info[at++] = (uint8_t)len;
    info[at++] = (uint8_t)(sizeof(prefix) - 1 + text);
    memcpy(info + at, prefix, sizeof(prefix) - 1);
    at += sizeof(prefix) - 1;
    memcpy(info + at, label, text);
    at += text;
    info[at++] = 0; /* no context */
    info[at++] = 1; /* the first and only block of the expansion */
    hmac(size == 48, secret, secret_len, info, at, block);
    memcpy(out, block, len);
    pil_record_wipe(block, sizeof(block));
    return PIL_OK;
}
#endif
