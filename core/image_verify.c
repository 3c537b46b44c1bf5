/*
 * The one verification of an image: after it, readers need no checks.
 *
 * First the frame (magic, version, size, digest, sections in their order without gaps), then each
 * section record by record against the others, then the index (image_verify_index.c). Everything
 * is a table or a predicate; the first "no" ends it.
 */
#include "core/image_verify.h"

#include "core/err.h"

/* ---- digest ---------------------------------------------------------------------------------- */

static uint64_t stir(uint64_t lane, uint64_t word)
{
    lane = (lane ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return lane << 31 | lane >> 33;
}

uint64_t pil_layout_digest(const void *block, size_t len)
{
    const size_t skip = offsetof(struct pil_layout_head, digest) / 8;
    const uint8_t *at = block;
    uint64_t lane[4] = {1, 2, 3, 4}, word, sum = len;

    for (size_t i = 0; i < len / 8; i++) {
        memcpy(&word, at + 8 * i, 8);
        lane[i % 4] = stir(lane[i % 4], i == skip ? 0 : word);
    }
    for (int i = 0; i < 4; i++)
        sum = stir(sum, lane[i]);
    sum = (sum ^ sum >> 32) * UINT64_C(0xbf58476d1ce4e5b9);
    return sum ^ sum >> 29;
}

/* ---- predicates ------------------------------------------------------------------------------ */

bool pil_verify_zero(const void *at, size_t len)
{
    const uint8_t *byte = at;

    for (size_t i = 0; i < len; i++)
        if (byte[i])
            return false;
    return true;
}

bool pil_verify_span(const struct pil_layout_head *h, unsigned section,
                     const struct pil_layout_span *span)
{
    uint32_t count = pil_layout_count(h, section);

    return span->first <= count && span->count <= count - span->first;
}

bool pil_verify_text(const struct pil_layout_head *h, uint32_t offset)
{
    return offset < pil_layout_count(h, PIL_LAYOUT_TEXT);
}

/* A span of LISTS whose elements are below a bound. */
static bool list_below(const struct pil_layout_head *h, const struct pil_layout_span *span,
                       uint32_t bound)
{
    const uint32_t *list;

    if (!pil_verify_span(h, PIL_LAYOUT_LISTS, span))
        return false;
    list = pil_layout_lists(h) + span->first;
    for (uint32_t i = 0; i < span->count; i++)
        if (list[i] >= bound)
            return false;
    return true;
}

static bool list_of_text(const struct pil_layout_head *h, const struct pil_layout_span *span)
{
    return list_below(h, span, pil_layout_count(h, PIL_LAYOUT_TEXT));
}

static bool thresholds(uint8_t enforce, uint8_t active)
{
    return enforce <= active && active <= 100;
}

/* ---- one record of each section -------------------------------------------------------------- */

static bool workload_ok(const struct pil_layout_head *h, uint32_t i)
{
    const struct pil_layout_workload *w = pil_layout_workloads(h) + i;

    if (i == 0)
        return pil_verify_zero(w, sizeof(*w));
    return pil_verify_text(h, w->title) && pil_verify_text(h, w->exe) &&
           pil_verify_text(h, w->user) && pil_verify_text(h, w->unit) &&
           pil_verify_text(h, w->cgroup) && pil_verify_text(h, w->sha256) && w->covered <= 1;
}

static bool role_ok(const struct pil_layout_head *h, uint32_t i)
{
    const struct pil_layout_role *r = pil_layout_roles(h) + i;

    return pil_verify_text(h, r->title) && list_of_text(h, &r->members);
}

static bool service_ok(const struct pil_layout_head *h, uint32_t i)
{
    const struct pil_layout_service *s = pil_layout_services(h) + i;

    return pil_verify_text(h, s->title) && pil_verify_text(h, s->identity) &&
           list_of_text(h, &s->endpoints) && s->encrypt <= PIL_ENCRYPT_REQUIRED &&
           s->server_first <= 1 && pil_verify_zero(s->zero, sizeof(s->zero));
}

/* Rules belong to policies in order: each span begins where the one before it ended. */
static bool policy_rules_ok(const struct pil_layout_head *h, uint32_t i)
{
    const struct pil_layout_policy *p = pil_layout_policies(h) + i;
    const struct pil_layout_rule *rules = pil_layout_rules(h) + p->rules.first;
    uint32_t end = p->rules.first + p->rules.count;

    if (p->rules.first != (i ? p[-1].rules.first + p[-1].rules.count : 0))
        return false;
    if (i + 1 == pil_layout_count(h, PIL_LAYOUT_POLICIES) &&
        end != pil_layout_count(h, PIL_LAYOUT_RULES))
        return false;
    for (uint32_t r = 0; r < p->rules.count; r++)
        if (rules[r].policy != i)
            return false;
    return true;
}

static bool policy_ok(const struct pil_layout_head *h, uint32_t i)
{
    const struct pil_layout_policy *p = pil_layout_policies(h) + i;

    return pil_verify_text(h, p->title) && pil_verify_text(h, p->owner) &&
           pil_verify_span(h, PIL_LAYOUT_RULES, &p->rules) && policy_rules_ok(h, i) &&
           list_of_text(h, &p->inherits) && list_of_text(h, &p->applies) &&
           pil_verify_span(h, PIL_LAYOUT_GRANTS, &p->grants) && p->stage <= PIL_STAGE_ENFORCE &&
           p->rollout <= 100 && p->fallback < PIL_LAYOUT_FALLBACK_COUNT &&
           p->flags <= PIL_LAYOUT_POLICY_FLAGS && pil_verify_zero(p->zero, sizeof(p->zero));
}

static bool rule_ok(const struct pil_layout_head *h, uint32_t i)
{
    const struct pil_layout_rule *r = pil_layout_rules(h) + i;

    return pil_verify_text(h, r->title) && r->policy < pil_layout_count(h, PIL_LAYOUT_POLICIES) &&
           r->set < pil_layout_count(h, PIL_LAYOUT_SETS) &&
           r->when < pil_layout_count(h, PIL_LAYOUT_WHENS) &&
           (r->rate == PIL_NO_INDEX || r->rate < pil_layout_count(h, PIL_LAYOUT_RATES)) &&
           list_of_text(h, &r->subjects) && list_of_text(h, &r->resources) &&
           list_below(h, &r->targets, pil_layout_count(h, PIL_LAYOUT_RESOURCES)) &&
           r->effect <= PIL_ALLOW && !(r->actions & ~PIL_LAYOUT_ACTIONS) &&
           r->flags <= PIL_LAYOUT_RULE_FLAGS && r->zero == 0;
}

static bool masked(unsigned bits, uint64_t hi, uint64_t lo)
{
    uint64_t high = hi, low = lo;

    pil_layout_mask_ip(bits, &high, &low);
    return bits <= 128 && high == hi && low == lo;
}

static bool resource_ok(const struct pil_layout_head *h, uint32_t i)
{
    const struct pil_layout_resource *r = pil_layout_resources(h) + i;

    return masked(r->bits, r->hi, r->lo) && pil_verify_text(h, r->text) && r->low <= r->high &&
           r->kind <= PIL_KIND_NAME && r->wildcard <= 1 &&
           pil_verify_zero(r->zero, sizeof(r->zero));
}

static bool when_ok(const struct pil_layout_head *h, uint32_t i)
{
    const struct pil_layout_when *w = pil_layout_whens(h) + i;
    const unsigned timed = PIL_LAYOUT_WHEN_HOURS | PIL_LAYOUT_WHEN_DAYS;
    uint32_t zones = pil_layout_count(h, PIL_LAYOUT_ZONES);

    if (i == 0)
        return pil_verify_zero(w, sizeof(*w));
    return pil_verify_span(h, PIL_LAYOUT_PREFIXES, &w->source) &&
           pil_verify_span(h, PIL_LAYOUT_LISTS, &w->uid) && list_of_text(h, &w->caller) &&
           list_of_text(h, &w->peer) && list_of_text(h, &w->peers) &&
           (w->flags & timed ? w->zone < zones : w->zone == 0) && w->low <= 1440 &&
           w->high <= 1440 && w->flags <= PIL_LAYOUT_WHEN_FLAGS && w->days < 128 &&
           pil_verify_zero(w->zero, sizeof(w->zero));
}

static bool rate_ok(const struct pil_layout_head *h, uint32_t i)
{
    const struct pil_layout_rate *r = pil_layout_rates(h) + i;

    return r->by < PIL_LAYOUT_RATE_BY_COUNT && r->exceed < PIL_LAYOUT_EXCEED_COUNT &&
           pil_verify_zero(r->zero, sizeof(r->zero));
}

static bool route_ok(const struct pil_layout_head *h, uint32_t i)
{
    const struct pil_layout_route *r = pil_layout_routes(h) + i;

    return pil_verify_text(h, r->title) && list_of_text(h, &r->fallback) &&
           r->flags <= PIL_LAYOUT_ROUTE_FLAGS && pil_verify_zero(r->zero, sizeof(r->zero));
}

static bool grant_ok(const struct pil_layout_head *h, uint32_t i)
{
    const struct pil_layout_grant *g = pil_layout_grants(h) + i;

    return g->set < pil_layout_count(h, PIL_LAYOUT_SETS) && thresholds(g->enforce, g->active) &&
           pil_verify_zero(g->zero, sizeof(g->zero));
}

static bool default_ok(const struct pil_layout_head *h, uint32_t i)
{
    const struct pil_layout_default *d = pil_layout_defaults(h) + i;

    return d->policy < pil_layout_count(h, PIL_LAYOUT_POLICIES) &&
           thresholds(d->enforce, d->active) && d->fallback != PIL_LAYOUT_NO_DEFAULT &&
           d->fallback < PIL_LAYOUT_FALLBACK_COUNT && d->zero == 0;
}

static bool ascending(const uint32_t *list, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++)
        if (list[i] <= list[i - 1])
            return false;
    return true;
}

