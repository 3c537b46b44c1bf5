/*
 * What policyd counts of itself. Plain numbers of the main thread; metrics and status read them.
 */
#ifndef PIL_POLICYD_STATS_H
#define PIL_POLICYD_STATS_H

#include <stdint.h>

#include "core/query.h"
#include "core/ring.h"

/* Why a connection or session was turned away. */
#define PIL_REFUSAL_LIST(X)                                                                        \
    X(PROTOCOL, "protocol", "it broke the protocol")                                               \
    X(UID_CAP, "uid-cap", "its user has as many sessions as one may have")                         \
    X(TOTAL_CAP, "total-cap", "policyd has as many sessions as it may have")                       \
    X(LINK_CAP, "link-cap", "its process has as many links as one may have")                       \
    X(SLOW, "slow", "it does not read its answers")                                                \
    X(SILENT, "silent", "it said nothing in time")                                                 \
    X(ATTEST, "attest", "the kernel could not say who it is")                                      \
    X(INTERNAL, "internal", "memory or descriptors ran out")

enum pil_refusal {
#define PIL_REFUSAL_ENUM(id, name, text) PIL_REFUSAL_##id,
    PIL_REFUSAL_LIST(PIL_REFUSAL_ENUM)
#undef PIL_REFUSAL_ENUM
        PIL_REFUSAL_COUNT
};

#define PIL_LATENCY_BUCKETS 8u

struct pil_stats {
    uint64_t started_ns; /* CLOCK_REALTIME */
    uint64_t decisions[PIL_TIER_COUNT][3];
    uint64_t reasons[PIL_REASON_COUNT];
    uint64_t shadow[3];
    uint64_t frames, accepted, hellos;
    uint64_t refused[PIL_REFUSAL_COUNT];
    uint64_t cache_hits, cache_misses, cache_evictions;
    uint64_t hashes, hash_hits;
    uint64_t latency[PIL_LATENCY_BUCKETS + 1]; /* last: everything above */
    uint64_t latency_ns;
    uint64_t coverage_lost, exec_refused, stub_moved, deepbind, uring_refused, ring_events;
    uint64_t confined, out_of_reach;
    uint64_t tls_truncated, tls_broken;
    uint64_t expected_killed;
    uint64_t follow_dropped;
    uint64_t accept_pauses;
    /* Counters of rings whose process is gone. */
    uint64_t gone_decisions[PIL_TIER_COUNT][3];
    uint64_t gone_failed[PIL_REASON_COUNT];
    uint64_t gone_dropped, gone_reconnects;
};

/* Upper bounds of the latency buckets, nanoseconds. */
extern const uint64_t pil_stats_bounds[PIL_LATENCY_BUCKETS];

void pil_stats_latency(struct pil_stats *stats, uint64_t ns);
const char *pil_stats_refusal(enum pil_refusal why);      /* "uid-cap" */
const char *pil_stats_refusal_text(enum pil_refusal why); /* the sentence */

#endif
