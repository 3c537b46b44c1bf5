/*
 * The event ring: what a process tells policyd without asking it anything.
 *
 * One shared memfd per process: a page of counters, then a bounded queue of fixed-size events.
 * Many writers (all threads and signal handlers of the process), one reader (policyd). Writers
 * never wait: a full ring drops the event and counts the drop. Counters are never lost, not even
 * when the process is killed, because the memory outlives it in policyd.
 *
 * What the process cache serves is not told one by one. Where a policy in shadow would have decided
 * otherwise, each call is counted in a table of tallies, a slot for each question: found by a tag,
 * counted by one compare-and-swap, taken by policyd in its rounds.
 *
 * The reader distrusts everything in the ring: it copies an event, then judges the copy, and no
 * value in the ring is used as a length or an index without a bound.
 *
 * Cost: writing an event about 50 ns, a counter one atomic add. Errors: none for writers;
 * pil_ring_check for the mapping. Threads and signals: as above. Fork: a child must not write to
 * its parent's ring; it gets its own with its own hello.
 */
#ifndef PIL_CORE_RING_H
#define PIL_CORE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/defs.h"
#include "core/query.h"

#define PIL_RING_MAGIC   0x52504c50u /* "PLPR" */
#define PIL_RING_VERSION 1u
#define PIL_RING_SLOTS   64u /* a power of two */

enum pil_event_type {
    PIL_EVENT_NONE = 0,
    PIL_EVENT_DECISION,      /* a denial that was served without policyd */
    PIL_EVENT_COVERAGE_LOST, /* an exec that leaves Pillion's reach; text is the path */
    PIL_EVENT_EXEC_REFUSED,  /* the same, refused because the workload's policy says so */
    PIL_EVENT_STUB_MOVED,    /* the network stub is not at its address */
    PIL_EVENT_DEEPBIND,      /* a library that wanted to prefer libc's functions to the hooks */
    PIL_EVENT_URING,         /* a ring of io_uring was asked for, and refused */
    PIL_EVENT_CONFINED,      /* a seccomp filter took calls from the shim; text names them */
    PIL_EVENT_OUT_OF_REACH,  /* no new link can be made from here on; text says what did that */
    PIL_EVENT_TLS_TRUNCATED, /* a secured connection ended without its peer's word; text: its id */
    PIL_EVENT_TLS_BROKEN,    /* a record did not hold, or may not come; text: its id */
    PIL_EVENT_COUNT
};

#define PIL_EVENT_TEXT 104u

/* One event: fixed size, no pointers. Integers in host order. */
struct pil_event {
    uint64_t realtime_ns;
    uint64_t generation; /* of the verdict */
    uint32_t rule;       /* index in the image of that generation, or PIL_NO_INDEX */
    uint32_t policy;
    uint32_t shadow_rule;
    uint32_t shadow_policy;
    uint32_t tid;
    uint32_t elapsed_ns; /* what the decision took, saturating */
    uint8_t type;        /* enum pil_event_type */
    uint8_t action, kind, seen;
    uint8_t effect, reason, shadow, tier;
    uint16_t port;
    uint16_t error;    /* errno the program got */
    uint16_t text_len; /* of text */
    uint16_t reserved;
    struct pil_ip ip;
    struct pil_ip source;
    char text[PIL_EVENT_TEXT]; /* name or path, cut at the end; the caller is not carried */
};

struct pil_ring_slot {
    _Atomic uint32_t turn; /* Vyukov's sequence: whose turn this slot is */
    uint32_t pad;
    struct pil_event event;
};

#define PIL_RING_TALLIES 16u /* as many as the first page has room for */
#define PIL_TALLY_TEXT   144u

/* A question that is asked again and again, and its verdict. Integers in host order. */
struct pil_tally_body {
    uint64_t generation;
    uint32_t rule, policy, shadow_rule, shadow_policy; /* as in struct pil_verdict */
    uint8_t action, kind, seen, effect, reason, shadow, shadow_reason, reserved;
    uint16_t port;
    uint16_t text_len;   /* of the name or path, in text */
    uint16_t caller_len; /* of the caller, behind it */
    uint16_t spare;
    struct pil_ip ip;
    struct pil_ip source;
    char text[PIL_TALLY_TEXT]; /* what is too long is cut at its end */
};

struct pil_ring_tally {
    _Atomic uint64_t word; /* tag << 32 | calls not taken yet; 0: free */
    struct pil_tally_body body;
};

/* Decisions by tier and outcome, and the four causes of the fail-closed rule. */
struct pil_ring_counters {
    _Atomic uint64_t decisions[PIL_TIER_COUNT][3]; /* [tier][effect] */
    _Atomic uint64_t failed[PIL_REASON_COUNT];     /* served by the fail rule, by reason */
    _Atomic uint64_t dropped;                      /* events that found the ring full */
    _Atomic uint64_t reconnects;
};

struct pil_ring {
    uint32_t magic;
    uint32_t version;
    uint32_t slots;
    uint32_t reserved;
    struct pil_ring_counters counters;
    _Atomic uint32_t head __attribute__((aligned(64))); /* writers */
    _Atomic uint32_t tail __attribute__((aligned(64))); /* reader, informational for writers */
    _Atomic uint32_t told;                              /* moves with every tally */
    _Atomic uint64_t untold;                            /* calls that found no slot */
    struct pil_ring_tally tally[PIL_RING_TALLIES] __attribute__((aligned(64)));
    struct pil_ring_slot slot[PIL_RING_SLOTS] __attribute__((aligned(4096)));
};

#define PIL_RING_SIZE sizeof(struct pil_ring)

/* policyd: a fresh ring in zeroed memory. */
void pil_ring_init(struct pil_ring *ring);

/* PIL_OK, PIL_E_MALFORMED or PIL_E_VERSION; for a mapping of at least PIL_RING_SIZE bytes. */
int pil_ring_check(const struct pil_ring *ring) PIL_USERESULT;

/* Writer: copies the event in. False when the ring was full; the drop is counted. */
bool pil_ring_put(struct pil_ring *ring, const struct pil_event *event);

/*
 * Reader: copies the next event out. *tail is the reader's own position, kept in its private
 * memory, starting at 0. False when there is none. `stuck` events (a writer died between claiming
 * and filling a slot) end the queue until pil_ring_skip.
 */
bool pil_ring_get(struct pil_ring *ring, uint32_t *tail, struct pil_event *out);

/* Reader, when the process is gone: steps over a slot that will never be filled. False when
 * nothing was claimed behind *tail. */
bool pil_ring_skip(struct pil_ring *ring, uint32_t *tail);

/*
 * Writer: one call more of the question with that tag, which names question, verdict and
 * generation. False when it has no slot: then pil_ring_tally_open, which takes one with the body
 * and counts the call, or counts it as untold.
 */
bool pil_ring_tally_count(struct pil_ring *ring, uint32_t tag);
void pil_ring_tally_open(struct pil_ring *ring, uint32_t tag, const struct pil_tally_body *body);

/* Reader: takes what slot i (below PIL_RING_TALLIES) has counted; 0 for nothing. The lengths of
 * *out are within its text; nothing else of it is to be believed. A slot that counted nothing
 * since it was last taken is free afterwards. */
uint32_t pil_ring_tally_take(struct pil_ring *ring, unsigned i, struct pil_tally_body *out);

#endif