static bool set_ok(const struct pil_layout_head *h, uint32_t i)
{
    const struct pil_layout_set *s = pil_layout_sets(h) + i;

    switch (s->kind) {
    case PIL_LAYOUT_SET_EVERYONE:
        return i == 0 && s->span.first == 0 && s->span.count == 0;
    case PIL_LAYOUT_SET_LIST:
        return i > 0 && list_below(h, &s->span, pil_layout_count(h, PIL_LAYOUT_WORKLOADS)) &&
               ascending(pil_layout_lists(h) + s->span.first, s->span.count);
    case PIL_LAYOUT_SET_BITS:
        return i > 0 && pil_verify_span(h, PIL_LAYOUT_WORDS, &s->span);
    default:
        return false;
    }
}

static bool prefix_ok(const struct pil_layout_head *h, uint32_t i)
{
    const struct pil_layout_prefix *p = pil_layout_prefixes(h) + i;

    return masked(p->bits, p->hi, p->lo) && pil_verify_zero(p->zero, sizeof(p->zero));
}

static bool zone_ok(const struct pil_layout_head *h, uint32_t i)
{
    return pil_verify_text(h, pil_layout_zones(h)[i]);
}

static bool place_ok(const struct pil_layout_head *h, uint32_t i)
{
    return pil_layout_places(h)[i].file < pil_layout_count(h, PIL_LAYOUT_FILES);
}

