/*
 * The shim's own ciphers: AES-GCM and ChaCha20-Poly1305.
 *
 * They are the assembler routines of Debian's libcrypto.a and nothing of what stands on them there:
 * no providers, no initialisation, no memory, no atexit handler. The build takes them in with all
 * names hidden (Makefile, shimaead.o), so neither the program's libcrypto nor ours sees the other.
 *
 * Cost: the processor's features are looked at once, at the first call of pil_aead_host. Errors: as
 * struct pil_aead has them. Threads, fork: contexts belong to one user at a time; they hold
 * addresses of this process, which a forked child shares. Signals: pure functions.
 */
#ifndef PIL_SHIM_AEAD_H
#define PIL_SHIM_AEAD_H

#include "core/record.h"

#define PIL_AEAD_ROOM 1024u /* no context takes more */

/* The table; NULL where there are no ciphers for this class of processor. */
const struct pil_aead *pil_aead_host(void);

#endif
