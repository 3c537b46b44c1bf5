/*
 * The index: pending rules become entries with keys, entries become slots and candidates.
 *
 * Rules of few workloads are entered once for each, in that workload's own part, so that a
 * decision touches what concerns this workload and lies close together. Rules of many go to the
 * common part with a set to look into. How many is many: the largest limit from a short list with
 * which the image stays within a few entries per rule. Endpoints of services that ask for
 * encryption, or have an identity, are entries too, in the part behind.
 */
#include "conf/compile_parts.h"

#include <stdlib.h>

#include "core/err.h"
#include "core/glob.h"

#define EXPAND_MAX    64u    /* workloads of a rule that are listed at most */
#define ENTRIES_FREE  32768u /* entries that are never too many */
#define ENTRIES_TIMES 4u     /* beyond: this many times what the rules have without listing */

/* One candidate with its key, before sorting. */
struct entry {
    uint32_t part;
    struct pil_layout_shape shape;
    uint64_t hi, lo;
    uint16_t port;
    struct pil_layout_candidate candidate;
};

struct build {
    struct pil_compile *c;
    struct pil_pool entries;
    uint32_t limit; /* workloads of a rule that are listed */
};

/* ---- keys of a resource ---------------------------------------------------------------------- */

/* Calls add for each aligned power-of-two block that the range of ports consists of. */
static void each_port_block(uint32_t low, uint32_t high,
                            void (*add)(void *cookie, uint16_t port, uint8_t bits), void *cookie)
{
    while (low <= high) {
        uint8_t bits = 0;

        while ((low & (0xffffu >> bits)) != 0 || low + (0xffffu >> bits) > high)
            bits++;
        add(cookie, (uint16_t)low, bits);
        low += (0xffffu >> bits) + 1;
    }
}

struct keys {
    struct build *b;
    struct entry *entry;
    const struct pil_members *members;
};

static void add_entry(struct build *b, struct entry *e, const struct pil_members *members)
{
    struct pil_compile *c = b->c;

    if (members->everyone || members->count > b->limit) {
        e->part = c->workloads.count + 1 + (e->candidate.effect == PIL_LAYOUT_SERVICE);
        pil_pool_add(c, &b->entries, e, sizeof(*e));
        return;
    }
    e->candidate.set = 0;
    for (uint32_t i = 0; i < members->count; i++) {
        e->part = members->item[i];
        pil_pool_add(c, &b->entries, e, sizeof(*e));
    }
}

static void add_port(void *cookie, uint16_t port, uint8_t bits)
{
    struct keys *k = cookie;
    struct entry e = *k->entry;

    e.port = port;
    e.shape.port_bits = bits;
    add_entry(k->b, &e, k->members);
}

/* The key with the actions it is for; ports in blocks. */
static void add_key(struct build *b, struct entry e, const struct pil_members *members,
                    unsigned actions, const struct pil_layout_resource *ports)
{
    struct keys k = {b, &e, members};

    e.shape.actions = (uint8_t)actions;
    if (actions == 0)
        return;
    if (ports)
        each_port_block(ports->low, ports->high, add_port, &k);
    else
        add_entry(b, &e, members);
}

/* Who listens on all addresses also listens on those of the service, of which this host may have
 * one: the same key for the addresses that stand for all. */
static void add_any_address(struct build *b, struct entry e, const struct pil_members *members,
                            unsigned actions, const struct pil_layout_resource *r)
{
    const uint64_t v4 = UINT64_C(0xffff) << 32;
    const bool v4_prefix = r->bits >= 96 && r->hi == 0 && (r->lo & ~UINT64_C(0xffffffff)) == v4;

    e.shape.bits = 128;
    e.hi = e.lo = 0;
    add_key(b, e, members, actions & 1u << PIL_ACTION_LISTEN, r);
    e.lo = v4;
    if (v4_prefix)
        add_key(b, e, members, actions & 1u << PIL_ACTION_LISTEN, r);
}

static void add_inet(struct build *b, struct entry e, const struct pil_members *members,
                     unsigned actions, const struct pil_layout_resource *r)
{
    e.shape.key = PIL_LAYOUT_KEY_INET;
    e.shape.bits = r->bits;
    e.hi = r->hi;
    e.lo = r->lo;
    add_key(b, e, members, actions & ~(1u << PIL_ACTION_RESOLVE), r);
    if (e.candidate.effect == PIL_LAYOUT_SERVICE)
        add_any_address(b, e, members, actions, r);
}

/* Length of the folder that every path of a pattern lies in, slash included. */
static size_t folder_of(struct pil_slice pattern)
{
    size_t len = pil_glob_literal(pattern);

    while (len > 0 && pattern.at[len - 1] != '/')
        len--;
    return len;
}