/* ---- the frame ------------------------------------------------------------------------------- */

static const struct section {
    uint32_t size;
    bool (*ok)(const struct pil_layout_head *h, uint32_t index);
} sections[PIL_LAYOUT_SECTION_COUNT] = {
#define SIZE(name, type) [PIL_LAYOUT_##name].size = sizeof(type),
    PIL_LAYOUT_SECTIONS(SIZE)
#undef SIZE
        [PIL_LAYOUT_WORKLOADS]
            .ok = workload_ok,
    [PIL_LAYOUT_ROLES].ok = role_ok,
    [PIL_LAYOUT_SERVICES].ok = service_ok,
    [PIL_LAYOUT_POLICIES].ok = policy_ok,
    [PIL_LAYOUT_RULES].ok = rule_ok,
    [PIL_LAYOUT_RESOURCES].ok = resource_ok,
    [PIL_LAYOUT_WHENS].ok = when_ok,
    [PIL_LAYOUT_RATES].ok = rate_ok,
    [PIL_LAYOUT_ROUTES].ok = route_ok,
    [PIL_LAYOUT_GRANTS].ok = grant_ok,
    [PIL_LAYOUT_DEFAULTS].ok = default_ok,
    [PIL_LAYOUT_SETS].ok = set_ok,
    [PIL_LAYOUT_PREFIXES].ok = prefix_ok,
    [PIL_LAYOUT_ZONES].ok = zone_ok,
    [PIL_LAYOUT_PLACES].ok = place_ok,
};

