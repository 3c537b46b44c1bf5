/*
 * The bytes of a compiled image: what image.c, eval.c and conf/compile.c must agree on, and
 * nobody else looks at.
 *
 * A header with a table of sections; the sections follow each other in the order of the list
 * below, each on a multiple of PIL_LAYOUT_ALIGN, with zero bytes between. Records refer to each
 * other by index, to text by offset into the text section (offset 0 is ""), and to lists by a
 * span. What stands where in the policy text comes last, so that everything before it is the same
 * however the text was ordered.
 *
 * The index: every workload has a part of its own, and one more part holds rules whose workloads
 * are too many to be listed (PARTS[workloads]), and a last one the endpoints of services that are
 * encrypted or have an identity (PARTS[workloads + 1]). A part has shapes (what kinds of keys it
 * holds) and a power-of-two table of slots, open addressing by linear probing, never full. A
 * question is masked to each shape and looked up; a slot leads to its candidates. So cost follows
 * the shapes and the candidates, and what one workload needs lies close together.
 *
 * Cost: inline reads. Errors: none; only blocks that pil_image_open accepted may be read with
 * these. Threads, fork, signals: read-only.
 */
#ifndef PIL_CORE_IMAGE_LAYOUT_H
#define PIL_CORE_IMAGE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/addr.h"
#include "core/image.h"

#define PIL_LAYOUT_ALIGN 64u /* a cache line: no slot lies across two */

/*     section      record */
#define PIL_LAYOUT_SECTIONS(X)                                                                     \
    X(WORKLOADS, struct pil_layout_workload)                                                       \
    X(ROLES, struct pil_layout_role)                                                               \
    X(SERVICES, struct pil_layout_service)                                                         \
    X(POLICIES, struct pil_layout_policy)                                                          \
    X(RULES, struct pil_layout_rule)                                                               \
    X(RESOURCES, struct pil_layout_resource)                                                       \
    X(WHENS, struct pil_layout_when)                                                               \
    X(RATES, struct pil_layout_rate)                                                               \
    X(ROUTES, struct pil_layout_route)                                                             \
    X(GRANTS, struct pil_layout_grant)                                                             \
    X(DEFAULTS, struct pil_layout_default)                                                         \
    X(SETS, struct pil_layout_set)                                                                 \
    X(WORDS, uint64_t)                                                                             \
    X(LISTS, uint32_t)                                                                             \
    X(PREFIXES, struct pil_layout_prefix)                                                          \
    X(ZONES, uint32_t)                                                                             \
    X(PARTS, struct pil_layout_part)                                                               \
    X(SHAPES, struct pil_layout_shape)                                                             \
    X(SLOTS, struct pil_layout_slot)                                                               \
    X(CANDIDATES, struct pil_layout_candidate)                                                     \
    X(TEXT, char)                                                                                  \
    X(PLACES, struct pil_layout_place)                                                             \
    X(FILES, char)

enum pil_layout_section {
#define PIL_LAYOUT_ENUM(name, type) PIL_LAYOUT_##name,
    PIL_LAYOUT_SECTIONS(PIL_LAYOUT_ENUM)
#undef PIL_LAYOUT_ENUM
        PIL_LAYOUT_SECTION_COUNT
};

/* Where a section lies: bytes from the start of the block, and how many records. */
struct pil_layout_extent {
    uint32_t at;
    uint32_t count;
};

/* What a policy says when no rule matched. */
enum pil_layout_fallback {
    PIL_LAYOUT_NO_DEFAULT = 0,
    PIL_LAYOUT_DEFAULT_DENY,
    PIL_LAYOUT_DEFAULT_ALLOW,
    PIL_LAYOUT_FALLBACK_COUNT
};

struct pil_layout_head {
    uint32_t magic;
    uint32_t version;
    uint64_t size;   /* of the whole block */
    uint64_t digest; /* pil_layout_digest */
    uint32_t fields; /* enum pil_field */
    uint32_t trust_domain;
    uint8_t fallback; /* enum pil_layout_fallback, mesh-wide */
    uint8_t zero[7];
    struct pil_layout_extent section[PIL_LAYOUT_SECTION_COUNT];
};
_Static_assert(sizeof(struct pil_layout_head) == 40 + 8 * PIL_LAYOUT_SECTION_COUNT, "no padding");