static void add_unix(struct build *b, struct entry e, const struct pil_members *members,
                     unsigned actions, const struct pil_layout_resource *r)
{
    struct pil_slice path = pil_slice_of((const char *)b->c->section[PIL_LAYOUT_TEXT].at + r->text);
    size_t len = r->wildcard ? folder_of(path) : path.len;

    e.shape.key = PIL_LAYOUT_KEY_UNIX;
    e.shape.bits = r->wildcard;
    e.hi = pil_layout_hash_path(path.at, len);
    e.lo = (uint64_t)len << 32 | r->text;
    add_key(b, e, members, actions & ~(1u << PIL_ACTION_RESOLVE), NULL);
}

/* A question to resolve carries no port. A denial must also hold where no name can be seen, and so
 * must encryption. */
static void add_name(struct build *b, struct entry e, const struct pil_members *members,
                     unsigned actions, const struct pil_layout_resource *r)
{
    const unsigned resolve = 1u << PIL_ACTION_RESOLVE;
    const unsigned named = 1u << PIL_ACTION_CONNECT | 1u << PIL_ACTION_SEND;
    struct pil_slice name = pil_slice_of((const char *)b->c->section[PIL_LAYOUT_TEXT].at + r->text);

    e.shape.key = PIL_LAYOUT_KEY_NAME;
    e.shape.bits = r->wildcard;
    e.hi = pil_layout_hash_name(name.at, name.len);
    e.lo = (uint64_t)name.len << 32 | r->text;
    if (r->low == 0 && r->high == UINT16_MAX) {
        add_key(b, e, members, actions, NULL);
    } else {
        add_key(b, e, members, actions & resolve, NULL);
        add_key(b, e, members, actions & ~resolve, r);
    }
    if (e.candidate.effect == PIL_ALLOW)
        return;
    e.shape = (struct pil_layout_shape){.key = PIL_LAYOUT_KEY_UNSEEN};
    e.hi = e.lo = 0;
    add_key(b, e, members, actions & named, r);
}

static void add_target(struct build *b, const struct pil_pending *p,
                       const struct pil_layout_resource *r)
{
    const struct pil_members *members = pil_compile_members(b->c, p->set);
    struct entry e;

    memset(&e, 0, sizeof(e));
    e.candidate = (struct pil_layout_candidate){p->rule,   p->set,    p->when,   p->enforce,
                                                p->active, p->effect, p->encrypt};
    switch (r->kind) {
    case PIL_KIND_INET:
        add_inet(b, e, members, p->actions, r);
        return;
    case PIL_KIND_UNIX:
        if (p->effect == PIL_LAYOUT_SERVICE)
            return; /* nothing encrypts a unix socket, and check refuses to ask for it */
        add_unix(b, e, members, p->actions, r);
        return;
    case PIL_KIND_NAME:
        add_name(b, e, members, p->actions, r);
        return;
    default:
        e.shape.key = PIL_LAYOUT_KEY_ANY;
        add_key(b, e, members, p->actions, NULL);
        return;
    }
}

static void add_pending(struct build *b, const struct pil_pending *p)
{
    const uint32_t *list = (const void *)b->c->section[PIL_LAYOUT_LISTS].at;
    const struct pil_layout_resource *r = (const void *)b->c->section[PIL_LAYOUT_RESOURCES].at;

    for (uint32_t i = 0; i < p->targets.count; i++)
        add_target(b, p, &r[list[p->targets.first + i]]);
}

/* ---- how far to list ------------------------------------------------------------------------- */

/* Entries with a limit, each target counted as one key. */
static uint64_t entries_with(const struct pil_compile *c, uint32_t limit)
{
    const struct pil_pending *p = (const void *)c->pending.at;
    uint64_t total = 0;

    for (size_t i = 0; i < c->pending.len / sizeof(*p); i++) {
        const struct pil_members *members = pil_compile_members(c, p[i].set);
        bool listed = !members->everyone && members->count <= limit;

        total += (uint64_t)p[i].targets.count * (listed ? members->count : 1);
    }
    return total;
}

static uint32_t choose_limit(const struct pil_compile *c)
{
    uint64_t most = entries_with(c, 1) * ENTRIES_TIMES;
    uint32_t limit = EXPAND_MAX;

    if (most < ENTRIES_FREE)
        most = ENTRIES_FREE;
    while (limit > 1 && entries_with(c, limit) > most)
        limit /= 2;
    return limit;
}

/* ---- sorted entries to parts ----------------------------------------------------------------- */

#define COMPARE(a, b)                                                                              \
    do {                                                                                           \
        if ((a) != (b))                                                                            \
            return (a) < (b) ? -1 : 1;                                                             \
    } while (0)

static int by_shape(const struct entry *x, const struct entry *y)
{
    COMPARE(x->part, y->part);
    COMPARE(x->shape.key, y->shape.key);
    COMPARE(x->shape.bits, y->shape.bits);
    COMPARE(x->shape.port_bits, y->shape.port_bits);
    COMPARE(x->shape.actions, y->shape.actions);
    return 0;
}

static int by_key(const struct entry *x, const struct entry *y)
{
    int order = by_shape(x, y);

    if (order)
        return order;
    COMPARE(x->hi, y->hi);
    COMPARE(x->lo, y->lo);
    COMPARE(x->port, y->port);
    return 0;
}

