/*
 * The process cache of decisions: fixed size, no locks, no allocation.
 *
 * Keyed by the query's bytes: numbers as they are, texts as 128-bit digests. An entry is good for
 * one generation and until its TTL ends; whoever looks checks both, so nobody has to flush. It
 * lies in memory that a forked child finds wiped.
 *
 * Cost: a hash of nine words and at most four entries of two cache lines. A writer that meets
 * another one on the same entry gives up: a lost entry is only a question asked again.
 * Errors: none. Threads, signals: sequence locks with relaxed atomics; readers never wait.
 */
#ifndef PIL_SHIM_CACHE_H
#define PIL_SHIM_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/query.h"
#include "shim/digest.h"

#define PIL_KEY_WORDS 9u

struct pil_key {
    uint64_t word[PIL_KEY_WORDS];
};

/* subject numbers the users this process has been; name and caller are the digests of the query's
 * texts. */
void pil_key_make(struct pil_key *key, const struct pil_query *q, uint32_t subject,
                  struct pil_digest name, struct pil_digest caller);

/* Finds a verdict of that generation that is good at now_ns. out->ttl_ms is not kept. */
bool pil_cache_find(const struct pil_key *key, uint64_t generation, uint64_t now_ns,
                    struct pil_verdict *out);

/* Keeps a verdict for verdict->ttl_ms from now_ns on; nothing when that is 0. */
void pil_cache_keep(const struct pil_key *key, const struct pil_verdict *verdict, uint64_t now_ns);

/* A number for the key under a generation; equal keys have equal ones. */
uint32_t pil_key_tag(const struct pil_key *key, uint64_t generation);

/* The memory of the cache, for marking it as wiped on fork. */
void *pil_cache_memory(size_t *len);

#endif