struct pil_layout_span {
    uint32_t first;
    uint32_t count;
};

/* Selectors are text; 0 (the empty text) is a selector that was not written. */
struct pil_layout_workload {
    uint32_t title;
    uint32_t exe, user, unit, cgroup, sha256;
    uint32_t covered; /* 0 or 1 */
};

struct pil_layout_role {
    uint32_t title;
    struct pil_layout_span members; /* LISTS of text */
};

struct pil_layout_service {
    uint32_t title;
    uint32_t identity;
    struct pil_layout_span endpoints; /* LISTS of text */
    uint8_t encrypt;                  /* enum pil_encrypt */
    uint8_t server_first;             /* 0 or 1 */
    uint8_t zero[2];
};

enum pil_layout_policy_flag {
    PIL_LAYOUT_HAS_VERSION = 1u << 0,
    PIL_LAYOUT_HAS_APPLIES = 1u << 1,
    PIL_LAYOUT_POLICY_FLAGS = 3u,
};

struct pil_layout_policy {
    uint32_t title;
    uint32_t owner;
    uint32_t version;
    struct pil_layout_span rules;    /* RULES */
    struct pil_layout_span inherits; /* LISTS of text */
    struct pil_layout_span applies;  /* LISTS of text */
    struct pil_layout_span grants;   /* GRANTS */
    uint16_t deny_errno;
    uint8_t stage;    /* enum pil_stage */
    uint8_t rollout;  /* 0..100 */
    uint8_t fallback; /* enum pil_layout_fallback */
    uint8_t flags;
    uint8_t zero[2];
};

enum pil_layout_rule_flag {
    PIL_LAYOUT_HAS_SUBJECTS = 1u << 0,
    PIL_LAYOUT_HAS_ACTIONS = 1u << 1,
    PIL_LAYOUT_HAS_RESOURCES = 1u << 2,
    PIL_LAYOUT_RULE_FLAGS = 7u,
};

struct pil_layout_rule {
    uint32_t title;
    uint32_t policy;
    uint32_t set;                     /* SETS: its own subjects */
    uint32_t when;                    /* WHENS; 0: no conditions */
    uint32_t rate;                    /* RATES or PIL_NO_INDEX */
    struct pil_layout_span subjects;  /* LISTS of text */
    struct pil_layout_span resources; /* LISTS of text */
    struct pil_layout_span targets;   /* LISTS of RESOURCES: services replaced by endpoints */
    uint8_t effect;                   /* PIL_ALLOW or PIL_DENY */
    uint8_t actions;                  /* 1u << enum pil_action */
    uint8_t flags;
    uint8_t zero;
};
#define PIL_LAYOUT_ACTIONS ((1u << PIL_ACTION_COUNT) - 2u) /* every action */

/* One resource as it is matched. */
struct pil_layout_resource {
    uint64_t hi, lo; /* PIL_KIND_INET: the prefix, as two numbers */
    uint32_t text;   /* PIL_KIND_NAME: without "*."; PIL_KIND_UNIX: path or pattern */
    uint16_t low, high;
    uint8_t kind; /* enum pil_kind; PIL_KIND_NONE is "*" */
    uint8_t bits;
    uint8_t wildcard; /* NAME: everything below; UNIX: a pattern */
    uint8_t zero[5];
};

enum pil_layout_when_flag {
    PIL_LAYOUT_WHEN_SOURCE = 1u << 0,
    PIL_LAYOUT_WHEN_HOURS = 1u << 1,
    PIL_LAYOUT_WHEN_DAYS = 1u << 2,
    PIL_LAYOUT_WHEN_UID = 1u << 3,
    PIL_LAYOUT_WHEN_CALLER = 1u << 4,
    PIL_LAYOUT_WHEN_PEER = 1u << 5,
    PIL_LAYOUT_WHEN_FLAGS = 63u,
};

