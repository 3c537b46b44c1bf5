#include "cli/rules/cover.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/source.h"
#include "conf/resource.h"
#include "core/err.h"
#include "core/eval.h"
#include "core/glob.h"

int pil_cover_open(struct pil_cover *cover, const char *path, struct pil_diag *diag)
{
    uint32_t zones;
    int error;

    *cover = (struct pil_cover){.now = time(NULL)};
    error =
        pil_policy_build(&path, 1, PIL_MET_ALL, diag, &cover->block, &cover->len, &cover->image);
    if (error)
        return error;
    zones = pil_image_zones(&cover->image);
    cover->offsets = calloc(zones + 1u, sizeof(*cover->offsets));
    if (!cover->offsets) {
        pil_cover_close(cover);
        return PIL_E_NOMEM;
    }
    if (pil_zone_offsets(&cover->image, cover->now, cover->offsets) == PIL_OK)
        cover->zones = zones;
    return PIL_OK;
}

void pil_cover_close(struct pil_cover *cover)
{
    free(cover->block);
    free(cover->offsets);
    *cover = (struct pil_cover){0};
}

/* By its title where policyd has named one that this policy has too; else by its facts. */
static uint32_t workload_of(const struct pil_cover *cover, const struct pil_seen *seen)
{
    const struct pil_facts facts = {seen->exe, seen->user, seen->unit, seen->cgroup, NULL};
    uint32_t found = 0;

    if (*seen->workload)
        found = pil_image_workload_find(&cover->image, pil_slice_of(seen->workload));
    return found ? found : pil_image_attest(&cover->image, &facts);
}

/* What would hold if shadow were enforced. */
static void as_enforced(struct pil_verdict *v)
{
    if (v->shadow == PIL_SHADOW_NONE)
        return;
    v->effect = v->shadow == PIL_SHADOW_WOULD_ALLOW ? PIL_ALLOW : PIL_DENY;
    v->reason = v->shadow_reason;
    v->rule = v->shadow_rule;
    v->policy = v->shadow_policy;
}

enum pil_covered pil_cover_judge(const struct pil_cover *cover, const struct pil_seen *seen,
                                 const char **workload, const char **policy, const char **rule)
{
    const struct pil_subject who = {workload_of(cover, seen), seen->uid};
    const struct pil_query q = pil_seen_query(seen);
    const struct pil_eval_env env = {.now = cover->now,
                                     .zone_offset = cover->offsets,
                                     .zone_count = cover->zones,
                                     .ttl_ms = PIL_VERDICT_TTL_MS};
    struct pil_verdict v;

    pil_eval(&cover->image, &who, &q, &env, &v);
    as_enforced(&v);
    *workload = pil_image_workload_name(&cover->image, who.workload);
    *policy = v.policy == PIL_NO_INDEX ? "" : pil_image_policy_name(&cover->image, v.policy);
    *rule = v.rule == PIL_NO_INDEX ? "" : pil_image_rule_name(&cover->image, v.rule);
    if (v.effect == PIL_ALLOW)
        return PIL_COVERED;
    return v.rule == PIL_NO_INDEX ? PIL_MISSING : PIL_OPPOSED;
}

/* ---- one value ------------------------------------------------------------------------------ */

static bool ends_with(struct pil_slice text, struct pil_slice end)
{
    return text.len > end.len + 1 && text.at[text.len - end.len - 1] == '.' &&
           memcmp(text.at + text.len - end.len, end.at, end.len) == 0;
}

static bool target_fits(const struct pil_resource *r, const struct pil_seen *seen)
{
    struct pil_slice name = pil_slice_of(seen->name);

    switch (r->kind) {
    case PIL_KIND_INET:
        return seen->kind == PIL_KIND_INET && pil_prefix_has(&r->prefix, &seen->ip);
    case PIL_KIND_NAME:
        return seen->kind != PIL_KIND_UNIX && name.len > 0 &&
               (r->wildcard ? ends_with(name, r->name) : pil_slice_equal(r->name, name));
    case PIL_KIND_UNIX:
        return seen->kind == PIL_KIND_UNIX &&
               (r->wildcard ? pil_glob_match(r->name, name, true) : pil_slice_equal(r->name, name));
    default:
        return r->wildcard;
    }
}

bool pil_cover_fits(const char *resource, size_t len, const struct pil_seen *seen)
{
    char text[PIL_TEXT_MAX + 1];
    struct pil_resource r;

    if (len > PIL_TEXT_MAX)
        return false;
    memcpy(text, resource, len);
    text[len] = '\0';
    pil_resource_normalize(text);
    if (pil_resource_parse(pil_slice_of(text), &r, NULL) || r.service || !target_fits(&r, seen))
        return false;
    return seen->action == PIL_ACTION_RESOLVE || seen->kind != PIL_KIND_INET ||
           r.kind == PIL_KIND_NONE || (seen->port >= r.ports.low && seen->port <= r.ports.high);
}

bool pil_cover_peer_fits(const char *prefix, size_t len, const struct pil_seen *seen)
{
    struct pil_prefix p;

    return seen->has_source && pil_prefix_parse((struct pil_slice){prefix, len}, &p) == PIL_OK &&
           pil_prefix_has(&p, &seen->source);
}
