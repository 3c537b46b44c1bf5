#include "policyd/tally.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/err.h"
#include "policyd/json.h"

#define TEXTS   12u                    /* of an entry; see enum text */
#define KEY_MAX (16384u)               /* paths, names and titles have bounds of their own */
#define ENTRY   (sizeof(struct entry)) /* and the allocator's own, roughly */
#define BUCKETS 4096u

/* In which order the texts of a key stand. */
enum text {
    TEXT_EXE = 0,
    TEXT_USER,
    TEXT_UNIT,
    TEXT_CGROUP,
    TEXT_WORKLOAD,
    TEXT_POLICY,
    TEXT_RULE,
    TEXT_SHADOW_POLICY,
    TEXT_SHADOW_RULE,
    TEXT_NAME,
    TEXT_CALLER,
    TEXT_PEER,
};

/* The numbers of a key, without padding, so that they compare as memory. */
struct head {
    struct pil_ip ip, source;
    uint32_t uid;
    uint16_t port;
    uint8_t action, kind, seen, effect, reason, shadow, shadow_reason, zero[3];
};
_Static_assert(offsetof(struct head, zero) + 3 == sizeof(struct head),
               "no padding: every byte is set");

struct entry {
    struct entry *next;
    uint64_t hash;
    uint64_t count, first_ns, last_ns;
    size_t len;
    struct head head;
    char text[]; /* TEXTS texts, each with its NUL */
};

struct key {
    struct head head;
    size_t len;
    char text[KEY_MAX];
};

struct pil_tally {
    struct pil_tally_counts counts;
    uint64_t seed[2];
    struct entry *bucket[BUCKETS];
};

int pil_tally_open(size_t max_bytes, struct pil_tally **out)
{
    struct pil_tally *t = calloc(1, sizeof(*t));

    if (!t)
        return PIL_E_NOMEM;
    t->counts.max_bytes = max_bytes;
    if (getrandom(t->seed, sizeof(t->seed), 0) != sizeof(t->seed)) {
        free(t);
        return PIL_E_SYSTEM;
    }
    *out = t;
    return PIL_OK;
}

void pil_tally_reset(struct pil_tally *t)
{
    for (size_t i = 0; i < BUCKETS; i++)
        while (t->bucket[i]) {
            struct entry *e = t->bucket[i];

            t->bucket[i] = e->next;
            free(e);
        }
    t->counts = (struct pil_tally_counts){.max_bytes = t->counts.max_bytes};
}

void pil_tally_close(struct pil_tally *t)
{
    if (!t)
        return;
    pil_tally_reset(t);
    free(t);
}

void pil_tally_count(const struct pil_tally *t, struct pil_tally_counts *out)
{
    *out = t->counts;
}

/* ---- keys --------------------------------------------------------------------------------- */

/* What does not fit is cut: two entries that differ only behind KEY_MAX would be one. */
static void put(struct key *key, struct pil_slice text)
{
    const size_t limit = KEY_MAX - TEXTS; /* each text has room for its NUL behind */
    size_t room = key->len < limit ? limit - key->len : 0;
    size_t len = text.len < room ? text.len : room;

    for (size_t i = 0; i < len; i++)
        if (text.at[i] != '\0')
            key->text[key->len++] = text.at[i];
    key->text[key->len++] = '\0';
}

static void make_key(struct key *key, const struct pil_tally_item *item)
{
    const struct pil_query *q = &item->query;
    const char *const texts[] = {
        item->exe,    item->user, item->unit,          item->cgroup,      item->workload,
        item->policy, item->rule, item->shadow_policy, item->shadow_rule,
    };

    key->head = (struct head){
        .ip = q->ip,
        .source = q->source,
        .uid = item->uid,
        .port = q->port,
        .action = q->action,
        .kind = q->kind,
        .seen = q->seen,
        .effect = item->verdict.effect,
        .reason = item->verdict.reason,
        .shadow = item->verdict.shadow,
        .shadow_reason = item->verdict.shadow_reason,
    };
    key->len = 0;
    for (size_t i = 0; i < PIL_NELEM(texts); i++)
        put(key, pil_slice_of(texts[i]));
    put(key, q->name);
    put(key, q->caller);
    put(key, q->peer);
}

/* Multiply and fold, keyed: nobody chooses names that fall into one bucket. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_bytes(const struct pil_tally *t, uint64_t hash, const void *at, size_t len)
{
    const char *from = at;

    for (size_t i = 0; i < len; i += 8) {
        uint64_t word = 0;

        memcpy(&word, from + i, len - i < 8 ? len - i : 8);
        hash = mix(hash ^ word, t->seed[1] | 1) + i;
    }
    return hash;
}

static uint64_t hash_of(const struct pil_tally *t, const struct key *key)
{
    uint64_t hash = hash_bytes(t, t->seed[0], &key->head, sizeof(key->head));

    return hash_bytes(t, hash, key->text, key->len);
}

/* ---- adding ------------------------------------------------------------------------------- */

static struct entry *find(struct pil_tally *t, const struct key *key, uint64_t hash)
{
    struct entry *e = t->bucket[hash % BUCKETS];

    while (e && (e->hash != hash || e->len != key->len ||
                 memcmp(&e->head, &key->head, sizeof(e->head)) != 0 ||
                 memcmp(e->text, key->text, key->len) != 0))
        e = e->next;
    return e;
}

