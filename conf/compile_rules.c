/*
 * Policies and their rules: records, conditions, resources with services replaced by endpoints,
 * and what each rule asks of the index.
 */
#include "conf/compile_parts.h"

#include <stdlib.h>

#include "conf/resource.h"
#include "core/err.h"

static void add_place(struct pil_compile *c, enum pil_compile_place kind, struct pil_at at)
{
    pil_pool_add(c, &c->places[kind], &at, sizeof(at));
}

/* ---- conditions ------------------------------------------------------------------------------ */

static int by_address(const void *a, const void *b)
{
    const struct pil_layout_prefix *x = a, *y = b;

    if (x->hi != y->hi)
        return x->hi < y->hi ? -1 : 1;
    if (x->lo != y->lo)
        return x->lo < y->lo ? -1 : 1;
    return (int)x->bits - (int)y->bits;
}

/* In the order of the addresses: one prefix can be written in several ways. */
static struct pil_layout_span prefixes(struct pil_compile *c, const struct pil_strings *source)
{
    struct pil_pool *pool = &c->section[PIL_LAYOUT_PREFIXES];
    size_t count;
    char **text = pil_compile_strings(c, source, PIL_LIST_PLAIN, &count);
    struct pil_layout_prefix *list = pil_compile_alloc(c, count + 1, sizeof(*list));
    uint32_t kept = 0;
    bool fresh;

    if (!text || !list || count == 0)
        return (struct pil_layout_span){0, 0};
    for (size_t i = 0; i < count; i++) {
        struct pil_prefix prefix;
        int err = pil_prefix_parse(pil_slice_of(text[i]), &prefix);

        if (err) {
            pil_compile_fail(c, err);
            return (struct pil_layout_span){0, 0};
        }
        list[i].bits = prefix.bits;
        pil_layout_ip(&prefix.ip, &list[i].hi, &list[i].lo);
    }
    qsort(list, count, sizeof(*list), by_address);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || by_address(&list[kept - 1], &list[i]) != 0)
            list[kept++] = list[i];
    return (struct pil_layout_span){
        pil_pool_intern(c, pool, list, kept * sizeof(*list), &fresh)->at / (uint32_t)sizeof(*list),
        kept};
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static struct pil_layout_span uids(struct pil_compile *c, const struct pil_when *when)
{
    uint32_t *list = pil_compile_alloc(c, when->uid_count + 1, sizeof(*list));
    size_t kept = 0;

    if (!list || when->uid_count == 0)
        return (struct pil_layout_span){0, 0};
    memcpy(list, when->uid, when->uid_count * sizeof(*list));
    qsort(list, when->uid_count, sizeof(*list), by_number);
    for (size_t i = 0; i < when->uid_count; i++)
        if (kept == 0 || list[kept - 1] != list[i])
            list[kept++] = list[i];
    return pil_compile_list(c, list, kept);
}

static const char *zone_of(const struct pil_compile *c, const struct pil_when *when)
{
    if (!when->has_hours && !when->has_days)
        return NULL;
    if (when->timezone)
        return when->timezone;
    return c->model->timezone ? c->model->timezone : "UTC";
}

static uint32_t zone_index(const struct pil_compile *c, const char *name)
{
    const struct pil_pool *zones = &c->section[PIL_LAYOUT_ZONES];
    const struct pil_pool *text = &c->section[PIL_LAYOUT_TEXT];
    const uint32_t *offset = (const void *)zones->at;

    for (uint32_t i = 0; i < zones->len / sizeof(*offset); i++)
        if (strcmp((const char *)text->at + offset[i], name) == 0)
            return i;
    return 0;
}