static int by_all(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = by_key(x, y);

    if (order)
        return order;
    COMPARE(x->candidate.rule, y->candidate.rule);
    COMPARE(x->candidate.set, y->candidate.set);
    COMPARE(x->candidate.enforce, y->candidate.enforce);
    COMPARE(x->candidate.active, y->candidate.active);
    return 0;
}

static uint32_t count_keys(const struct entry *e, size_t count)
{
    uint32_t keys = 0;

    for (size_t i = 0; i < count; i++)
        keys += i == 0 || by_key(&e[i - 1], &e[i]) != 0;
    return keys;
}

static void place_slot(struct pil_layout_slot *table, uint32_t mask,
                       const struct pil_layout_slot *slot)
{
    bool text = slot->shape.key == PIL_LAYOUT_KEY_NAME || slot->shape.key == PIL_LAYOUT_KEY_UNIX;
    uint32_t at = pil_layout_home(slot->hi, text ? 0 : slot->lo, slot->shape, slot->port);

    while (table[at & mask].shape.key != PIL_LAYOUT_KEY_NONE)
        at++;
    table[at & mask] = *slot;
}

/* The candidates of one key; the same rule twice is one. Returns the entries used up. */
static size_t take_key(struct pil_compile *c, const struct entry *e, size_t count,
                       struct pil_layout_slot *slot)
{
    size_t i;

    *slot = (struct pil_layout_slot){.hi = e->hi, .lo = e->lo, .port = e->port, .shape = e->shape};
    slot->candidates.first =
        (uint32_t)(c->section[PIL_LAYOUT_CANDIDATES].len / sizeof(struct pil_layout_candidate));
    for (i = 0; i < count && by_key(e, &e[i]) == 0; i++) {
        if (i > 0 && by_all(&e[i - 1], &e[i]) == 0)
            continue;
        pil_compile_add(c, PIL_LAYOUT_CANDIDATES, &e[i].candidate, sizeof(e[i].candidate));
        slot->candidates.count++;
    }
    return i;
}

static void write_table(struct pil_compile *c, struct pil_layout_part *part, const struct entry *e,
                        size_t count)
{
    uint32_t keys = count_keys(e, count), slots = 2;
    struct pil_layout_slot *table, slot;

    while (slots - slots / 4 < keys + 1) /* at most three quarters full, never wholly */
        slots *= 2;
    table = calloc(slots, sizeof(*table));
    if (!table) {
        pil_compile_fail(c, PIL_E_NOMEM);
        return;
    }
    part->mask = slots - 1;
    for (size_t i = 0; i < count;) {
        i += take_key(c, e + i, count - i, &slot);
        place_slot(table, part->mask, &slot);
    }
    pil_pool_add(c, &c->section[PIL_LAYOUT_SLOTS], table, slots * sizeof(*table));
    free(table);
}

static void write_part(struct pil_compile *c, struct pil_layout_part *part, const struct entry *e,
                       size_t count)
{
    part->shapes.first =
        (uint32_t)(c->section[PIL_LAYOUT_SHAPES].len / sizeof(struct pil_layout_shape));
    part->slots = (uint32_t)(c->section[PIL_LAYOUT_SLOTS].len / sizeof(struct pil_layout_slot));
    for (size_t i = 0; i < count; i++)
        if (i == 0 || by_shape(&e[i - 1], &e[i]) != 0) {
            pil_compile_add(c, PIL_LAYOUT_SHAPES, &e[i].shape, sizeof(e[i].shape));
            part->shapes.count++;
        }
    if (part->shapes.count > PIL_LAYOUT_SHAPES_MAX)
        pil_compile_fail(c, PIL_E_RANGE);
    if (count > 0 && !c->err)
        write_table(c, part, e, count);
}

static void write_parts(struct pil_compile *c, const struct entry *e, size_t count)
{
    uint32_t parts = c->workloads.count + 3;
    struct pil_layout_span *defaults = pil_compile_alloc(c, parts, sizeof(*defaults));
    size_t at = 0;

    if (!defaults)
        return;
    pil_compile_defaults(c, defaults);
    for (uint32_t i = 0; i < parts && !c->err; i++) {
        struct pil_layout_part part = {.defaults = defaults[i]};
        size_t end = at;

        while (end < count && e[end].part == i)
            end++;
        write_part(c, &part, end > at ? e + at : NULL, end - at);
        at = end;
        pil_compile_add(c, PIL_LAYOUT_PARTS, &part, sizeof(part));
    }
}

void pil_compile_index(struct pil_compile *c)
{
    struct build b = {.c = c};
    const struct pil_pending *p = (const void *)c->pending.at;
    size_t count;

    if (c->err)
        return;
    b.limit = choose_limit(c);
    for (size_t i = 0; i < c->pending.len / sizeof(*p) && !c->err; i++)
        add_pending(&b, &p[i]);
    count = b.entries.len / sizeof(struct entry);
    if (!c->err) {
        if (count > 0)
            qsort(b.entries.at, count, sizeof(struct entry), by_all);
        write_parts(c, (const void *)b.entries.at, count);
    }
    free(b.entries.at);
}
