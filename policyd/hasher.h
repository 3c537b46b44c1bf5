/*
 * SHA-256 of executables, in a thread of its own, remembered by what the file is.
 *
 * Many processes of one program that arrive together wait for one hash. The key is device, inode,
 * size and both times, so a file that changed is another file. A file that changes while it is
 * read, or is larger than the bound, has no hash, and then no workload that asks for one matches.
 *
 * Cost: a look-up, or one reading of the file in the other thread. Errors: an empty hash.
 * Threads: called on the main thread only; callbacks come on the main thread, from the loop.
 */
#ifndef PIL_POLICYD_HASHER_H
#define PIL_POLICYD_HASHER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/defs.h"
#include "policyd/attest.h"

struct event_base;
struct pil_hasher;

#define PIL_HASH_TEXT 65u

/* hash is 64 lower-case hex digits, or "" when there is none. */
typedef void pil_hasher_done(void *cookie, const char *hash);

/* Starts the thread. After privileges are dropped: they are per thread. */
int pil_hasher_start(struct event_base *base, uint64_t max_size,
                     struct pil_hasher **out) PIL_USERESULT;

/* PIL_OK: known, *hash points to it (valid until the next call). PIL_E_AGAIN: `done` is called
 * later, exactly once unless cancelled. Another error: cannot be told. fd is taken over in any
 * case; -1 is legal for a file that is known or under way. */
int pil_hasher_ask(struct pil_hasher *h, const struct pil_exe_id *id, int fd, pil_hasher_done *done,
                   void *cookie, const char **hash) PIL_USERESULT;

/* True when the answer is there or under way, so that nothing has to be opened. */
bool pil_hasher_knows(const struct pil_hasher *h, const struct pil_exe_id *id);

/* No callback for this cookie any more. */
void pil_hasher_cancel(struct pil_hasher *h, const void *cookie);

/* Files that were read so far. */
uint64_t pil_hasher_count(const struct pil_hasher *h);

void pil_hasher_stop(struct pil_hasher *h);

#endif
