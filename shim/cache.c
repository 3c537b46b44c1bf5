#include "shim/cache.h"

#include <stdatomic.h>
#include <string.h>

#include "core/defs.h"

#define SETS          128u
#define WAYS          4u
#define VERDICT_WORDS 3u

struct entry {
    _Atomic uint64_t sequence; /* odd while it is written */
    _Atomic uint64_t generation;
    _Atomic uint64_t expires_ns;
    _Atomic uint64_t key[PIL_KEY_WORDS];
    _Atomic uint64_t verdict[VERDICT_WORDS];
    uint64_t spare;
};
_Static_assert(sizeof(struct entry) == 128, "two cache lines");

static struct entry table[SETS][WAYS] __attribute__((aligned(4096)));

void *pil_cache_memory(size_t *len)
{
    *len = sizeof(table);
    return table;
}

void pil_key_make(struct pil_key *key, const struct pil_query *q, uint32_t subject,
                  struct pil_digest name, struct pil_digest caller)
{
    /* Asked ahead or not is one question; a peer that comes later makes another. */
    key->word[0] = (uint64_t)q->action | (uint64_t)q->kind << 8 | (uint64_t)q->seen << 16 |
                   (uint64_t)(q->flags & PIL_QUERY_PEER_LATER) << 24 | (uint64_t)q->port << 32 |
                   (uint64_t)subject << 48;
    memcpy(&key->word[1], &q->ip, sizeof(q->ip));
    memcpy(&key->word[3], &q->source, sizeof(q->source));
    memcpy(&key->word[5], &name, sizeof(name));
    memcpy(&key->word[7], &caller, sizeof(caller));
}

/* Multiply and fold, word by word: spreads well enough for a table of this size. */
static uint64_t hash(const struct pil_key *key)
{
    uint64_t h = 0x9e3779b97f4a7c15u;

    for (unsigned i = 0; i < PIL_KEY_WORDS; i++) {
        h = (h ^ key->word[i]) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    return h;
}

uint32_t pil_key_tag(const struct pil_key *key, uint64_t generation)
{
    uint64_t h = (hash(key) ^ generation) * 0xff51afd7ed558ccdu;

    return (uint32_t)(h >> 32);
}

static void unpack(const uint64_t packed[VERDICT_WORDS], struct pil_verdict *out)
{
    uint64_t head = packed[0];

    *out = (struct pil_verdict){
        .effect = (uint8_t)head,
        .reason = (uint8_t)(head >> 8),
        .shadow = (uint8_t)(head >> 16 & 15),
        .encrypt = (uint8_t)(head >> 20 & 15),
        .shadow_reason = (uint8_t)(head >> 24),
        .error = (uint16_t)(head >> 32),
        .tier = PIL_TIER_PROCESS,
        .rule = (uint32_t)packed[1],
        .policy = (uint32_t)(packed[1] >> 32),
        .shadow_rule = (uint32_t)packed[2],
        .shadow_policy = (uint32_t)(packed[2] >> 32),
    };
}

static void pack(const struct pil_verdict *v, uint64_t packed[VERDICT_WORDS])
{
    packed[0] = (uint64_t)v->effect | (uint64_t)v->reason << 8 | (uint64_t)(v->shadow & 15) << 16 |
                (uint64_t)(v->encrypt & 15) << 20 | (uint64_t)v->shadow_reason << 24 |
                (uint64_t)v->error << 32;
    packed[1] = (uint64_t)v->rule | (uint64_t)v->policy << 32;
    packed[2] = (uint64_t)v->shadow_rule | (uint64_t)v->shadow_policy << 32;
}

static uint64_t get(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

static void set(_Atomic uint64_t *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_relaxed);
}

static bool holds(const struct entry *e, const struct pil_key *key)
{
    uint64_t differs = 0;

    for (unsigned i = 0; i < PIL_KEY_WORDS; i++)
        differs |= get(&e->key[i]) ^ key->word[i];
    return differs == 0;
}

/* One look at an entry; false also when it changed meanwhile. */
static bool look(const struct entry *e, const struct pil_key *key, uint64_t generation,
                 uint64_t now_ns, struct pil_verdict *out)
{
    uint64_t sequence = atomic_load_explicit(&e->sequence, memory_order_acquire);
    uint64_t packed[VERDICT_WORDS];

    if ((sequence & 1) || get(&e->generation) != generation || get(&e->expires_ns) <= now_ns ||
        !holds(e, key))
        return false;
    for (unsigned i = 0; i < VERDICT_WORDS; i++)
        packed[i] = get(&e->verdict[i]);
    atomic_thread_fence(memory_order_acquire);
    if (get(&e->sequence) != sequence)
        return false;
    unpack(packed, out);
    out->generation = generation;
    return true;
}

bool pil_cache_find(const struct pil_key *key, uint64_t generation, uint64_t now_ns,
                    struct pil_verdict *out)
{
    const struct entry *ways = table[hash(key) % SETS];

    for (unsigned i = 0; i < WAYS; i++)
        if (look(&ways[i], key, generation, now_ns, out))
            return true;
    return false;
}

/* The same key, else one that is over, else the one that ends first. */
static struct entry *choose(struct entry *ways, const struct pil_key *key,
                            const struct pil_verdict *v, uint64_t now_ns)
{
    struct entry *best = &ways[0];
    uint64_t best_end = UINT64_MAX;

    for (unsigned i = 0; i < WAYS; i++) {
        uint64_t end = get(&ways[i].expires_ns);

        if (holds(&ways[i], key))
            return &ways[i];
        if (end <= now_ns || get(&ways[i].generation) != v->generation)
            end = 0;
        if (end < best_end) {
            best = &ways[i];
            best_end = end;
        }
    }
    return best;
}

void pil_cache_keep(const struct pil_key *key, const struct pil_verdict *verdict, uint64_t now_ns)
{
    struct entry *e = choose(table[hash(key) % SETS], key, verdict, now_ns);
    uint64_t sequence = get(&e->sequence);
    uint64_t packed[VERDICT_WORDS];

    if (verdict->ttl_ms == 0 || verdict->generation == 0 || (sequence & 1) ||
        !atomic_compare_exchange_strong_explicit(&e->sequence, &sequence, sequence + 1,
                                                 memory_order_acquire, memory_order_relaxed))
        return;
    atomic_thread_fence(memory_order_release);
    pack(verdict, packed);
    set(&e->generation, verdict->generation);
    set(&e->expires_ns, now_ns + verdict->ttl_ms * UINT64_C(1000000));
    for (unsigned i = 0; i < PIL_KEY_WORDS; i++)
        set(&e->key[i], key->word[i]);
    for (unsigned i = 0; i < VERDICT_WORDS; i++)
        set(&e->verdict[i], packed[i]);
    atomic_store_explicit(&e->sequence, sequence + 2, memory_order_release);
}
