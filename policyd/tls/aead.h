/*
 * The ciphers of TLS 1.3 by OpenSSL's EVP, for policyd's own records: relays of connections that
 * a process has handed back, and alerts.
 *
 * Cost: about 1 us for each record beside the cipher itself. Errors: enum pil_err.
 * Threads: one context in one thread at a time.
 */
#ifndef PIL_POLICYD_TLS_AEAD_H
#define PIL_POLICYD_TLS_AEAD_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "core/defs.h"
#include "core/record.h"

#define PIL_AEAD_TAG   16u
#define PIL_AEAD_NONCE 12u

/* A context for a key of this suite. PIL_E_RANGE: not a suite of TLS 1.3 that is spoken here. */
int pil_aead_init(EVP_CIPHER_CTX *ctx, unsigned suite, const uint8_t *key) PIL_USERESULT;

/* Text of len bytes to len + PIL_AEAD_TAG bytes at out, which may be in. */
int pil_aead_seal(EVP_CIPHER_CTX *ctx, const uint8_t nonce[PIL_AEAD_NONCE], const void *aad,
                  size_t aad_len, const void *in, size_t len, void *out) PIL_USERESULT;

/* The reverse: len is that of the text, in has PIL_AEAD_TAG bytes more. PIL_E_MALFORMED: forged or
 * damaged; what stands in out is to be thrown away. */
int pil_aead_open(EVP_CIPHER_CTX *ctx, const uint8_t nonce[PIL_AEAD_NONCE], const void *aad,
                  size_t aad_len, const void *in, size_t len, void *out) PIL_USERESULT;

/* The digest of a suite, as OpenSSL calls it; NULL for a suite that is none of ours. */
const char *pil_aead_digest(unsigned suite);

#endif