/* WHENS[0] is "no conditions". */
struct pil_layout_when {
    struct pil_layout_span source; /* PREFIXES */
    struct pil_layout_span uid;    /* LISTS of numbers, ascending */
    struct pil_layout_span caller; /* LISTS of text */
    struct pil_layout_span peer;   /* LISTS of text, as written */
    struct pil_layout_span peers;  /* LISTS of text: patterns of SPIFFE IDs, names replaced */
    uint32_t zone;                 /* ZONES; 0 without hours and days */
    uint16_t low, high;            /* minutes of the day */
    uint8_t flags;
    uint8_t days; /* bit 0 is Monday */
    uint8_t zero[2];
};

struct pil_layout_rate {
    uint32_t limit, per_ms, burst;
    uint8_t by, exceed;
    uint8_t zero[2];
};
#define PIL_LAYOUT_RATE_BY_COUNT 4u
#define PIL_LAYOUT_EXCEED_COUNT  3u

enum pil_layout_route_flag {
    PIL_LAYOUT_HAS_TIMEOUT = 1u << 0,
    PIL_LAYOUT_HAS_RETRIES = 1u << 1,
    PIL_LAYOUT_HAS_BREAKER = 1u << 2,
    PIL_LAYOUT_ROUTE_FLAGS = 7u,
};

struct pil_layout_route {
    uint32_t title;
    uint32_t timeout_ms, retries;
    struct pil_layout_span fallback; /* LISTS of text, in the order of the policy */
    uint32_t failures, open_ms, half_open;
    uint8_t flags;
    uint8_t zero[3];
};

/*
 * For whom a policy's rules count. A host whose bucket is below `enforce` enforces them, one
 * whose bucket is below `active` at least watches them; both are the best that a path of
 * inheritance from a policy that applies gives, where a path is as good as its weakest policy.
 */
struct pil_layout_grant {
    uint32_t set;
    uint8_t enforce, active;
    uint8_t zero[2];
};

/* A default that a workload may fall back to, nearest first. */
struct pil_layout_default {
    uint32_t policy;
    uint8_t enforce, active;
    uint8_t fallback;
    uint8_t zero;
};

enum pil_layout_set_kind {
    PIL_LAYOUT_SET_EVERYONE = 0, /* workload 0 too */
    PIL_LAYOUT_SET_LIST,         /* LISTS of workloads, ascending */
    PIL_LAYOUT_SET_BITS,         /* WORDS, one bit a workload */
};

/* SETS[0] is everyone. */
struct pil_layout_set {
    uint32_t kind;
    struct pil_layout_span span;
};

struct pil_layout_prefix {
    uint64_t hi, lo;
    uint8_t bits;
    uint8_t zero[7];
};

struct pil_layout_part {
    struct pil_layout_span shapes;
    uint32_t slots; /* first of the table */
    uint32_t mask;  /* slots in the table, less one */
    struct pil_layout_span defaults;
};

/* What a slot is about: enum pil_kind, and two that are no kind of address. */
enum pil_layout_key {
    PIL_LAYOUT_KEY_NONE = 0, /* an empty slot */
    PIL_LAYOUT_KEY_INET = PIL_KIND_INET,
    PIL_LAYOUT_KEY_UNIX = PIL_KIND_UNIX,
    PIL_LAYOUT_KEY_NAME = PIL_KIND_NAME,
    PIL_LAYOUT_KEY_ANY,    /* resource "*" */
    PIL_LAYOUT_KEY_UNSEEN, /* deny rules by host name, for who cannot see the name */
    PIL_LAYOUT_KEY_COUNT
};

/* Shapes of one part at most: each is a look-up of every question. */
#define PIL_LAYOUT_SHAPES_MAX 4096u

struct pil_layout_shape {
    uint8_t key;
    uint8_t actions;
    uint8_t bits;      /* INET: prefix; NAME and UNIX: 1 for everything below a name, a pattern */
    uint8_t port_bits; /* leading bits of the port that count, 0..16 */
};

struct pil_layout_slot {
    uint64_t hi; /* INET: the address; NAME and UNIX: pil_layout_mix over the text */
    uint64_t lo; /* INET: the address; NAME and UNIX: length << 32 | text offset; of a pattern
                    the length of its folder, which is what hi is made of */
    uint16_t port;
    uint8_t zero[2];
    struct pil_layout_shape shape;
    struct pil_layout_span candidates;
};
_Static_assert(sizeof(struct pil_layout_slot) == 32, "two to a cache line");