static uint8_t when_flags(const struct pil_when *when)
{
    unsigned flags = 0;

    flags |= when->source.has ? PIL_LAYOUT_WHEN_SOURCE : 0;
    flags |= when->has_hours ? PIL_LAYOUT_WHEN_HOURS : 0;
    flags |= when->has_days ? PIL_LAYOUT_WHEN_DAYS : 0;
    flags |= when->has_uids ? PIL_LAYOUT_WHEN_UID : 0;
    flags |= when->caller.has ? PIL_LAYOUT_WHEN_CALLER : 0;
    flags |= when->peer.has ? PIL_LAYOUT_WHEN_PEER : 0;
    return (uint8_t)flags;
}

static uint32_t add_when(struct pil_compile *c, const struct pil_when *when)
{
    const char *zone = zone_of(c, when);
    struct pil_layout_when w = {.flags = when->has ? when_flags(when) : 0};

    if (w.flags == 0)
        return 0;
    w.source = prefixes(c, &when->source);
    w.uid = uids(c, when);
    w.caller = pil_compile_texts(c, &when->caller, PIL_LIST_PLAIN);
    w.peer = pil_compile_texts(c, &when->peer, PIL_LIST_PLAIN);
    w.peers = pil_compile_peers(c, &when->peer);
    if (when->has_hours) {
        w.low = when->hours.low;
        w.high = when->hours.high;
    }
    if (when->has_days)
        w.days = when->days & 127;
    if (zone)
        w.zone = zone_index(c, zone);
    c->fields |= w.flags & PIL_LAYOUT_WHEN_SOURCE ? PIL_FIELD_SOURCE : 0;
    c->fields |= w.flags & PIL_LAYOUT_WHEN_CALLER ? PIL_FIELD_CALLER : 0;
    c->fields |= w.flags & PIL_LAYOUT_WHEN_PEER ? PIL_FIELD_PEER : 0;
    return pil_compile_intern(c, PIL_LAYOUT_WHENS, &w, sizeof(w));
}

static uint32_t add_rate(struct pil_compile *c, const struct pil_rate *rate)
{
    struct pil_layout_rate r = {rate->limit, rate->per_ms, rate->burst,
                                rate->by,    rate->exceed, {0, 0}};

    if (!rate->has)
        return PIL_NO_INDEX;
    add_place(c, PIL_PLACE_RATE, rate->at);
    return pil_compile_add(c, PIL_LAYOUT_RATES, &r, sizeof(r));
}

/* ---- resources ------------------------------------------------------------------------------- */

struct targets {
    uint32_t *item;
    size_t count, cap;
};

static void add_target(struct pil_compile *c, struct targets *t, const struct pil_resource *in)
{
    struct pil_layout_resource r = {.low = in->ports.low,
                                    .high = in->ports.high,
                                    .kind = (uint8_t)in->kind,
                                    .wildcard = in->wildcard};
    char text[PIL_TEXT_MAX + 1];

    if (in->kind == PIL_KIND_INET) {
        r.bits = in->prefix.bits;
        pil_layout_ip(&in->prefix.ip, &r.hi, &r.lo);
    } else if (in->kind != PIL_KIND_NONE && in->name.len <= PIL_TEXT_MAX) {
        memcpy(text, in->name.at, in->name.len);
        text[in->name.len] = '\0';
        r.text = pil_compile_text(c, text);
    }
    if (in->kind == PIL_KIND_NONE || in->kind == PIL_KIND_UNIX)
        r.low = r.high = 0;
    if (t->count == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 8;
        uint32_t *item = realloc(t->item, cap * sizeof(*item));

        if (!item) {
            pil_compile_fail(c, PIL_E_NOMEM);
            return;
        }
        t->item = item;
        t->cap = cap;
    }
    t->item[t->count++] = pil_compile_intern(c, PIL_LAYOUT_RESOURCES, &r, sizeof(r));
}

static void add_resource(struct pil_compile *c, struct targets *t, const char *text,
                         bool in_service);

static void add_endpoints(struct pil_compile *c, struct targets *t,
                          const struct pil_service *service)
{
    size_t count;
    char **text = pil_compile_strings(c, &service->endpoints, PIL_LIST_RESOURCES, &count);

    for (size_t i = 0; text && i < count && !c->err; i++)
        add_resource(c, t, text[i], true);
}

