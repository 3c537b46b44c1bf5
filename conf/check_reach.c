#include <stdlib.h>
#include <string.h>

#include "conf/check.h"
#include "conf/resource.h"

/* Takes from the budget; false when it is used up. */
static bool spend(struct pil_check *c, size_t amount)
{
    if (c->budget < amount) {
        c->budget = 0;
        return false;
    }
    c->budget -= amount;
    return true;
}

static bool host_covers(const struct pil_resource *wide, const struct pil_resource *narrow)
{
    struct pil_slice w = wide->name, n = narrow->name;

    if (!wide->wildcard)
        return !narrow->wildcard && pil_slice_equal(w, n);
    if (narrow->wildcard && pil_slice_equal(w, n))
        return true;
    return n.len > w.len + 1 && n.at[n.len - w.len - 1] == '.' &&
           memcmp(n.at + n.len - w.len, w.at, w.len) == 0;
}

/* Everything that narrow stands for is something that wide stands for. */
static bool resource_covers(const struct pil_resource *wide, const struct pil_resource *narrow)
{
    if (wide->kind == PIL_KIND_NONE && !wide->service)
        return true;
    if (wide->service || narrow->service)
        return wide->service && narrow->service && pil_slice_equal(wide->name, narrow->name);
    if (wide->kind != narrow->kind)
        return false;
    if (wide->kind == PIL_KIND_UNIX)
        return pil_slice_equal(wide->name, narrow->name) ||
               pil_slice_equal(wide->name, pil_slice_of("**"));
    if (wide->ports.low > narrow->ports.low || wide->ports.high < narrow->ports.high)
        return false;
    if (wide->kind == PIL_KIND_NAME)
        return host_covers(wide, narrow);
    return wide->prefix.bits <= narrow->prefix.bits &&
           pil_prefix_has(&wide->prefix, &narrow->prefix.ip);
}

static bool resource_is_covered(struct pil_check *c, const struct pil_strings *wide,
                                const char *text)
{
    struct pil_resource narrow, one;

    if (!spend(c, wide->count + 1) || pil_resource_parse(pil_slice_of(text), &narrow, NULL))
        return false;
    for (size_t i = 0; i < wide->count; i++)
        if (!pil_resource_parse(pil_slice_of(wide->item[i]), &one, NULL) &&
            resource_covers(&one, &narrow))
            return true;
    return false;
}

static bool resources_covered(struct pil_check *c, const struct pil_strings *wide,
                              const struct pil_strings *narrow)
{
    if (!wide->has)
        return true;
    if (!narrow->has || narrow->count == 0)
        return false;
    for (size_t i = 0; i < narrow->count; i++)
        if (!resource_is_covered(c, wide, narrow->item[i]))
            return false;
    return true;
}

static bool lists(const struct pil_strings *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->item[i], text) == 0)
            return true;
    return false;
}

/* Subjects are compared as they are written: a role and its member are not looked into. */
static bool subjects_covered(struct pil_check *c, const struct pil_strings *wide,
                             const struct pil_strings *narrow)
{
    if (!wide->has || lists(wide, "*"))
        return true;
    if (narrow->count == 0 || !spend(c, wide->count * narrow->count))
        return false;
    for (size_t i = 0; i < narrow->count; i++)
        if (!lists(wide, narrow->item[i]))
            return false;
    return true;
}

static bool rule_covers(struct pil_check *c, const struct pil_rule *deny,
                        const struct pil_policy *policy, const struct pil_rule *rule)
{
    const struct pil_strings *who = rule->subjects.has ? &rule->subjects : &policy->applies;

    if (!spend(c, 1) || deny->effect != PIL_DENY || deny->when.has)
        return false;
    if (pil_check_actions(rule) & ~pil_check_actions(deny))
        return false;
    return subjects_covered(c, &deny->subjects, who) &&
           resources_covered(c, &deny->resources, &rule->resources);
}