/* In the part of services, a candidate is the endpoint of one: `rule` is the service. */
#define PIL_LAYOUT_SERVICE 2u

struct pil_layout_candidate {
    uint32_t rule;
    uint32_t set;            /* SETS to look into; 0 in a part of its own workload */
    uint32_t when;           /* WHENS */
    uint8_t enforce, active; /* as in a grant */
    uint8_t effect;          /* PIL_ALLOW, PIL_DENY or PIL_LAYOUT_SERVICE */
    uint8_t encrypt;         /* enum pil_encrypt, of a service */
};
_Static_assert(sizeof(struct pil_layout_candidate) == 16, "four to a cache line");

/* PLACES holds, in this order: the mesh-wide default, and one each for every rule, policy,
 * service, rate and route. */
struct pil_layout_place {
    uint32_t file; /* offset into FILES */
    uint32_t line;
};

static inline const struct pil_layout_head *pil_layout_head(const struct pil_image *img)
{
    return img->view;
}

static inline uint32_t pil_layout_count(const struct pil_layout_head *h, unsigned section)
{
    return h->section[section].count;
}

/* Typed readers: pil_layout_rules(head) is the array of all rules, ... */
#define PIL_LAYOUT_READER(name, id, type)                                                          \
    static inline const type *pil_layout_##name(const struct pil_layout_head *h)                   \
    {                                                                                              \
        return (const type *)(const void *)((const char *)h + h->section[PIL_LAYOUT_##id].at);     \
    }
PIL_LAYOUT_READER(workloads, WORKLOADS, struct pil_layout_workload)
PIL_LAYOUT_READER(roles, ROLES, struct pil_layout_role)
PIL_LAYOUT_READER(services, SERVICES, struct pil_layout_service)
PIL_LAYOUT_READER(policies, POLICIES, struct pil_layout_policy)
PIL_LAYOUT_READER(rules, RULES, struct pil_layout_rule)
PIL_LAYOUT_READER(resources, RESOURCES, struct pil_layout_resource)
PIL_LAYOUT_READER(whens, WHENS, struct pil_layout_when)
PIL_LAYOUT_READER(rates, RATES, struct pil_layout_rate)
PIL_LAYOUT_READER(routes, ROUTES, struct pil_layout_route)
PIL_LAYOUT_READER(grants, GRANTS, struct pil_layout_grant)
PIL_LAYOUT_READER(defaults, DEFAULTS, struct pil_layout_default)
PIL_LAYOUT_READER(sets, SETS, struct pil_layout_set)
PIL_LAYOUT_READER(words, WORDS, uint64_t)
PIL_LAYOUT_READER(lists, LISTS, uint32_t)
PIL_LAYOUT_READER(prefixes, PREFIXES, struct pil_layout_prefix)
PIL_LAYOUT_READER(zones, ZONES, uint32_t)
PIL_LAYOUT_READER(parts, PARTS, struct pil_layout_part)
PIL_LAYOUT_READER(shapes, SHAPES, struct pil_layout_shape)
PIL_LAYOUT_READER(slots, SLOTS, struct pil_layout_slot)
PIL_LAYOUT_READER(candidates, CANDIDATES, struct pil_layout_candidate)
PIL_LAYOUT_READER(text_section, TEXT, char)
PIL_LAYOUT_READER(places, PLACES, struct pil_layout_place)
PIL_LAYOUT_READER(files, FILES, char)
#undef PIL_LAYOUT_READER

static inline const char *pil_layout_text(const struct pil_layout_head *h, uint32_t offset)
{
    return pil_layout_text_section(h) + offset;
}

/*
 * What a service asks of a connection to it, and of one at its own end. `off` asks for nothing. A
 * connecting program speaks first and nobody can try before it, so without an identity, which
 * says that TLS is there, permissive is plaintext.
 */
static inline uint8_t pil_layout_asks(const struct pil_layout_service *s, bool connect)
{
    if (s->encrypt == PIL_ENCRYPT_OFF ||
        (connect && s->encrypt == PIL_ENCRYPT_PERMISSIVE && !s->identity))
        return PIL_ENCRYPT_UNSET;
    return s->encrypt;
}

/* Where the places of each thing begin. */
static inline uint32_t pil_layout_place_rule(void)
{
    return 1;
}

static inline uint32_t pil_layout_place_policy(const struct pil_layout_head *h)
{
    return 1 + pil_layout_count(h, PIL_LAYOUT_RULES);
}

static inline uint32_t pil_layout_place_service(const struct pil_layout_head *h)
{
    return pil_layout_place_policy(h) + pil_layout_count(h, PIL_LAYOUT_POLICIES);
}

static inline uint32_t pil_layout_place_rate(const struct pil_layout_head *h)
{
    return pil_layout_place_service(h) + pil_layout_count(h, PIL_LAYOUT_SERVICES);
}

static inline uint32_t pil_layout_place_route(const struct pil_layout_head *h)
{
    return pil_layout_place_rate(h) + pil_layout_count(h, PIL_LAYOUT_RATES);
}

/* An address as two numbers, so that masking and comparing are two operations each. */
static inline void pil_layout_ip(const struct pil_ip *ip, uint64_t *hi, uint64_t *lo)
{
    uint64_t word[2];

    memcpy(word, ip->octet, sizeof(word));
    *hi = __builtin_bswap64(word[0]);
    *lo = __builtin_bswap64(word[1]);
}

static inline void pil_layout_mask_ip(unsigned bits, uint64_t *hi, uint64_t *lo)
{
    *hi = bits == 0 ? 0 : bits >= 64 ? *hi : *hi & ~UINT64_C(0) << (64 - bits);
    *lo = bits <= 64 ? 0 : bits >= 128 ? *lo : *lo & ~UINT64_C(0) << (128 - bits);
}

static inline uint16_t pil_layout_mask_port(unsigned bits, uint16_t port)
{
    return (uint16_t)(port & 0xffff0000u >> bits);
}

/* One more byte into the running hash of a text, which starts at PIL_LAYOUT_MIX (FNV-1a). Host
 * names are taken from their end, paths from their start, so that every suffix or folder on the
 * way comes for free. */
#define PIL_LAYOUT_MIX UINT64_C(0xcbf29ce484222325)
static inline uint64_t pil_layout_mix(uint64_t hash, char byte)
{
    return (hash ^ (uint8_t)byte) * UINT64_C(0x100000001b3);
}

/* Home of a key in its part's table, before the part's mask. For text lo is 0. */
static inline uint32_t pil_layout_home(uint64_t hi, uint64_t lo, struct pil_layout_shape shape,
                                       uint16_t port)
{
    uint64_t meta = (uint64_t)port << 32 | (uint64_t)shape.port_bits << 24 |
                    (uint64_t)shape.bits << 16 | (uint64_t)shape.actions << 8 | shape.key;
    uint64_t hash = (hi ^ meta) * UINT64_C(0x9e3779b97f4a7c15);

    hash = (hash ^ hash >> 29 ^ lo) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ hash >> 32) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(hash >> 32);
}

/* Hash of a whole text as slots carry it. */
static inline uint64_t pil_layout_hash_name(const char *text, size_t len)
{
    uint64_t hash = PIL_LAYOUT_MIX;

    while (len > 0)
        hash = pil_layout_mix(hash, text[--len]);
    return hash;
}

static inline uint64_t pil_layout_hash_path(const char *text, size_t len)
{
    uint64_t hash = PIL_LAYOUT_MIX;

    for (size_t i = 0; i < len; i++)
        hash = pil_layout_mix(hash, text[i]);
    return hash;
}

/* True when the set has the workload. */
bool pil_layout_set_has(const struct pil_layout_head *h, uint32_t set, uint32_t workload);

/* Digest of a block of len bytes (a multiple of 8), its digest field left out. It catches
 * accidents; hostile bytes are caught by the verification of the structure. */
uint64_t pil_layout_digest(const void *block, size_t len);

#endif
