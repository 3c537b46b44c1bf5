#include "shim/aead.h"

#if defined(__x86_64__)
#include <stdatomic.h>
#include <string.h>

#include "core/err.h"
#include "shim/aead_hash.h"
#include "shim/aead_lib.h"

#define HAS_SSSE3(word) ((word)&1u << 9)
#define HAS_AESNI(word) ((word)&1u << 25)
#define HAS_CLMUL(word) ((word)&1u << 1)

/* How AES is done: with its instructions, or with byte shuffles; in constant time either way. */
struct aes {
    pil_set_key *set_key;
    pil_block *block;
    pil_ctr *ctr; /* NULL: block by block */
};
static const struct aes with_aesni = {aesni_set_encrypt_key, aesni_encrypt,
                                      aesni_ctr32_encrypt_blocks};
static const struct aes with_ssse3 = {vpaes_set_encrypt_key, vpaes_encrypt, NULL};

struct context {
    unsigned suite;
    const struct aes *aes;
    union {
        struct {
            uint8_t key[PIL_AES_KEY_ROOM] __attribute__((aligned(16)));
            uint8_t gcm[PIL_GCM_ROOM] __attribute__((aligned(16)));
        };
        uint32_t chacha[8];
    };
};
_Static_assert(sizeof(struct context) <= PIL_AEAD_ROOM, "room");

/* ---- AES-GCM ------------------------------------------------------------------------------- */

static int gcm_init(struct context *c, const uint8_t *key)
{
    c->aes = HAS_AESNI(OPENSSL_ia32cap_P[1]) ? &with_aesni : &with_ssse3;
    if (c->aes->set_key(key, (int)pil_suite_key_len(c->suite) * 8, c->key))
        return PIL_E_INTERNAL;
    return pil_aead_lib_gcm(c->gcm, c->key, c->aes->block) ? PIL_OK : PIL_E_UNMET;
}

static int gcm_piece(struct context *c, const struct pil_piece *p, bool seal)
{
    pil_ctr *ctr = c->aes->ctr;

    if (ctr)
        return seal ? CRYPTO_gcm128_encrypt_ctr32(c->gcm, p->in, p->out, p->len, ctr)
                    : CRYPTO_gcm128_decrypt_ctr32(c->gcm, p->in, p->out, p->len, ctr);
    return seal ? CRYPTO_gcm128_encrypt(c->gcm, p->in, p->out, p->len)
                : CRYPTO_gcm128_decrypt(c->gcm, p->in, p->out, p->len);
}

static int gcm_run(struct context *c, const uint8_t *nonce, const uint8_t *head,
                   const struct pil_piece *pieces, unsigned count, bool seal, uint8_t *tag)
{
    CRYPTO_gcm128_setiv(c->gcm, nonce, PIL_RECORD_NONCE);
    if (CRYPTO_gcm128_aad(c->gcm, head, PIL_RECORD_HEAD))
        return PIL_E_INTERNAL;
    for (unsigned i = 0; i < count; i++)
        if (gcm_piece(c, &pieces[i], seal))
            return PIL_E_INTERNAL;
    CRYPTO_gcm128_tag(c->gcm, tag, PIL_RECORD_TAG);
    return PIL_OK;
}

/* ---- ChaCha20-Poly1305 (RFC 8439) ------------------------------------------------------------ */

/* The key stream of a message: whole blocks by the library, the rest of a block by bytes. */
struct stream {
    const uint32_t *key;
    uint32_t counter[4];
    uint8_t block[64];
    unsigned left; /* of block, at its end */
};

static void next_block(struct stream *s)
{
    memset(s->block, 0, sizeof(s->block));
    ChaCha20_ctr32(s->block, s->block, sizeof(s->block), s->key, s->counter);
    s->counter[0]++;
    s->left = sizeof(s->block);
}

static void xor_bytes(struct stream *s, const uint8_t *in, uint8_t *out, size_t len)
{
    const uint8_t *stream = s->block + sizeof(s->block) - s->left;

    for (size_t i = 0; i < len; i++)
        out[i] = in[i] ^ stream[i];
    s->left -= (unsigned)len;
}

static void xor_piece(struct stream *s, const uint8_t *in, uint8_t *out, size_t len)
{
    size_t n = len < s->left ? len : s->left;

    xor_bytes(s, in, out, n);
    in += n, out += n, len -= n;
    n = len - len % sizeof(s->block);
    if (n > 0)
        ChaCha20_ctr32(out, in, n, s->key, s->counter);
    s->counter[0] += (uint32_t)(n / sizeof(s->block));
    if (len > n) {
        next_block(s);
        xor_bytes(s, in + n, out + n, len - n);
    }
}

