/*
 * Inheritance made flat: which policies reach whom, how well, and which defaults come first.
 *
 * A path of inheritance is as good as its weakest policy: through one in stage shadow nothing is
 * enforced, through one rolled out to ten percent nothing reaches more hosts. Of several paths to
 * the same policy the better one counts, for enforcing and for watching separately.
 */
#include "conf/compile_parts.h"

#include <stdlib.h>

#include "core/err.h"

/* The policies at one distance from a policy that applies. */
struct level {
    struct pil_reach *item;
    uint32_t count;
};

struct walk {
    struct pil_compile *c;
    struct level now, next;
    uint32_t *mark; /* per policy: position in next + 1, valid where item[].q agrees */
};

static const struct pil_policy *policy_of(const struct pil_compile *c, uint32_t index)
{
    return &c->model->policy[c->policies.item[index].model];
}

static uint8_t smaller(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

static uint8_t larger(uint8_t a, uint8_t b)
{
    return a > b ? a : b;
}

/* Takes a step from `from` up to policy q. */
static void step_up(struct walk *w, const struct pil_reach *from, uint32_t q)
{
    const struct pil_policy *policy = policy_of(w->c, q);
    uint8_t enforce = policy->stage == PIL_STAGE_ENFORCE ? policy->rollout : 0;
    uint8_t active = policy->stage >= PIL_STAGE_SHADOW ? policy->rollout : 0;
    uint32_t at = w->mark[q];

    if (at >= w->next.count || w->next.item[at].q != q) {
        at = w->next.count++;
        w->mark[q] = at;
        w->next.item[at] = (struct pil_reach){q, from->p, (uint8_t)(from->distance + 1), 0, 0};
    }
    w->next.item[at].enforce = larger(w->next.item[at].enforce, smaller(from->enforce, enforce));
    w->next.item[at].active = larger(w->next.item[at].active, smaller(from->active, active));
}

static void step_parents(struct walk *w, const struct pil_reach *from)
{
    const struct pil_policy *policy = policy_of(w->c, from->q);

    for (size_t i = 0; i < policy->inherits.count; i++) {
        uint32_t q = pil_compile_find(&w->c->policies, pil_slice_of(policy->inherits.item[i]));

        if (q == PIL_NO_INDEX) {
            pil_compile_fail(w->c, PIL_E_NOTFOUND);
            return;
        }
        step_up(w, from, q);
    }
}

static void walk_policy(struct walk *w, uint32_t p)
{
    const struct pil_reach start = {p, p, UINT8_MAX, 100, 100};

    w->next.count = 0;
    step_up(w, &start, p);
    for (unsigned depth = 0; w->next.count > 0 && !w->c->err; depth++) {
        struct level swap = w->now;

        if (depth > PIL_INHERIT_MAX) {
            pil_compile_fail(w->c, PIL_E_RANGE);
            return;
        }
        w->now = w->next;
        w->next = swap;
        w->next.count = 0;
        pil_pool_add(w->c, &w->c->reach, w->now.item, w->now.count * sizeof(*w->now.item));
        for (uint32_t i = 0; i < w->now.count; i++)
            step_parents(w, &w->now.item[i]);
    }
}

static int by_target(const void *a, const void *b)
{
    const struct pil_reach *x = a, *y = b;

    if (x->q != y->q)
        return x->q < y->q ? -1 : 1;
    if (x->p != y->p)
        return x->p < y->p ? -1 : 1;
    return (int)x->distance - (int)y->distance;
}

static void resolve_appliers(struct pil_compile *c)
{
    c->applier_set = pil_compile_alloc(c, c->policies.count + 1u, sizeof(*c->applier_set));
    for (uint32_t i = 0; i < c->policies.count && !c->err; i++)
        c->applier_set[i] = pil_compile_subjects(c, &policy_of(c, i)->applies);
}

void pil_compile_reach(struct pil_compile *c)
{
    uint32_t count = c->policies.count;
    struct walk w = {c, {NULL, 0}, {NULL, 0}, NULL};

    resolve_appliers(c);
    w.now.item = pil_compile_alloc(c, count + 1u, sizeof(*w.now.item));
    w.next.item = pil_compile_alloc(c, count + 1u, sizeof(*w.next.item));
    w.mark = pil_compile_alloc(c, count + 1u, sizeof(*w.mark));
    for (uint32_t p = 0; p < count && !c->err; p++) {
        const struct pil_members *members = pil_compile_members(c, c->applier_set[p]);

        if (members->everyone || members->count > 0)
            walk_policy(&w, p);
    }
    if (!c->err && c->reach.len > 0)
        qsort(c->reach.at, c->reach.len / sizeof(struct pil_reach), sizeof(struct pil_reach),
              by_target);
}

/* ---- grants ---------------------------------------------------------------------------------- */

/* The records of one policy within the sorted reach. */
static const struct pil_reach *reach_of(const struct pil_compile *c, uint32_t q, size_t *count)
{
    const struct pil_reach *all = (const void *)c->reach.at;
    size_t low = 0, high = c->reach.len / sizeof(*all), end = high;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (all[mid].q < q)
            low = mid + 1;
        else
            high = mid;
    }
    for (high = low; high < end && all[high].q == q; high++)
        ;
    *count = high - low;
    return all + low;
}

