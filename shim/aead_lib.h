/*
 * What is taken from libcrypto.a: internal names, which no header of OpenSSL's installs, and a few
 * public ones. The build checks that they are all there (Makefile).
 *
 * Private to aead*.c. Cost, errors: as OpenSSL has them. Threads, fork, signals: pure functions.
 */
#ifndef PIL_SHIM_AEAD_LIB_H
#define PIL_SHIM_AEAD_LIB_H

#include <stddef.h>
#include <stdint.h>

#define PIL_AES_KEY_ROOM 256u /* AES_KEY: 60 words and the number of rounds */
#define PIL_GCM_ROOM     512u /* GCM128_CONTEXT, which says its size when it is made */
#define PIL_POLY_ROOM    512u /* POLY1305, likewise */

typedef void pil_block(const uint8_t in[16], uint8_t out[16], const void *key);
typedef void pil_ctr(const uint8_t *in, uint8_t *out, size_t blocks, const void *key,
                     const uint8_t iv[16]);
typedef int pil_set_key(const uint8_t *key, int bits, void *out);

pil_set_key aesni_set_encrypt_key, vpaes_set_encrypt_key;
pil_block aesni_encrypt, vpaes_encrypt;
pil_ctr aesni_ctr32_encrypt_blocks;

void *CRYPTO_gcm128_new(void *key, pil_block *block);
void CRYPTO_gcm128_setiv(void *ctx, const uint8_t *iv, size_t len);
int CRYPTO_gcm128_aad(void *ctx, const uint8_t *aad, size_t len);
int CRYPTO_gcm128_encrypt(void *ctx, const uint8_t *in, uint8_t *out, size_t len);
int CRYPTO_gcm128_decrypt(void *ctx, const uint8_t *in, uint8_t *out, size_t len);
int CRYPTO_gcm128_encrypt_ctr32(void *ctx, const uint8_t *in, uint8_t *out, size_t len,
                                pil_ctr *stream);
int CRYPTO_gcm128_decrypt_ctr32(void *ctx, const uint8_t *in, uint8_t *out, size_t len,
                                pil_ctr *stream);
void CRYPTO_gcm128_tag(void *ctx, uint8_t *tag, size_t len);

void ChaCha20_ctr32(uint8_t *out, const uint8_t *in, size_t len, const uint32_t key[8],
                    const uint32_t counter[4]);
size_t Poly1305_ctx_size(void);
void Poly1305_Init(void *ctx, const uint8_t key[32]);
void Poly1305_Update(void *ctx, const uint8_t *in, size_t len);
void Poly1305_Final(void *ctx, uint8_t mac[16]);

/* What those ask us for (aead_lib.c). The words of cpuid are as OpenSSL masks them. */
extern unsigned OPENSSL_ia32cap_P[4];
void OPENSSL_cleanse(void *at, size_t len);
int CRYPTO_memcmp(const void *a, const void *b, size_t len);
void *CRYPTO_malloc(size_t len, const char *file, int line);
void CRYPTO_clear_free(void *at, size_t len, const char *file, int line);

/* Fills OPENSSL_ia32cap_P. */
void pil_aead_lib_probe(void);

/* Makes a GCM context in room; NULL when it would be larger than PIL_GCM_ROOM. */
void *pil_aead_lib_gcm(void *room, void *key, pil_block *block);

/* Equal in a time that does not tell where they differ. */
int pil_aead_lib_differ(const uint8_t *a, const uint8_t *b, size_t len);

#endif
