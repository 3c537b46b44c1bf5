/*
 * A keyed 128-bit digest of short texts: SipHash-2-4-128 (Aumasson and Bernstein, 2012).
 *
 * Cache keys hold texts as digests, so that entries stay small. The key is random per process:
 * nobody who chooses names can make two of them collide.
 *
 * Cost: about 1 ns a byte plus 20. Errors: none. Threads, fork, signals: the key is set once at
 * start and constant from then on.
 */
#ifndef PIL_SHIM_DIGEST_H
#define PIL_SHIM_DIGEST_H

#include <stdint.h>

#include "core/bytes.h"

struct pil_digest {
    uint64_t half[2];
};

/* Takes as key what the kernel has drawn for this process at exec (getauxval(3), AT_RANDOM), which
 * costs no call; when there is none, from addresses and the clock. */
void pil_digest_init(void);

/* The digest of the empty text is all zero, so that "no name" needs no work. */
struct pil_digest pil_digest_of(struct pil_slice text);

#endif
