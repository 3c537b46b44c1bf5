/*
 * Private keys in memory: P-256, in a heap of their own that is locked (never swapped), left out of
 * core dumps, not inherited by children, and wiped when a key is released.
 *
 * The heap is OpenSSL's secure one, into which it puts the private halves of keys by itself, those
 * of handshakes too. Cost: a key is 0.03 ms. Errors: enum pil_err. Threads: safe everywhere after
 * pil_keys_open.
 */
#ifndef PIL_POLICYD_IDENTITY_KEYS_H
#define PIL_POLICYD_IDENTITY_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>

#include "core/defs.h"

/* Makes the heap, once per process; later calls do nothing. PIL_E_SYSTEM: there is no memory for
 * it, and no key may be made. */
int pil_keys_open(void) PIL_USERESULT;

/* Whether the heap is locked; RLIMIT_MEMLOCK may forbid it. */
bool pil_keys_locked(void);

/* A new key, EVP_PKEY_free releases it; NULL: no memory. */
EVP_PKEY *pil_keys_make(void);

/* The first private key of a PEM text; NULL: there is none that can be read, or it has a password.
 */
EVP_PKEY *pil_keys_pem(const char *text, size_t len);

/* A whole regular file of at most max bytes; *len is its length, a NUL is behind it. In the heap
 * when it has at most PIL_KEYS_FILE bytes, which every key file has. NULL with errno; EFBIG: it is
 * larger, or grows. Released by pil_keys_free, which wipes it. */
#define PIL_KEYS_FILE 65536u
char *pil_keys_read(int fd, size_t max, size_t *len);
void pil_keys_free(char *text, size_t len);

#endif
