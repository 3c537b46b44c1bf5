/* Every keyword of the policy language, and what it takes: a table for each block. */
#include <errno.h>
#include <stddef.h>

#include "conf/draft.h"
#include "conf/schema.h"

#define FIELD(member) offsetof(struct pil_draft, member)

/* ---- words and ranges ------------------------------------------------------------------------ */

static const struct pil_choices effects = {
    (const struct pil_choice[]){{"allow", PIL_ALLOW}, {"deny", PIL_DENY}, {NULL, 0}}, 1};
static const struct pil_choices coverages = {
    (const struct pil_choice[]){{"required", true}, {"report", false}, {NULL, 0}}, 1};
static const struct pil_choices encrypts = {
    (const struct pil_choice[]){{"required", PIL_ENCRYPT_REQUIRED},
                                {"permissive", PIL_ENCRYPT_PERMISSIVE},
                                {"off", PIL_ENCRYPT_OFF},
                                {"native", PIL_ENCRYPT_NATIVE},
                                {NULL, 0}},
    1};
static const struct pil_choices yes_no = {
    (const struct pil_choice[]){{"yes", true}, {"no", false}, {NULL, 0}}, 1};
static const struct pil_choices stages = {
    (const struct pil_choice[]){{"enforce", PIL_STAGE_ENFORCE},
                                {"shadow", PIL_STAGE_SHADOW},
                                {"off", PIL_STAGE_OFF},
                                {NULL, 0}},
    1};
static const struct pil_choices errnos = {
    (const struct pil_choice[]){
        {"EACCES", EACCES}, {"ECONNREFUSED", ECONNREFUSED}, {"ETIMEDOUT", ETIMEDOUT}, {NULL, 0}},
    2};
static const struct pil_choices rate_keys = {
    (const struct pil_choice[]){{"subject", PIL_RATE_BY_SUBJECT},
                                {"process", PIL_RATE_BY_PROCESS},
                                {"resource", PIL_RATE_BY_RESOURCE},
                                {"source", PIL_RATE_BY_SOURCE},
                                {NULL, 0}},
    1};
static const struct pil_choices exceeds = {
    (const struct pil_choice[]){{"deny", PIL_EXCEED_DENY},
                                {"delay", PIL_EXCEED_DELAY},
                                {"shadow", PIL_EXCEED_SHADOW},
                                {NULL, 0}},
    1};

#define DAY_MS (24u * 60 * 60 * 1000)

static const struct pil_range schema_range = {1, 1, 4, "1"};
static const struct pil_range version_range = {0, UINT32_MAX, 4, "a number from 0 to 4294967295"};
static const struct pil_range percent_range = {0, 100, 1, "percent of hosts, from 0 to 100"};
static const struct pil_range count_range = {1, 1000000000, 4, "a number from 1 to 1000000000"};
static const struct pil_range small_range = {1, 1000, 4, "a number from 1 to 1000"};
static const struct pil_range retry_range = {0, 10, 4, "a number from 0 to 10"};
static const struct pil_range time_range = {
    1, DAY_MS, 4, "a number with ms, s, m or h, such as 250ms, from 1ms to 24h"};
static const struct pil_range timeout_range = {
    1, 60 * 60 * 1000, 4, "a number with ms, s, m or h, such as 250ms, from 1ms to 1h"};

/* The count lies behind the array of a struct pil_when; pil_value_uids wants to know where. */
static const size_t uid_count_from_uid =
    offsetof(struct pil_when, uid_count) - offsetof(struct pil_when, uid);

/* ---- the tables ------------------------------------------------------------------------------ */