static void add_service(struct pil_compile *c, struct targets *t, struct pil_slice title)
{
    uint32_t index = pil_compile_find(&c->services, title);

    if (index == PIL_NO_INDEX)
        pil_compile_fail(c, PIL_E_NOTFOUND);
    else
        add_endpoints(c, t, &c->model->service[c->services.item[index].model]);
}

static void add_resource(struct pil_compile *c, struct targets *t, const char *text,
                         bool in_service)
{
    struct pil_resource r;
    int err = pil_resource_parse(pil_slice_of(text), &r, NULL);

    if (!err && r.service && in_service) /* a service does not consist of services */
        err = PIL_E_SYNTAX;
    if (err)
        pil_compile_fail(c, err);
    else if (r.service)
        add_service(c, t, r.name);
    else
        add_target(c, t, &r);
}

/* A rule that names no resource stands for all of them. */
static struct pil_layout_span add_targets(struct pil_compile *c, const struct pil_strings *in)
{
    struct targets t = {0};
    struct pil_layout_span span;
    size_t count = 0;
    char **text = pil_compile_strings(c, in, PIL_LIST_RESOURCES, &count);

    if (!in->has && count == 0)
        add_resource(c, &t, "*", false);
    for (size_t i = 0; text && i < count && !c->err; i++)
        add_resource(c, &t, text[i], false);
    span = pil_compile_list(c, t.item, t.count);
    free(t.item);
    return span;
}

static bool names_hosts(const struct pil_compile *c, const struct pil_layout_span *targets)
{
    const uint32_t *list = (const void *)c->section[PIL_LAYOUT_LISTS].at;
    const struct pil_layout_resource *r = (const void *)c->section[PIL_LAYOUT_RESOURCES].at;

    for (uint32_t i = 0; i < targets->count; i++)
        if (r[list[targets->first + i]].kind == PIL_KIND_NAME)
            return true;
    return false;
}

/* ---- services -------------------------------------------------------------------------------- */

static void add_pending_service(struct pil_compile *c, const struct pil_pending *like,
                                unsigned actions, uint8_t encrypt)
{
    struct pil_pending p = *like;

    p.actions = (uint8_t)actions;
    p.encrypt = encrypt;
    pil_pool_add(c, &c->pending, &p, sizeof(p));
}

/* What it asks of those who connect and of its own end may differ; an identity is for the former.
 */
void pil_compile_service(struct pil_compile *c, const struct pil_service *service,
                         const struct pil_layout_service *s, uint32_t index)
{
    const unsigned connect = 1u << PIL_ACTION_CONNECT;
    const unsigned others =
        1u << PIL_ACTION_LISTEN | 1u << PIL_ACTION_ACCEPT | 1u << PIL_ACTION_SEND;
    const uint8_t there = pil_layout_asks(s, true), here = pil_layout_asks(s, false);
    struct pil_pending p = {
        .rule = index, .enforce = 100, .active = 100, .effect = PIL_LAYOUT_SERVICE};
    struct targets t = {0};

    if (there == PIL_ENCRYPT_UNSET && here == PIL_ENCRYPT_UNSET && !s->identity)
        return;
    add_endpoints(c, &t, service);
    p.targets = pil_compile_list(c, t.item, t.count);
    free(t.item);
    if (c->err)
        return;
    if (names_hosts(c, &p.targets))
        c->fields |= PIL_FIELD_NAME;
    if (there == here) {
        add_pending_service(c, &p, connect | others, here);
        return;
    }
    if (there != PIL_ENCRYPT_UNSET || s->identity)
        add_pending_service(c, &p, connect, there);
    add_pending_service(c, &p, others, here);
}

/* ---- rules ----------------------------------------------------------------------------------- */