/* How well a policy reaches each workload. */
struct score {
    uint32_t workload;
    uint8_t enforce, active;
    bool reached;
};

static void score_set(const struct pil_compile *c, struct score *score, const struct pil_reach *r)
{
    const struct pil_members *members = pil_compile_members(c, c->applier_set[r->p]);
    uint32_t count = members->everyone ? c->workloads.count + 1 : members->count;

    for (uint32_t i = 0; i < count; i++) {
        struct score *s = &score[members->everyone ? i : members->item[i]];

        s->reached = true;
        s->enforce = larger(s->enforce, r->enforce);
        s->active = larger(s->active, r->active);
    }
}

static int by_score(const void *a, const void *b)
{
    const struct score *x = a, *y = b;

    if (x->reached != y->reached)
        return x->reached ? -1 : 1;
    if (x->enforce != y->enforce)
        return x->enforce > y->enforce ? -1 : 1;
    if (x->active != y->active)
        return x->active > y->active ? -1 : 1;
    return (x->workload > y->workload) - (x->workload < y->workload);
}

static void add_grant(struct pil_compile *c, uint32_t set, uint8_t enforce, uint8_t active)
{
    struct pil_layout_grant grant = {set, enforce, active, {0, 0}};

    pil_compile_add(c, PIL_LAYOUT_GRANTS, &grant, sizeof(grant));
}

/* One grant for each group of workloads that are reached equally well. */
static void add_groups(struct pil_compile *c, struct score *score, uint32_t count, uint32_t *item)
{
    uint32_t start = 0;

    qsort(score, count, sizeof(*score), by_score);
    while (start < count && score[start].reached) {
        uint32_t end = start;

        while (end < count && score[end].reached && score[end].enforce == score[start].enforce &&
               score[end].active == score[start].active) {
            item[end - start] = score[end].workload;
            end++;
        }
        add_grant(c, end - start == count ? 0 : pil_compile_set(c, item, end - start),
                  score[start].enforce, score[start].active);
        start = end;
    }
}

static void grant_each(struct pil_compile *c, const struct pil_reach *reach, size_t count)
{
    uint32_t total = c->workloads.count + 1;
    struct score *score = calloc(total, sizeof(*score));
    uint32_t *item = calloc(total, sizeof(*item));

    if (!score || !item) {
        pil_compile_fail(c, PIL_E_NOMEM);
    } else {
        for (uint32_t i = 0; i < total; i++)
            score[i].workload = i;
        for (size_t i = 0; i < count; i++)
            score_set(c, score, &reach[i]);
        add_groups(c, score, total, item);
    }
    free(score);
    free(item);
}

struct pil_layout_span pil_compile_grants(struct pil_compile *c, uint32_t policy)
{
    struct pil_pool *grants = &c->section[PIL_LAYOUT_GRANTS];
    uint32_t first = (uint32_t)(grants->len / sizeof(struct pil_layout_grant));
    const struct pil_reach *reach;
    uint8_t enforce = 0, active = 0;
    bool same = true;
    size_t count;