static void start_stream(struct stream *s, const struct context *c, const uint8_t *nonce)
{
    s->key = c->chacha;
    s->counter[0] = 0;
    s->left = 0;
    memcpy(s->counter + 1, nonce, PIL_RECORD_NONCE);
}

static void pad16(void *poly, size_t len)
{
    static const uint8_t zeroes[16];

    if (len % 16)
        Poly1305_Update(poly, zeroes, 16 - len % 16);
}

static int chacha_run(struct context *c, const uint8_t *nonce, const uint8_t *head,
                      const struct pil_piece *pieces, unsigned count, bool seal, uint8_t *tag)
{
    uint8_t poly[PIL_POLY_ROOM] __attribute__((aligned(64)));
    uint64_t lengths[2] = {PIL_RECORD_HEAD, 0};
    struct stream s;

    start_stream(&s, c, nonce);
    next_block(&s);
    Poly1305_Init(poly, s.block);
    s.left = 0;
    Poly1305_Update(poly, head, PIL_RECORD_HEAD);
    pad16(poly, PIL_RECORD_HEAD);
    for (unsigned i = 0; i < count; i++) {
        const struct pil_piece *p = &pieces[i];

        if (!seal)
            Poly1305_Update(poly, p->in, p->len);
        xor_piece(&s, p->in, p->out, p->len);
        if (seal)
            Poly1305_Update(poly, p->out, p->len);
        lengths[1] += p->len;
    }
    pad16(poly, (size_t)lengths[1]);
    Poly1305_Update(poly, (const uint8_t *)lengths, sizeof(lengths));
    Poly1305_Final(poly, tag);
    pil_record_wipe(&s, sizeof(s));
    return PIL_OK;
}

/* ---- the table ----------------------------------------------------------------------------- */

static int init(void *ctx, unsigned suite, const uint8_t *key)
{
    struct context *c = ctx;

    c->suite = suite;
    if (suite == PIL_SUITE_CHACHA20) {
        memcpy(c->chacha, key, sizeof(c->chacha));
        return Poly1305_ctx_size() <= PIL_POLY_ROOM ? PIL_OK : PIL_E_UNMET;
    }
    return pil_suite_key_len(suite) ? gcm_init(c, key) : PIL_E_RANGE;
}

static int run(struct context *c, const uint8_t *nonce, const uint8_t *head,
               const struct pil_piece *pieces, unsigned count, bool seal, uint8_t *tag)
{
    if (c->suite == PIL_SUITE_CHACHA20)
        return chacha_run(c, nonce, head, pieces, count, seal, tag);
    return gcm_run(c, nonce, head, pieces, count, seal, tag);
}

static int seal(void *ctx, const uint8_t nonce[PIL_RECORD_NONCE],
                const uint8_t head[PIL_RECORD_HEAD], const struct pil_piece *pieces, unsigned count,
                uint8_t tag[PIL_RECORD_TAG])
{
    return run(ctx, nonce, head, pieces, count, true, tag);
}

static int open(void *ctx, const uint8_t nonce[PIL_RECORD_NONCE],
                const uint8_t head[PIL_RECORD_HEAD], const struct pil_piece *pieces, unsigned count,
                const uint8_t tag[PIL_RECORD_TAG])
{
    uint8_t own[PIL_RECORD_TAG];
    int err = run(ctx, nonce, head, pieces, count, false, own);

    if (!err && pil_aead_lib_differ(own, tag, PIL_RECORD_TAG))
        err = PIL_E_PEER;
    if (err)
        for (unsigned i = 0; i < count; i++)
            pil_record_wipe(pieces[i].out, pieces[i].len);
    return err;
}

static const struct pil_aead host = {
    .room = sizeof(struct context),
    .init = init,
    .seal = seal,
    .open = open,
    .expand = pil_aead_hash_expand,
};

/* Two threads that come first together find out the same. Processors without byte shuffles are
 * older than TLS 1.3 by a dozen years. */
const struct pil_aead *pil_aead_host(void)
{
    static _Atomic int probed;

    if (!atomic_load_explicit(&probed, memory_order_acquire)) {
        pil_aead_lib_probe();
        atomic_store_explicit(&probed, 1, memory_order_release);
    }
    return HAS_SSSE3(OPENSSL_ia32cap_P[1]) ? &host : NULL;
}
#else
const struct pil_aead *pil_aead_host(void)
{
    return NULL;
}
#endif