static uint8_t action_mask(struct pil_compile *c, const struct pil_strings *actions)
{
    unsigned mask = 0;

    if (!actions->has && actions->count == 0)
        return PIL_LAYOUT_ACTIONS;
    for (size_t i = 0; i < actions->count; i++) {
        unsigned action = pil_action_parse(pil_slice_of(actions->item[i]));

        if (action == PIL_ACTION_NONE)
            pil_compile_fail(c, PIL_E_SYNTAX);
        mask |= 1u << action;
    }
    return (uint8_t)(mask & PIL_LAYOUT_ACTIONS);
}

static uint8_t rule_flags(const struct pil_rule *rule)
{
    unsigned flags = 0;

    flags |= rule->subjects.has || rule->subjects.count ? PIL_LAYOUT_HAS_SUBJECTS : 0;
    flags |= rule->actions.has || rule->actions.count ? PIL_LAYOUT_HAS_ACTIONS : 0;
    flags |= rule->resources.has || rule->resources.count ? PIL_LAYOUT_HAS_RESOURCES : 0;
    return (uint8_t)flags;
}

/* One pending entry for each group of workloads that the rule reaches. */
static void add_pending(struct pil_compile *c, const struct pil_layout_rule *r, uint32_t index,
                        const struct pil_layout_span *grants)
{
    for (uint32_t i = 0; i < grants->count && !c->err; i++) {
        const struct pil_layout_grant *g =
            (const struct pil_layout_grant *)(const void *)c->section[PIL_LAYOUT_GRANTS].at +
            grants->first + i;
        struct pil_pending p = {.rule = index,
                                .when = r->when,
                                .targets = r->targets,
                                .enforce = g->enforce,
                                .active = g->active,
                                .effect = r->effect,
                                .actions = r->actions};

        if (g->active == 0)
            continue;
        p.set = pil_compile_intersect(c, r->set, g->set);
        if (!c->err && (p.set == 0 || pil_compile_members(c, p.set)->count > 0))
            pil_pool_add(c, &c->pending, &p, sizeof(p));
    }
}

static void add_rule(struct pil_compile *c, const struct pil_rule *rule, uint32_t policy,
                     const struct pil_layout_span *grants)
{
    struct pil_layout_rule r = {.title = pil_compile_text(c, rule->title), .policy = policy};
    uint32_t index;

    r.flags = rule_flags(rule);
    r.effect = rule->effect == PIL_ALLOW ? PIL_ALLOW : PIL_DENY;
    r.actions = action_mask(c, &rule->actions);
    if (r.flags & PIL_LAYOUT_HAS_SUBJECTS)
        r.set = pil_compile_subjects(c, &rule->subjects);
    r.when = add_when(c, &rule->when);
    r.rate = add_rate(c, &rule->rate);
    r.subjects = pil_compile_texts(c, &rule->subjects, PIL_LIST_PLAIN);
    r.resources = pil_compile_texts(c, &rule->resources, PIL_LIST_RESOURCES);
    r.targets = add_targets(c, &rule->resources);
    if (c->err)
        return;
    if ((r.actions & ~(1u << PIL_ACTION_RESOLVE)) && names_hosts(c, &r.targets))
        c->fields |= PIL_FIELD_NAME;
    add_place(c, PIL_PLACE_RULE, rule->at);
    index = pil_compile_add(c, PIL_LAYOUT_RULES, &r, sizeof(r));
    add_pending(c, &r, index, grants);
}

/* ---- policies -------------------------------------------------------------------------------- */

static int by_title(const void *a, const void *b)
{
    const struct pil_rule *x = *(const struct pil_rule *const *)a;
    const struct pil_rule *y = *(const struct pil_rule *const *)b;
    int order = strcmp(x->title ? x->title : "", y->title ? y->title : "");

    return order ? order : (x > y) - (x < y);
}

