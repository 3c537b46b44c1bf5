#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "cli/rules/merge_parts.h"
#include "core/err.h"
#include "core/glob.h"

#define TOLD_MAX 20u /* values not seen that are told one by one */

/* Lists of `when` that say whose connections they are. */
static const char *const conditions[] = {"source", "peer"};

/* ---- noting --------------------------------------------------------------------------------- */

static struct pil_times *sight_of(struct pil_merging *m, size_t at)
{
    void *grown;

    for (size_t i = 0; i < m->sights; i++)
        if (m->sight_at[i] == at)
            return &m->sight[i];
    grown = realloc(m->sight, (m->sights + 1) * sizeof(*m->sight));
    if (!grown)
        return NULL;
    m->sight = grown;
    grown = realloc(m->sight_at, (m->sights + 1) * sizeof(*m->sight_at));
    if (!grown)
        return NULL;
    m->sight_at = grown;
    m->sight_at[m->sights] = at;
    m->sight[m->sights] = (struct pil_times){0};
    return &m->sight[m->sights++];
}

static bool was_seen(const struct pil_merging *m, size_t at)
{
    for (size_t i = 0; i < m->sights; i++)
        if (m->sight_at[i] == at)
            return true;
    return false;
}

static int note(struct pil_merging *m, size_t at, const struct pil_times *times)
{
    struct pil_times *sight = sight_of(m, at);

    if (!sight)
        return PIL_E_NOMEM;
    pil_times_add(sight, times);
    return PIL_OK;
}

/* "service:TITLE", as a block of this file. */
static bool service_block(const struct pil_merging *m, struct pil_slice says, struct pil_span *out)
{
    char title[PIL_TITLE_MAX + 1];

    if (says.len <= 8 || says.len - 8 > PIL_TITLE_MAX || memcmp(says.at, "service:", 8) != 0)
        return false;
    memcpy(title, says.at + 8, says.len - 8);
    title[says.len - 8] = '\0';
    return pil_edit_block(&m->edit, NULL, "service", title, out);
}

/* Notes the values of a list that speak of it; a service counts when one of its endpoints does. */
static int credit_list(struct pil_merging *m, const struct pil_span *list,
                       const struct pil_seen *seen, bool *any)
{
    struct pil_edit_value value;
    struct pil_span block, endpoints;
    size_t cursor = 0;
    int error = PIL_OK;

    *any = false;
    while (!error && pil_edit_next(&m->edit, list, &cursor, &value)) {
        bool inside = false;

        if (service_block(m, value.says, &block) &&
            pil_edit_list(&m->edit, &block, "endpoints", &endpoints))
            error = credit_list(m, &endpoints, seen, &inside);
        if (error || !(inside || pil_cover_fits(value.says.at, value.says.len, seen)))
            continue;
        *any = true;
        error = note(m, value.at, &seen->times);
    }
    return error;
}

static bool speaks_of_peer(const struct pil_merging *m, struct pil_slice says, const char *peer,
                           unsigned depth);

static bool role_speaks_of(const struct pil_merging *m, struct pil_slice title, const char *peer,
                           unsigned depth)
{
    for (size_t i = 0; depth > 0 && i < m->model.role_count; i++) {
        const struct pil_role *role = &m->model.role[i];

        for (size_t k = 0;
             pil_slice_equal(pil_slice_of(role->title), title) && k < role->members.count; k++)
            if (speaks_of_peer(m, pil_slice_of(role->members.item[k]), peer, depth - 1))
                return true;
    }
    return false;
}

/* Does a value of `peer` stand for that SPIFFE ID? */
static bool speaks_of_peer(const struct pil_merging *m, struct pil_slice says, const char *peer,
                           unsigned depth)
{
    char id[PIL_TEXT_MAX + 1];

    if (says.len > 5 && memcmp(says.at, "role:", 5) == 0)
        return role_speaks_of(m, (struct pil_slice){says.at + 5, says.len - 5}, peer, depth);
    if (says.len <= 9 || memcmp(says.at, "workload:", 9) != 0)
        return *peer && pil_glob_match(says, pil_slice_of(peer), true);
    snprintf(id, sizeof(id), "spiffe://%s/%.*s", m->model.trust_domain ? m->model.trust_domain : "",
             (int)(says.len - 9), says.at + 9);
    return strcmp(id, peer) == 0;
}

static int credit_peers(struct pil_merging *m, const struct pil_span *rule,
                        const struct pil_seen *seen)
{
    struct pil_span when, list;
    struct pil_edit_value value;
    size_t cursor = 0;
    int error = PIL_OK;

    if (!pil_edit_block(&m->edit, rule, "when", NULL, &when))
        return PIL_OK;
    if (pil_edit_list(&m->edit, &when, "source", &list))
        while (!error && pil_edit_next(&m->edit, &list, &cursor, &value))
            if (pil_cover_peer_fits(value.says.at, value.says.len, seen))
                error = note(m, value.at, &seen->times);
    cursor = 0;
    if (pil_edit_list(&m->edit, &when, "peer", &list))
        while (!error && pil_edit_next(&m->edit, &list, &cursor, &value))
            if (speaks_of_peer(m, value.says, seen->peer, PIL_INHERIT_MAX))
                error = note(m, value.at, &seen->times);
    return error;
}