/* Sections follow each other; what lies between is zero and only there to align. */
static bool extents_ok(const struct pil_layout_head *h)
{
    const uint8_t *base = (const uint8_t *)h;
    uint64_t at = sizeof(*h);

    for (unsigned i = 0; i < PIL_LAYOUT_SECTION_COUNT; i++) {
        uint64_t next = (at + PIL_LAYOUT_ALIGN - 1) / PIL_LAYOUT_ALIGN * PIL_LAYOUT_ALIGN;
        uint64_t size = (uint64_t)pil_layout_count(h, i) * sections[i].size;

        if (h->section[i].at != next || next > h->size || size > h->size - next ||
            !pil_verify_zero(base + at, (size_t)(next - at)))
            return false;
        at = next + size;
    }
    return h->size - at < 8 && pil_verify_zero(base + at, (size_t)(h->size - at));
}

static bool text_section_ok(const char *text, uint32_t count)
{
    return count > 0 && text[0] == '\0' && text[count - 1] == '\0';
}

static bool head_ok(const struct pil_layout_head *h)
{
    return h->fallback < PIL_LAYOUT_FALLBACK_COUNT && pil_verify_zero(h->zero, sizeof(h->zero)) &&
           !(h->fields & ~PIL_FIELD_ALL) && pil_verify_text(h, h->trust_domain);
}

static bool counts_ok(const struct pil_layout_head *h)
{
    uint32_t workloads = pil_layout_count(h, PIL_LAYOUT_WORKLOADS);
    uint32_t rules = pil_layout_count(h, PIL_LAYOUT_RULES);

    return workloads > 0 && workloads <= PIL_WORKLOADS_MAX + 1 && rules <= PIL_RULES_MAX &&
           (rules == 0 || pil_layout_count(h, PIL_LAYOUT_POLICIES) > 0) &&
           pil_layout_count(h, PIL_LAYOUT_WHENS) > 0 && pil_layout_count(h, PIL_LAYOUT_SETS) > 0 &&
           pil_layout_sets(h)->kind == PIL_LAYOUT_SET_EVERYONE &&
           pil_layout_count(h, PIL_LAYOUT_PARTS) == workloads + 2 &&
           pil_layout_count(h, PIL_LAYOUT_PLACES) ==
               (uint64_t)pil_layout_place_route(h) + pil_layout_count(h, PIL_LAYOUT_ROUTES);
}

static bool records_ok(const struct pil_layout_head *h)
{
    for (unsigned s = 0; s < PIL_LAYOUT_SECTION_COUNT; s++)
        for (uint32_t i = 0; sections[s].ok && i < pil_layout_count(h, s); i++)
            if (!sections[s].ok(h, i))
                return false;
    return true;
}

int pil_image_open(struct pil_image *img, const void *block, size_t len)
{
    const struct pil_layout_head *h = block;

    if (len < sizeof(*h))
        return PIL_E_TRUNCATED;
    if ((uintptr_t)block % 8 != 0 || h->magic != PIL_IMAGE_MAGIC)
        return PIL_E_MALFORMED;
    if (h->version != PIL_IMAGE_VERSION)
        return PIL_E_VERSION;
    if (h->size > len)
        return PIL_E_TRUNCATED;
    if (h->size != len || len % 8 != 0 || len > UINT32_MAX ||
        h->digest != pil_layout_digest(block, len))
        return PIL_E_MALFORMED;
    if (!extents_ok(h) || !counts_ok(h) ||
        !text_section_ok(pil_layout_text_section(h), pil_layout_count(h, PIL_LAYOUT_TEXT)) ||
        !text_section_ok(pil_layout_files(h), pil_layout_count(h, PIL_LAYOUT_FILES)) ||
        !head_ok(h) || !records_ok(h) || !pil_verify_index(h))
        return PIL_E_MALFORMED;
    *img = (struct pil_image){block, len, block};
    return PIL_OK;
}