static void add_rules(struct pil_compile *c, const struct pil_policy *policy, uint32_t index,
                      const struct pil_layout_span *grants)
{
    const struct pil_rule **rule = pil_compile_alloc(c, policy->rule_count + 1, sizeof(*rule));

    if (!rule || policy->rule_count == 0)
        return;
    for (size_t i = 0; i < policy->rule_count; i++)
        rule[i] = &policy->rule[i];
    qsort(rule, policy->rule_count, sizeof(*rule), by_title);
    for (size_t i = 0; i < policy->rule_count && !c->err; i++) {
        void *mark = c->arena;

        add_rule(c, rule[i], index, grants);
        pil_compile_rewind(c, mark);
    }
}

static uint8_t fallback_of(const struct pil_policy *policy)
{
    if (!policy->has_default)
        return PIL_LAYOUT_NO_DEFAULT;
    return policy->default_effect == PIL_ALLOW ? PIL_LAYOUT_DEFAULT_ALLOW : PIL_LAYOUT_DEFAULT_DENY;
}

static void add_policy(struct pil_compile *c, const struct pil_policy *policy, uint32_t index)
{
    struct pil_pool *rules = &c->section[PIL_LAYOUT_RULES];
    struct pil_layout_policy p = {.title = pil_compile_text(c, policy->title),
                                  .owner = pil_compile_text(c, policy->owner),
                                  .version = policy->has_version ? policy->version : 0,
                                  .deny_errno = policy->deny_errno,
                                  .stage = policy->stage,
                                  .rollout = policy->rollout,
                                  .fallback = fallback_of(policy)};

    p.flags =
        (uint8_t)((policy->has_version ? PIL_LAYOUT_HAS_VERSION : 0) |
                  (policy->applies.has || policy->applies.count ? PIL_LAYOUT_HAS_APPLIES : 0));
    p.inherits = pil_compile_texts(c, &policy->inherits, PIL_LIST_PLAIN);
    p.applies = pil_compile_texts(c, &policy->applies, PIL_LIST_PLAIN);
    p.grants = pil_compile_grants(c, index);
    p.rules.first = (uint32_t)(rules->len / sizeof(struct pil_layout_rule));
    p.rules.count = (uint32_t)policy->rule_count;
    add_place(c, PIL_PLACE_POLICY, policy->at);
    pil_compile_add(c, PIL_LAYOUT_POLICIES, &p, sizeof(p));
    add_rules(c, policy, index, &p.grants);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t rule_total(const struct pil_model *m)
{
    size_t total = 0;

    for (size_t i = 0; i < m->policy_count; i++)
        total += m->policy[i].rule_count;
    return total;
}

/* Zones are few and shared: sorted before any rule refers to one. */
static void add_zones(struct pil_compile *c, size_t rules)
{
    const char **name = pil_compile_alloc(c, rules + 1, sizeof(*name));
    size_t count = 0;

    for (size_t p = 0; name && p < c->model->policy_count; p++)
        for (size_t i = 0; i < c->model->policy[p].rule_count; i++) {
            const struct pil_when *when = &c->model->policy[p].rule[i].when;
            const char *zone = when->has ? zone_of(c, when) : NULL;

            if (zone)
                name[count++] = zone;
        }
    if (count > 0)
        qsort(name, count, sizeof(*name), by_text);
    for (size_t i = 0; i < count; i++) {
        uint32_t text = pil_compile_text(c, name[i]);

        pil_compile_intern(c, PIL_LAYOUT_ZONES, &text, sizeof(text));
    }
}

void pil_compile_policies(struct pil_compile *c)
{
    static const struct pil_layout_when no_conditions;
    size_t rules = rule_total(c->model);

    if (rules > PIL_RULES_MAX) {
        pil_compile_fail(c, PIL_E_RANGE);
        return;
    }
    pil_compile_intern(c, PIL_LAYOUT_WHENS, &no_conditions, sizeof(no_conditions));
    add_zones(c, rules);
    for (uint32_t i = 0; i < c->policies.count && !c->err; i++) {
        void *mark = c->arena;

        add_policy(c, &c->model->policy[c->policies.item[i].model], i);
        pil_compile_rewind(c, mark);
    }
}