    reach = reach_of(c, policy, &count);
    for (size_t i = 0; i < count; i++) {
        same = same && c->applier_set[reach[i].p] == c->applier_set[reach[0].p];
        enforce = larger(enforce, reach[i].enforce);
        active = larger(active, reach[i].active);
    }
    if (count > 0 && same)
        add_grant(c, c->applier_set[reach[0].p], enforce, active);
    else if (count > 0)
        grant_each(c, reach, count);
    return (struct pil_layout_span){
        first, (uint32_t)(grants->len / sizeof(struct pil_layout_grant)) - first};
}

/* ---- defaults -------------------------------------------------------------------------------- */

struct candidate {
    uint32_t workload;
    uint32_t policy;
    uint8_t distance, fallback, enforce, active;
};

/* Nearest first; at equal distance a denial is first. */
static int by_nearness(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->workload != y->workload)
        return x->workload < y->workload ? -1 : 1;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    if (x->fallback != y->fallback)
        return x->fallback < y->fallback ? -1 : 1;
    return (x->policy > y->policy) - (x->policy < y->policy);
}

static void gather(struct pil_compile *c, struct pil_pool *out, const struct pil_reach *r)
{
    const struct pil_members *members = pil_compile_members(c, c->applier_set[r->p]);
    const struct pil_policy *policy = policy_of(c, r->q);
    uint32_t count = members->everyone ? c->workloads.count + 1 : members->count;

    if (!policy->has_default || r->active == 0)
        return;
    for (uint32_t i = 0; i < count; i++) {
        struct candidate d = {.workload = members->everyone ? i : members->item[i],
                              .policy = r->q,
                              .distance = r->distance,
                              .enforce = r->enforce,
                              .active = r->active};

        d.fallback = policy->default_effect == PIL_ALLOW ? PIL_LAYOUT_DEFAULT_ALLOW
                                                         : PIL_LAYOUT_DEFAULT_DENY;
        pil_pool_add(c, out, &d, sizeof(d));
    }
}

/* Defaults of one workload; what stands behind one that always holds is never reached. */
static size_t write_defaults(struct pil_compile *c, const struct candidate *d, size_t count,
                             struct pil_layout_span *out)
{
    struct pil_layout_default *list = pil_compile_alloc(c, count + 1, sizeof(*list));
    struct pil_pool *pool = &c->section[PIL_LAYOUT_DEFAULTS];
    uint32_t kept = 0;
    size_t i;
    bool fresh;

    if (!list)
        return count;
    for (i = 0; i < count && d[i].workload == d[0].workload; i++) {
        if (kept > 0 && list[kept - 1].enforce == 100)
            continue;
        if (kept > 0 && i > 0 && by_nearness(&d[i - 1], &d[i]) == 0) {
            list[kept - 1].enforce = larger(list[kept - 1].enforce, d[i].enforce);
            list[kept - 1].active = larger(list[kept - 1].active, d[i].active);
            continue;
        }
        list[kept++] =
            (struct pil_layout_default){d[i].policy, d[i].enforce, d[i].active, d[i].fallback, 0};
    }
    *out = (struct pil_layout_span){
        pil_pool_intern(c, pool, list, kept * sizeof(*list), &fresh)->at / (uint32_t)sizeof(*list),
        kept};
    return i;
}

void pil_compile_defaults(struct pil_compile *c, struct pil_layout_span *per_workload)
{
    const struct pil_reach *reach = (const void *)c->reach.at;
    struct pil_pool found = {0};
    const struct candidate *d;
    size_t count;

    for (size_t i = 0; i < c->reach.len / sizeof(*reach) && !c->err; i++)
        gather(c, &found, &reach[i]);
    count = found.len / sizeof(*d);
    if (count > 0)
        qsort(found.at, count, sizeof(*d), by_nearness);
    d = (const void *)found.at;
    for (size_t i = 0; i < count && !c->err;)
        i += write_defaults(c, d + i, count - i, &per_workload[d[i].workload]);
    free(found.at);
}