#define BLOCK(id, text, kind, rows)                                                                \
    static const struct pil_block id = {text, rows, PIL_NELEM(rows), PIL_THING_##kind}

#define TEXT(word, form, field)                                                                    \
    {                                                                                              \
        .name = word, .take = pil_value_text, .with = &pil_form_##form, .offset = FIELD(field)     \
    }
#define LIST(word, form, field)                                                                    \
    {                                                                                              \
        .name = word, .shape = PIL_SHAPE_LIST, .take = pil_value_texts, .with = &pil_form_##form,  \
        .offset = FIELD(field)                                                                     \
    }
#define VALUE(word, kind, how, field, ...)                                                         \
    {                                                                                              \
        .name = word, .take = pil_value_##kind, .with = how, .offset = FIELD(field), __VA_ARGS__   \
    }
#define INNER(word, kind, inner)                                                                   \
    {                                                                                              \
        .name = word, .shape = PIL_SHAPE_##kind, .block = &inner                                   \
    }

static const struct pil_keyword workload_rows[] = {
    TEXT("exe", path, workload.exe),
    TEXT("user", user, workload.user),
    TEXT("unit", unit, workload.unit),
    TEXT("cgroup", cgroup, workload.cgroup),
    TEXT("sha256", sha256, workload.sha256),
    VALUE("coverage", choice, &coverages, workload.covered, ),
};
BLOCK(workload_block, "workload", WORKLOAD, workload_rows);

static const struct pil_keyword role_rows[] = {
    LIST("members", member, role.members),
};
BLOCK(role_block, "role", ROLE, role_rows);

static const struct pil_keyword service_rows[] = {
    LIST("endpoints", endpoint, service.endpoints),
    VALUE("identity", text, &pil_form_spiffe, service.identity, .at = FIELD(service.identity_at)),
    VALUE("encrypt", choice, &encrypts, service.encrypt, .at = FIELD(service.encrypt_at)),
    VALUE("server_first", choice, &yes_no, service.server_first, ),
};
BLOCK(service_block, "service", SERVICE, service_rows);

static const struct pil_keyword when_rows[] = {
    VALUE("hours", hours, NULL, rule.when.hours, .has = FIELD(rule.when.has_hours)),
    {.name = "days",
     .shape = PIL_SHAPE_LIST,
     .take = pil_value_days,
     .offset = FIELD(rule.when.days),
     .has = FIELD(rule.when.has_days)},
    TEXT("timezone", zone, rule.when.timezone),
    LIST("source", prefix, rule.when.source),
    LIST("caller", caller, rule.when.caller),
    LIST("peer", member, rule.when.peer),
    {.name = "uid",
     .shape = PIL_SHAPE_LIST,
     .take = pil_value_uids,
     .with = &uid_count_from_uid,
     .offset = FIELD(rule.when.uid),
     .has = FIELD(rule.when.has_uids)},
};
BLOCK(when_block, "when", WHEN, when_rows);

static const struct pil_keyword rate_rows[] = {
    VALUE("limit", number, &count_range, rule.rate.limit, .has = FIELD(has_limit)),
    VALUE("per", duration, &time_range, rule.rate.per_ms, .has = FIELD(has_per)),
    VALUE("burst", number, &count_range, rule.rate.burst, ),
    VALUE("by", choice, &rate_keys, rule.rate.by, ),
    VALUE("exceed", choice, &exceeds, rule.rate.exceed, ),
};
BLOCK(rate_block, "rate", RATE, rate_rows);

static const struct pil_keyword rule_rows[] = {
    VALUE("effect", choice, &effects, rule.effect, .has = FIELD(rule.has_effect)),
    LIST("subjects", subject, rule.subjects),
    LIST("actions", action, rule.actions),
    LIST("resources", resource, rule.resources),
    INNER("when", BLOCK, when_block),
    INNER("rate", BLOCK, rate_block),
};
BLOCK(rule_block, "rule", RULE, rule_rows);

static const struct pil_keyword policy_rows[] = {
    TEXT("owner", owner, policy.owner),
    VALUE("version", number, &version_range, policy.version, .has = FIELD(policy.has_version)),
    VALUE("stage", choice, &stages, policy.stage, ),
    VALUE("rollout", number, &percent_range, policy.rollout, ),
    VALUE("default", choice, &effects, policy.default_effect, .has = FIELD(policy.has_default),
          .at = FIELD(policy.default_at)),
    VALUE("errno", choice, &errnos, policy.deny_errno, ),
    LIST("inherits", title, policy.inherits),
    LIST("applies", subject, policy.applies),
    INNER("rule", TITLED, rule_block),
};
BLOCK(policy_block, "policy", POLICY, policy_rows);

static const struct pil_keyword breaker_rows[] = {
    VALUE("failures", number, &small_range, route.breaker.failures, .has = FIELD(has_failures)),
    VALUE("open", duration, &time_range, route.breaker.open_ms, .has = FIELD(has_open)),
    VALUE("half_open", number, &small_range, route.breaker.half_open, ),
};
BLOCK(breaker_block, "breaker", BREAKER, breaker_rows);

static const struct pil_keyword route_rows[] = {
    VALUE("timeout", duration, &timeout_range, route.timeout_ms, .has = FIELD(route.has_timeout)),
    VALUE("retries", number, &retry_range, route.retries, .has = FIELD(route.has_retries)),
    LIST("fallback", fallback, route.fallback),
    INNER("breaker", BLOCK, breaker_block),
};
BLOCK(route_block, "route", ROUTE, route_rows);

static const struct pil_keyword root_rows[] = {
    VALUE("schema", number, &schema_range, top.schema, .has = FIELD(top.has_schema)),
    VALUE("trust_domain", text, &pil_form_domain, top.trust_domain,
          .at = FIELD(top.trust_domain_at)),
    VALUE("default", choice, &effects, top.default_effect, .has = FIELD(top.has_default),
          .at = FIELD(top.default_at)),
    VALUE("timezone", text, &pil_form_zone, top.timezone, .at = FIELD(top.timezone_at)),
    {.name = "include", .shape = PIL_SHAPE_CALL},
    INNER("workload", TITLED, workload_block),
    INNER("role", TITLED, role_block),
    INNER("service", TITLED, service_block),
    INNER("policy", TITLED, policy_block),
    INNER("route", TITLED, route_block),
};
const struct pil_block pil_schema_root = {"", root_rows, PIL_NELEM(root_rows), PIL_THING_ROOT};

const struct pil_keyword *pil_schema_find(const struct pil_block *block, struct pil_slice name)
{
    for (size_t i = 0; i < block->count; i++)
        if (pil_slice_equal(name, pil_slice_of(block->keyword[i].name)))
            return &block->keyword[i];
    return NULL;
}
