/*
 * The ciphers of core/record.h by OpenSSL's EVP, for records that policyd seals and opens itself:
 * relays of connections, and alerts.
 *
 * A context is zeroed memory of pil_aead_evp.room bytes before its first init, and is released by
 * pil_aead_drop.
 *
 * Cost: about 1 us for each record beside the cipher itself. Errors: enum pil_err.
 * Threads: one context in one thread at a time.
 */
#ifndef PIL_POLICYD_TLS_AEAD_H
#define PIL_POLICYD_TLS_AEAD_H

#include "core/record.h"

extern const struct pil_aead pil_aead_evp;

/* Releases what a context holds, wiping its key. Zeroed memory is legal. */
void pil_aead_drop(void *ctx);

#endif