/* The deny rule of `from` or of what it inherits that leaves nothing of an allow rule, or NULL. */
static const struct pil_rule *find_cover(struct pil_check *c, const struct pil_policy *from,
                                         const struct pil_policy *policy,
                                         const struct pil_rule *rule)
{
    bool enforced = from->stage == PIL_STAGE_ENFORCE && from->rollout == 100;

    if (!spend(c, 1))
        return NULL;
    for (size_t i = 0; enforced && i < from->rule_count; i++)
        if (rule_covers(c, &from->rule[i], policy, rule))
            return &from->rule[i];
    for (size_t i = 0; i < from->inherits.count; i++) {
        size_t parent = pil_check_find(&c->policy, from->inherits.item[i]);
        const struct pil_rule *found;

        if (parent == PIL_CHECK_NONE)
            continue;
        found = find_cover(c, &c->model->policy[parent], policy, rule);
        if (found)
            return found;
    }
    return NULL;
}

/* What a rule says, as a number: equal rules have equal ones, whatever the order of their lists. */
struct digest {
    uint64_t value;
    const struct pil_rule *rule;
};

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint64_t hash_text(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (; text && *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return mix(1, hash);
}

static uint64_t hash_list(const struct pil_strings *list)
{
    uint64_t sum = list->has ? 7 : 3;

    for (size_t i = 0; i < list->count; i++)
        sum += hash_text(list->item[i]);
    return sum;
}

static uint64_t hash_when(const struct pil_when *when)
{
    uint64_t hash = mix(2, hash_list(&when->source)), uids = 0;

    hash = mix(hash, hash_list(&when->caller));
    hash = mix(hash, hash_list(&when->peer));
    hash = mix(hash, when->has_hours ? 1 + when->hours.low * 2048u + when->hours.high : 0);
    hash = mix(hash, when->has_days ? 1u + when->days : 0);
    hash = mix(hash, hash_text(when->timezone));
    for (size_t i = 0; i < when->uid_count; i++)
        uids += mix(5, when->uid[i]);
    return mix(hash, uids);
}

static uint64_t hash_rule(const struct pil_rule *rule)
{
    const struct pil_rate *rate = &rule->rate;
    uint64_t hash = mix(rule->effect, hash_list(&rule->subjects));

    hash = mix(hash, pil_check_actions(rule));
    hash = mix(hash, hash_list(&rule->resources));
    hash = mix(hash, hash_when(&rule->when));
    hash = mix(hash, (uint64_t)rate->limit << 32 | rate->per_ms);
    return mix(hash, (uint64_t)rate->burst << 16 | (unsigned)rate->by << 8 | rate->exceed);
}

static int by_digest(const void *left, const void *right)
{
    const struct digest *a = left, *b = right;

    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    return (a->rule > b->rule) - (a->rule < b->rule);
}

static void warn_repeated(struct pil_check *c, const struct pil_policy *policy)
{
    struct digest *digests = calloc(policy->rule_count + 1, sizeof(*digests));

    if (!digests) {
        c->nomem = true;
        return;
    }
    for (size_t i = 0; i < policy->rule_count; i++)
        digests[i] = (struct digest){hash_rule(&policy->rule[i]), &policy->rule[i]};
    qsort(digests, policy->rule_count, sizeof(*digests), by_digest);
    for (size_t i = 1; i < policy->rule_count; i++) {
        const struct pil_rule *first = digests[i - 1].rule, *again = digests[i].rule;

        if (digests[i].value == digests[i - 1].value)
            pil_diag_warning(c->diag, again->at, "rule \"%s\" says the same as \"%s\" at %s:%u",
                             again->title, first->title, first->at.file, first->at.line);
    }
    free(digests);
}

void pil_check_reach(struct pil_check *c, const struct pil_policy *policy)
{
    warn_repeated(c, policy);
    if (policy->stage != PIL_STAGE_ENFORCE)
        return;
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct pil_rule *rule = &policy->rule[i], *deny;

        if (rule->effect != PIL_ALLOW)
            continue;
        deny = find_cover(c, policy, policy, rule);
        if (deny)
            pil_diag_warning(c->diag, rule->at,
                             "rule \"%s\" can never allow: rule \"%s\" at %s:%u denies all of it",
                             rule->title, deny->title, deny->at.file, deny->at.line);
    }
}
