/*
 * The host cache: verdicts that the engine gave, shared by all processes.
 *
 * A fixed table of sets of four, keyed by workload, uid and the whole question; found again only
 * when every byte is the same. An entry holds for its TTL and for one generation. The hash is
 * keyed with a random number of this run, so nobody can choose questions that fall on one set.
 *
 * Cost: one hash over the question, at most four comparisons, no allocation after open.
 * Errors: none but memory at open. Threads: main thread only.
 */
#ifndef PIL_POLICYD_CACHE_H
#define PIL_POLICYD_CACHE_H

#include <stdbool.h>

#include "core/query.h"

struct pil_cache;

/* `entries` is rounded up to a power of two. Memory is touched only as it is used. */
int pil_cache_open(unsigned entries, struct pil_cache **out) PIL_USERESULT;

/* Fills *out, its ttl_ms shortened to what is left of it. */
bool pil_cache_get(struct pil_cache *cache, const struct pil_subject *who,
                   const struct pil_query *q, uint64_t generation, uint64_t now_ms,
                   struct pil_verdict *out);

/* Keeps a verdict with a TTL; one without is not kept. True when a live entry made room. */
bool pil_cache_put(struct pil_cache *cache, const struct pil_subject *who,
                   const struct pil_query *q, uint64_t now_ms, const struct pil_verdict *verdict);

void pil_cache_close(struct pil_cache *cache);

#endif
