#include "shim/digest.h"

#include <string.h>
#include <sys/auxv.h>

#include "shim/real.h"

static uint64_t key[2];

void pil_digest_init(void)
{
    const void *random = (const void *)(uintptr_t)getauxval(AT_RANDOM);
    struct timespec now;

    if (random) {
        memcpy(key, random, sizeof(key));
        return;
    }
    pil_real_sys.clock_gettime(CLOCK_REALTIME, &now);
    key[0] = (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15u ^ (uint64_t)(uintptr_t)&now;
    key[1] = (uint64_t)now.tv_sec * 0xc2b2ae3d27d4eb4fu ^ (uint64_t)pil_real_sys.getpid();
}

static inline uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void rounds(uint64_t v[4], int count)
{
    while (count-- > 0) {
        v[0] += v[1];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[0] = rotate(v[0], 32);
        v[2] += v[3];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

static void absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    rounds(v, 2);
    v[0] ^= word;
}

struct pil_digest pil_digest_of(struct pil_slice text)
{
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du ^ 0xee,
                     key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};
    uint64_t word, last = (uint64_t)text.len << 56;
    struct pil_digest digest = {{0, 0}};
    size_t at = 0;

    if (text.len == 0)
        return digest;
    for (; at + 8 <= text.len; at += 8) {
        memcpy(&word, text.at + at, 8);
        absorb(v, word);
    }
    word = 0;
    memcpy(&word, text.at + at, text.len - at);
    absorb(v, last | word);
    v[2] ^= 0xee;
    rounds(v, 4);
    digest.half[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
    v[1] ^= 0xdd;
    rounds(v, 4);
    digest.half[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
    return digest;
}