static struct entry *make(struct pil_tally *t, const struct key *key, uint64_t hash)
{
    size_t bytes = ENTRY + key->len;
    struct entry *e;

    if (bytes > t->counts.max_bytes - t->counts.bytes)
        return NULL;
    e = malloc(bytes);
    if (!e)
        return NULL;
    *e = (struct entry){
        .next = t->bucket[hash % BUCKETS],
        .hash = hash,
        .len = key->len,
        .head = key->head,
    };
    memcpy(e->text, key->text, key->len);
    t->bucket[hash % BUCKETS] = e;
    t->counts.entries++;
    t->counts.bytes += bytes;
    return e;
}

void pil_tally_add(struct pil_tally *t, const struct pil_tally_item *item, uint64_t calls,
                   uint64_t realtime_ns)
{
    static struct key key; /* large; main thread only */
    struct entry *e;
    uint64_t hash;

    make_key(&key, item);
    hash = hash_of(t, &key);
    e = find(t, &key, hash);
    if (!e)
        e = make(t, &key, hash);
    t->counts.calls += calls;
    if (!e) {
        t->counts.missed += calls;
        return;
    }
    e->count += calls;
    if (e->first_ns == 0 || realtime_ns < e->first_ns)
        e->first_ns = realtime_ns;
    if (realtime_ns > e->last_ns)
        e->last_ns = realtime_ns;
}

/* ---- telling ------------------------------------------------------------------------------ */

/* The log's own writer makes JSON of bytes that are no UTF-8, so an entry is a line of it. */
static void put_text(struct pil_json *j, const char *key, const char *text)
{
    pil_json_string(j, key, *text ? text : NULL);
}

static void put_where(struct pil_json *j, const struct entry *e, const char *const text[TEXTS])
{
    char resource[PIL_NAME_MAX + PIL_IP_TEXT + 32], ip[PIL_IP_TEXT];
    struct pil_query q = {
        .kind = e->head.kind,
        .port = e->head.port,
        .ip = e->head.ip,
        .name = pil_slice_of(text[TEXT_NAME]),
    };
    struct pil_text out;

    pil_text_init(&out, resource, sizeof(resource));
    pil_query_print(&q, &out);
    pil_json_string(j, "action", pil_action_name(e->head.action));
    pil_json_string(j, "resource", resource);
    if (q.kind != PIL_KIND_UNIX && q.name.len > 0)
        pil_json_text(j, "name", q.name);
    if (q.kind == PIL_KIND_INET) {
        pil_json_text(j, "address", (struct pil_slice){ip, pil_ip_print(&q.ip, ip)});
        pil_json_u64(j, "port", q.port);
    }
    if (e->head.seen & PIL_FIELD_SOURCE)
        pil_json_text(j, "source", (struct pil_slice){ip, pil_ip_print(&e->head.source, ip)});
    if (e->head.seen & PIL_FIELD_CALLER)
        pil_json_string(j, "caller", text[TEXT_CALLER]);
    if (e->head.seen & PIL_FIELD_PEER)
        pil_json_string(j, "peer", text[TEXT_PEER]);
}

static void put_verdict(struct pil_json *j, const struct entry *e, const char *const text[TEXTS])
{
    pil_json_string(j, "verdict", pil_effect_name(e->head.effect));
    pil_json_string(j, "reason", pil_reason_name(e->head.reason));
    put_text(j, "policy", text[TEXT_POLICY]);
    put_text(j, "rule", text[TEXT_RULE]);
    pil_json_string(j, "shadow", pil_shadow_name(e->head.shadow));
    if (e->head.shadow == PIL_SHADOW_NONE)
        return;
    pil_json_string(j, "shadow_reason", pil_reason_name(e->head.shadow_reason));
    put_text(j, "shadow_policy", text[TEXT_SHADOW_POLICY]);
    put_text(j, "shadow_rule", text[TEXT_SHADOW_RULE]);
}

static json_t *entry_json(const struct entry *e)
{
    static char line[PIL_JSON_LINE]; /* main thread only */
    const char *text[TEXTS], *at = e->text;
    struct pil_json j;
    size_t len;

    for (unsigned i = 0; i < TEXTS; i++, at += strlen(at) + 1)
        text[i] = at;
    pil_json_begin(&j, line, sizeof(line));
    pil_json_string(&j, "workload", text[TEXT_WORKLOAD]);
    pil_json_u64(&j, "uid", e->head.uid);
    put_text(&j, "exe", text[TEXT_EXE]);
    put_text(&j, "user", text[TEXT_USER]);
    put_text(&j, "unit", text[TEXT_UNIT]);
    put_text(&j, "cgroup", text[TEXT_CGROUP]);
    put_where(&j, e, text);
    put_verdict(&j, e, text);
    pil_json_u64(&j, "count", e->count);
    pil_json_time(&j, "first", e->first_ns);
    pil_json_time(&j, "last", e->last_ns);
    len = pil_json_end(&j);
    return len > 0 ? json_loadb(line, len, 0, NULL) : NULL;
}

json_t *pil_tally_json(const struct pil_tally *t)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < BUCKETS; i++)
        for (const struct entry *e = t->bucket[i]; e; e = e->next)
            if (json_array_append_new(list, entry_json(e))) {
                json_decref(list);
                return NULL;
            }
    return list;
}
