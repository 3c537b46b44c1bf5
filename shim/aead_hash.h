/*
 * HKDF-Expand-Label (RFC 8446 7.1) by HMAC with SHA-256 or SHA-384, for key updates.
 *
 * SHA-2 is written out here: libcrypto's would be 40 KiB of a library that lies in every process,
 * for a few hashes in the life of a connection.
 *
 * Cost: some ten microseconds a value. Errors: PIL_E_RANGE for what does not fit one block of the
 * hash, which is all that records need. Threads, fork, signals: pure function.
 */
#ifndef PIL_SHIM_AEAD_HASH_H
#define PIL_SHIM_AEAD_HASH_H

#include <stddef.h>
#include <stdint.h>

int pil_aead_hash_expand(unsigned suite, const uint8_t *secret, size_t secret_len,
                         const char *label, uint8_t *out, size_t len);

#endif