int pil_sights_credit(struct pil_merging *m, const struct pil_seen *seen, const char *policy,
                      const char *rule)
{
    struct pil_span in_policy, in_rule, list;
    int error = PIL_OK;
    bool any;

    if (!*rule || !pil_edit_block(&m->edit, NULL, "policy", policy, &in_policy) ||
        !pil_edit_block(&m->edit, &in_policy, "rule", rule, &in_rule))
        return PIL_OK; /* a default, or a rule of an included file */
    if (pil_edit_list(&m->edit, &in_rule, "resources", &list))
        error = credit_list(m, &list, seen, &any);
    return error ? error : credit_peers(m, &in_rule, seen);
}

/* ---- telling -------------------------------------------------------------------------------- */

/* Adds to comments what was seen, and tells of a list what was not. */
static void tell_list(struct pil_merging *m, const struct pil_span *list, const char *policy,
                      const char *rule)
{
    struct pil_edit_value value;
    size_t cursor = 0;
    char text[PIL_TEXT_MAX + 1];

    while (pil_edit_next(&m->edit, list, &cursor, &value)) {
        if (was_seen(m, value.at) || ++m->unseen > TOLD_MAX)
            continue;
        snprintf(text, sizeof(text), "%.*s", (int)value.says.len, value.says.at);
        pil_out_clean(text);
        fprintf(stderr, "  not seen this time, kept: %s (policy %s, rule %s)\n", text, policy,
                rule);
    }
}

static void tell_rule(struct pil_merging *m, const struct pil_policy *policy,
                      const struct pil_rule *rule)
{
    struct pil_span in_policy, in_rule, list, when;

    if (rule->effect != PIL_ALLOW ||
        !pil_edit_block(&m->edit, NULL, "policy", policy->title, &in_policy) ||
        !pil_edit_block(&m->edit, &in_policy, "rule", rule->title, &in_rule))
        return;
    if (pil_edit_list(&m->edit, &in_rule, "resources", &list))
        tell_list(m, &list, policy->title, rule->title);
    for (size_t i = 0; i < PIL_NELEM(conditions); i++)
        if (pil_edit_block(&m->edit, &in_rule, "when", NULL, &when) &&
            pil_edit_list(&m->edit, &when, conditions[i], &list))
            tell_list(m, &list, policy->title, rule->title);
}

static void update_comments(struct pil_merging *m, const struct pil_span *list)
{
    struct pil_edit_value value;
    size_t cursor = 0;

    while (pil_edit_next(&m->edit, list, &cursor, &value))
        if (was_seen(m, value.at))
            pil_edit_add_times(&m->edit, &value, sight_of(m, value.at));
}

static void update_rule(struct pil_merging *m, const struct pil_span *policy, const char *title)
{
    struct pil_span rule, list, when;

    if (!pil_edit_block(&m->edit, policy, "rule", title, &rule))
        return;
    if (pil_edit_list(&m->edit, &rule, "resources", &list))
        update_comments(m, &list);
    for (size_t i = 0; i < PIL_NELEM(conditions); i++)
        if (pil_edit_block(&m->edit, &rule, "when", NULL, &when) &&
            pil_edit_list(&m->edit, &when, conditions[i], &list))
            update_comments(m, &list);
}

static void update_all(struct pil_merging *m)
{
    struct pil_span block, list;

    for (size_t i = 0; i < m->model.service_count; i++)
        if (pil_edit_block(&m->edit, NULL, "service", m->model.service[i].title, &block) &&
            pil_edit_list(&m->edit, &block, "endpoints", &list))
            update_comments(m, &list);
    for (size_t i = 0; i < m->model.policy_count; i++)
        for (size_t k = 0; k < m->model.policy[i].rule_count; k++)
            if (pil_edit_block(&m->edit, NULL, "policy", m->model.policy[i].title, &block))
                update_rule(m, &block, m->model.policy[i].rule[k].title);
}

void pil_sights_tell_unseen(struct pil_merging *m)
{
    for (size_t i = 0; i < m->model.policy_count; i++)
        for (size_t k = 0; k < m->model.policy[i].rule_count; k++)
            tell_rule(m, &m->model.policy[i], &m->model.policy[i].rule[k]);
    if (m->unseen > TOLD_MAX)
        fprintf(stderr, "  and %zu more that were not seen\n", m->unseen - TOLD_MAX);
    update_all(m);
}

/* ---- paths ---------------------------------------------------------------------------------- */

static int keep_path(struct pil_merging *m, const char *resource)
{
    char **grown;

    if (strncmp(resource, "unix:", 5) != 0 || strpbrk(resource, "*?"))
        return PIL_OK;
    grown = realloc(m->paths, (m->path_count + 1) * sizeof(*grown));
    if (!grown)
        return PIL_E_NOMEM;
    m->paths = grown;
    grown[m->path_count] = strdup(resource + 5);
    return grown[m->path_count++] ? PIL_OK : PIL_E_NOMEM;
}

int pil_sights_paths(struct pil_merging *m)
{
    int error = PIL_OK;

    for (size_t i = 0; i < m->model.policy_count; i++)
        for (size_t k = 0; k < m->model.policy[i].rule_count; k++) {
            const struct pil_rule *r = &m->model.policy[i].rule[k];

            for (size_t n = 0; !error && r->effect == PIL_ALLOW && n < r->resources.count; n++)
                error = keep_path(m, r->resources.item[n]);
        }
    m->shape.path = (const char *const *)m->paths;
    m->shape.paths = m->path_count;
    return error;
}
