#include "policyd/cache.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "core/err.h"

#define WAYS 4u

/* The question as bytes: no padding, so that it can be hashed and compared as memory. */
struct key {
    uint32_t workload, uid;
    uint8_t action, kind, seen, flags; /* of the flags PIL_QUERY_PEER_LATER */
    uint16_t port, name_len;
    uint16_t caller_len, peer_len;
    struct pil_ip ip, source;
    char text[PIL_NAME_MAX + PIL_CALLER_MAX + PIL_PEER_MAX + 1]; /* name, caller, peer */
};
_Static_assert(sizeof(struct key) == 20 + 32 + 572, "no padding");

struct entry {
    uint64_t hash; /* 0: free */
    uint64_t until_ms;
    struct pil_verdict verdict;
    struct key key;
};

struct pil_cache {
    struct entry *entry;
    size_t bytes;
    uint64_t seed[2];
    unsigned sets; /* a power of two */
    unsigned turn; /* which way is given up next */
};

int pil_cache_open(unsigned entries, struct pil_cache **out)
{
    struct pil_cache *cache = calloc(1, sizeof(*cache));

    if (!cache)
        return PIL_E_NOMEM;
    cache->sets = 1;
    while (cache->sets * WAYS < entries)
        cache->sets *= 2;
    cache->bytes = (size_t)cache->sets * WAYS * sizeof(struct entry);
    cache->entry =
        mmap(NULL, cache->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (cache->entry == MAP_FAILED ||
        getrandom(cache->seed, sizeof(cache->seed), 0) != sizeof(cache->seed)) {
        if (cache->entry != MAP_FAILED)
            munmap(cache->entry, cache->bytes);
        free(cache);
        return PIL_E_NOMEM;
    }
    *out = cache;
    return PIL_OK;
}

void pil_cache_close(struct pil_cache *cache)
{
    if (!cache)
        return;
    munmap(cache->entry, cache->bytes);
    free(cache);
}

/* Bytes of the key that carry something; 0 when the question does not fit into one. */
static size_t make_key(struct key *key, const struct pil_subject *who, const struct pil_query *q)
{
    const size_t peer_len = q->seen & PIL_FIELD_PEER ? q->peer.len : 0;

    if (q->name.len > PIL_NAME_MAX || q->caller.len > PIL_CALLER_MAX || peer_len > PIL_PEER_MAX)
        return 0;
    *key = (struct key){
        .workload = who->workload,
        .uid = who->uid,
        .action = q->action,
        .kind = q->kind,
        .seen = q->seen,
        .flags = q->flags & PIL_QUERY_PEER_LATER,
        .port = q->port,
        .name_len = (uint16_t)q->name.len,
        .caller_len = (uint16_t)q->caller.len,
        .peer_len = (uint16_t)peer_len,
        .ip = q->ip,
        .source = q->source,
    };
    if (q->name.len > 0)
        memcpy(key->text, q->name.at, q->name.len);
    if (q->caller.len > 0)
        memcpy(key->text + q->name.len, q->caller.at, q->caller.len);
    if (peer_len > 0)
        memcpy(key->text + q->name.len + q->caller.len, q->peer.at, peer_len);
    return offsetof(struct key, text) + q->name.len + q->caller.len + peer_len;
}

/* Multiply and fold (wyhash's step) over eight bytes at a time, keyed by the seed. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_of(const struct pil_cache *cache, const struct key *key, size_t len)
{
    const char *at = (const char *)key;
    uint64_t hash = cache->seed[0] ^ len;

    /* The key is zero behind its length, so whole words may be read. */
    for (size_t i = 0; i < len; i += 8) {
        uint64_t word;

        memcpy(&word, at + i, sizeof(word));
        hash = mix(hash ^ word, cache->seed[1] | 1) + i;
    }
    return hash ? hash : 1;
}

static struct entry *set_of(struct pil_cache *cache, uint64_t hash)
{
    return &cache->entry[(hash >> 32 & (cache->sets - 1)) * WAYS];
}

bool pil_cache_get(struct pil_cache *cache, const struct pil_subject *who,
                   const struct pil_query *q, uint64_t generation, uint64_t now_ms,
                   struct pil_verdict *out)
{
    struct key key;
    size_t len = make_key(&key, who, q);
    uint64_t hash = hash_of(cache, &key, len);
    struct entry *set = set_of(cache, hash);

    for (unsigned i = 0; len > 0 && i < WAYS; i++) {
        struct entry *e = &set[i];

        if (e->hash != hash || e->verdict.generation != generation || e->until_ms <= now_ms ||
            memcmp(&e->key, &key, len) != 0)
            continue;
        *out = e->verdict;
        out->ttl_ms = (uint32_t)(e->until_ms - now_ms);
        return true;
    }
    return false;
}

/* A free or dead way, else the next in turn. */
static struct entry *victim(struct pil_cache *cache, struct entry *set, uint64_t generation,
                            uint64_t now_ms)
{
    for (unsigned i = 0; i < WAYS; i++)
        if (set[i].hash == 0 || set[i].until_ms <= now_ms ||
            set[i].verdict.generation != generation)
            return &set[i];
    return &set[cache->turn++ % WAYS];
}

bool pil_cache_put(struct pil_cache *cache, const struct pil_subject *who,
                   const struct pil_query *q, uint64_t now_ms, const struct pil_verdict *verdict)
{
    struct key key;
    size_t len = make_key(&key, who, q);
    struct entry *e;
    uint64_t hash;
    bool evicts;

    if (verdict->ttl_ms == 0 || len == 0)
        return false;
    hash = hash_of(cache, &key, len);
    e = victim(cache, set_of(cache, hash), verdict->generation, now_ms);
    evicts = e->hash != 0 && e->until_ms > now_ms && e->verdict.generation == verdict->generation;
    e->hash = hash;
    e->until_ms = now_ms + verdict->ttl_ms;
    e->verdict = *verdict;
    e->key = key;
    return evicts;
}
