#include "shim/aead_hash.h"

#if defined(__x86_64__)
#include <string.h>

#include "core/err.h"
#include "core/record.h"

#define BLOCK_MAX 128u
#define HASH_MAX  48u

/* SHA-256, or SHA-384 when wide (FIPS 180-4): the state, and the one block that is being filled. */
struct hash {
    bool wide;
    uint64_t state[8]; /* of 32 bits each unless wide */
    uint8_t block[BLOCK_MAX];
    size_t used;
    size_t total;
};

/* Cube roots of the first 80 primes, behind the point; SHA-256 takes the upper halves of 64. */
static const uint64_t roots[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817};

static const uint32_t start_256[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
static const uint64_t start_384[8] = {0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17,
                                      0x152fecd8f70e5939, 0x67332667ffc00b31, 0x8eb44a8768581511,
                                      0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4};

/* What the functions of a hash turn and shift by: the two of a round, the two of the schedule. */
struct turns {
    uint8_t bits[4][3];
};
static const struct turns turns_256 = {{{2, 13, 22}, {6, 11, 25}, {7, 18, 3}, {17, 19, 10}}};
static const struct turns turns_384 = {{{28, 34, 39}, {14, 18, 41}, {1, 8, 7}, {19, 61, 6}}};

static size_t block_len(const struct hash *h)
{
    return h->wide ? 128 : 64;
}

static void hash_start(struct hash *h, bool wide)
{
    memset(h, 0, sizeof(*h));
    h->wide = wide;
    for (unsigned i = 0; i < 8; i++)
        h->state[i] = wide ? start_384[i] : start_256[i];
}

static uint64_t turn(const struct hash *h, uint64_t x, unsigned by)
{
    if (h->wide)
        return x >> by | x << (64 - by);
    return (uint32_t)((uint32_t)x >> by | (uint32_t)x << (32 - by));
}

/* Of a round (0, 1) or of the schedule (2, 3), where the last one shifts. */
static uint64_t sigma(const struct hash *h, unsigned which, uint64_t x)
{
    const uint8_t *by = (h->wide ? &turns_384 : &turns_256)->bits[which];
    uint64_t last = which < 2 ? turn(h, x, by[2]) : x >> by[2];

    return turn(h, x, by[0]) ^ turn(h, x, by[1]) ^ last;
}

static uint64_t cut(const struct hash *h, uint64_t x)
{
    return h->wide ? x : (uint32_t)x;
}

static uint64_t get_word(const struct hash *h, unsigned i)
{
    unsigned size = h->wide ? 8 : 4;
    uint64_t word = 0;

    for (unsigned b = 0; b < size; b++)
        word = word << 8 | h->block[i * size + b];
    return word;
}

/* One round on a..h, which turn by one place each time. */
static void step(const struct hash *h, uint64_t s[8], uint64_t word, unsigned i)
{
    uint64_t root = h->wide ? roots[i] : roots[i] >> 32;
    uint64_t one = s[7] + sigma(h, 1, s[4]) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + root + word;
    uint64_t two = sigma(h, 0, s[0]) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

    for (unsigned n = 7; n > 0; n--)
        s[n] = s[n - 1];
    s[4] = cut(h, s[4] + one);
    s[0] = cut(h, one + two);
}

static void compress(struct hash *h)
{
    uint64_t s[8], w[16];

    memcpy(s, h->state, sizeof(s));
    for (unsigned i = 0; i < 16; i++)
        w[i] = get_word(h, i);
    for (unsigned i = 0; i < (h->wide ? 80u : 64u); i++) {
        uint64_t word = w[i % 16];

        step(h, s, word, i);
        w[i % 16] = cut(h, word + sigma(h, 2, w[(i + 1) % 16]) + w[(i + 9) % 16] +
                               sigma(h, 3, w[(i + 14) % 16]));
    }
    for (unsigned i = 0; i < 8; i++)
        h->state[i] = cut(h, h->state[i] + s[i]);
    h->used = 0;
    pil_record_wipe(s, sizeof(s));
    pil_record_wipe(w, sizeof(w));
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
    uint64_t word = h->state[i];

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
