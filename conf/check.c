#include "conf/check.h"

#include <stdlib.h>
#include <string.h>

#include "conf/policy.h"
#include "core/err.h"

/* Comparisons between rules: some ten milliseconds' worth. */
#define BUDGET 200000u

size_t pil_check_find(const struct pil_check_titles *titles, const char *title)
{
    size_t low = 0, high = titles->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(titles->item[mid].title, title);

        if (order == 0)
            return titles->item[mid].index;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return PIL_CHECK_NONE;
}

struct pil_at pil_check_item_at(const struct pil_strings *list, size_t i)
{
    struct pil_at at = list->at;

    if (list->line)
        at.line = list->line[i];
    return at;
}

const char *pil_check_behind(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static int by_title(const void *left, const void *right)
{
    const struct pil_check_title *a = left, *b = right;
    int order = strcmp(a->title, b->title);

    return order ? order : (a->index > b->index) - (a->index < b->index);
}

/* Sorts and tells every title that is there before. The kind names it in messages. */
static void sort_titles(struct pil_check *c, struct pil_check_titles *titles, const char *kind)
{
    if (titles->count > 0)
        qsort(titles->item, titles->count, sizeof(*titles->item), by_title);
    for (size_t i = 1; i < titles->count; i++) {
        const struct pil_check_title *first = &titles->item[i - 1], *again = &titles->item[i];

        if (strcmp(first->title, again->title) == 0)
            pil_diag_error(c->diag, again->at,
                           "duplicate %s \"%s\", the other is at %s:%u; legal is one of each title",
                           kind, again->title, first->at.file, first->at.line);
    }
}

#define COLLECT(c, into, array, n, kind)                                                           \
    do {                                                                                           \
        struct pil_check_titles *t_ = (into);                                                      \
        t_->item = calloc((n) + 1, sizeof(*t_->item));                                             \
        if (!t_->item) {                                                                           \
            (c)->nomem = true;                                                                     \
            break;                                                                                 \
        }                                                                                          \
        for (t_->count = 0; t_->count < (n); t_->count++)                                          \
            t_->item[t_->count] = (struct pil_check_title){(array)[t_->count].title,               \
                                                           (array)[t_->count].at, t_->count};      \
        sort_titles(c, t_, kind);                                                                  \
    } while (0)

static void check_top(struct pil_check *c)
{
    const struct pil_model *m = c->model;
    struct pil_at first = {m->file_count ? m->file[0] : NULL, m->file_count ? 1 : 0};

    if (m->file_count == 0)
        pil_diag_error(c->diag, first,
                       "no policy was read; legal is at least one file, or a directory with a "
                       "*.conf file");
    else if (!m->has_schema)
        pil_diag_error(c->diag, first, "no \"schema\" in any file; legal is schema = 1");
    if (m->workload_count > PIL_WORKLOADS_MAX)
        pil_diag_error(c->diag, m->workload[PIL_WORKLOADS_MAX].at,
                       "too many workloads at \"%s\"; legal is at most %u",
                       m->workload[PIL_WORKLOADS_MAX].title, PIL_WORKLOADS_MAX);
}

static int compare_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static int by_selectors(const void *left, const void *right)
{
    const struct pil_workload *a = *(struct pil_workload *const *)left;
    const struct pil_workload *b = *(struct pil_workload *const *)right;
    int order = compare_text(a->exe, b->exe);

    order = order ? order : compare_text(a->user, b->user);
    order = order ? order : compare_text(a->unit, b->unit);
    order = order ? order : compare_text(a->cgroup, b->cgroup);
    return order ? order : compare_text(a->sha256, b->sha256);
}

static bool has_selector(const struct pil_workload *w)
{
    return w->exe || w->user || w->unit || w->cgroup || w->sha256;
}

/* The kernel names a process by the file that runs, never by a link to it. Only a warning: another
 * host may have the link elsewhere. */
static void check_link(struct pil_check *c, const struct pil_workload *w)
{
    char *real = w->exe ? realpath(w->exe, NULL) : NULL;

    if (real && strcmp(real, w->exe) != 0)
        pil_diag_warning(c->diag, w->at,
                         "exe \"%s\" in workload \"%s\" never matches here: it is a link; legal is "
                         "\"%s\"",
                         w->exe, w->title, real);
    free(real);
}

/* Two workloads with the same selectors: which of them a process is would be a guess. */
static void check_workloads(struct pil_check *c)
{
    const struct pil_model *m = c->model;
    const struct pil_workload **sorted = calloc(m->workload_count + 1, sizeof(*sorted));

    if (!sorted) {
        c->nomem = true;
        return;
    }
    for (size_t i = 0; i < m->workload_count; i++) {
        sorted[i] = &m->workload[i];
        check_link(c, sorted[i]);
        if (!has_selector(sorted[i]))
            pil_diag_error(c->diag, sorted[i]->at,
                           "no selector in workload \"%s\"; legal is one or more of exe, user, "
                           "unit, cgroup, sha256",
                           sorted[i]->title);
    }
    qsort(sorted, m->workload_count, sizeof(*sorted), by_selectors);
    for (size_t i = 1; i < m->workload_count; i++) {
        const struct pil_workload *a = sorted[i - 1], *b = sorted[i];
        const struct pil_workload *first = a < b ? a : b, *again = a < b ? b : a;

        if (has_selector(b) && by_selectors(&sorted[i - 1], &sorted[i]) == 0)
            pil_diag_error(c->diag, again->at,
                           "same selectors in workload \"%s\" as in \"%s\" at %s:%u; legal is "
                           "something that tells them apart",
                           again->title, first->title, first->at.file, first->at.line);
    }
    free(sorted);
}

static void dangling(struct pil_check *c, struct pil_at at, const char *kind, const char *title,
                     const char *keyword)
{
    pil_diag_error(c->diag, at, "unknown %s \"%s\" in %s; legal is one that is defined", kind,
                   title, keyword);
}

/* "workload:" and "role:" of a list lead somewhere. */
static void check_references(struct pil_check *c, const struct pil_strings *list,
                             const char *keyword)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *workload = pil_check_behind(list->item[i], "workload:");
        const char *role = pil_check_behind(list->item[i], "role:");
        struct pil_at at = pil_check_item_at(list, i);

        if (workload && pil_check_find(&c->workload, workload) == PIL_CHECK_NONE)
            dangling(c, at, "workload", workload, keyword);
        if (role && pil_check_find(&c->role, role) == PIL_CHECK_NONE)
            dangling(c, at, "role", role, keyword);
        if (!c->partial && !c->model->trust_domain && pil_check_behind(list->item[i], "spiffe://"))
            pil_diag_warning(c->diag, at,
                             "\"%s\" in %s is nobody: without a trust_domain no workload has a "
                             "SPIFFE ID",
                             list->item[i], keyword);
    }
}

static void check_roles(struct pil_check *c)
{
    for (size_t i = 0; i < c->model->role_count; i++) {
        const struct pil_role *role = &c->model->role[i];

        check_references(c, &role->members, "members");
        if (role->members.count == 0 && !c->partial)
            pil_diag_warning(c->diag, role->at,
                             "role \"%s\" has no members: nothing that names it matches",
                             role->title);
    }
}

static void check_services(struct pil_check *c)
{
    for (size_t i = 0; i < c->model->service_count; i++) {
        const struct pil_service *service = &c->model->service[i];

        if (service->endpoints.count == 0)
            pil_diag_error(c->diag, service->at,
                           "no \"endpoints\" in service \"%s\"; legal is one or more of them",
                           service->title);
        pil_check_service(c, service);
    }
}

static void check_routes(struct pil_check *c)
{
    struct pil_check_titles titles = {0};

    COLLECT(c, &titles, c->model->route, c->model->route_count, "route");
    free(titles.item);
    for (size_t i = 0; i < c->model->route_count; i++) {
        const struct pil_route *route = &c->model->route[i];

        if (pil_check_find(&c->service, route->title) == PIL_CHECK_NONE)
            dangling(c, route->at, "service", route->title, "the title of a route");
    }
}

static void check_inherits(struct pil_check *c)
{
    for (size_t i = 0; i < c->model->policy_count; i++) {
        const struct pil_strings *list = &c->model->policy[i].inherits;

        for (size_t k = 0; k < list->count; k++) {
            size_t parent = pil_check_find(&c->policy, list->item[k]);

            if (parent == PIL_CHECK_NONE)
                dangling(c, pil_check_item_at(list, k), "policy", list->item[k], "inherits");
            else if (parent != i)
                c->inherited[parent] = true;
        }
    }
}

static void check_rule_titles(struct pil_check *c, const struct pil_policy *policy)
{
    struct pil_check_titles titles = {0};

    COLLECT(c, &titles, policy->rule, policy->rule_count, "rule");
    free(titles.item);
}

static void warn_idle(struct pil_check *c, const struct pil_policy *policy)
{
    if (policy->rule_count == 0 && !policy->has_default && policy->inherits.count == 0)
        pil_diag_warning(c->diag, policy->at, "policy \"%s\" says nothing: it has no rule",
                         policy->title);
    else if (policy->stage == PIL_STAGE_OFF)
        pil_diag_warning(c->diag, policy->at,
                         "the rules of policy \"%s\" never apply: its stage is off", policy->title);
    else if (policy->rollout == 0)
        pil_diag_warning(c->diag, policy->at,
                         "the rules of policy \"%s\" never apply: its rollout is 0", policy->title);
}

static void check_policies(struct pil_check *c)
{
    size_t rules = 0;

    check_inherits(c);
    for (size_t i = 0; i < c->model->policy_count; i++) {
        const struct pil_policy *policy = &c->model->policy[i];

        if (policy->applies.count == 0 && !c->inherited[i] && !c->partial)
            pil_diag_error(c->diag, policy->at,
                           "policy \"%s\" applies to nobody and nobody inherits it; legal is "
                           "applies = {...}, or another policy that inherits it",
                           policy->title);
        check_references(c, &policy->applies, "applies");
        check_rule_titles(c, policy);
        if (!c->partial)
            warn_idle(c, policy);
        for (size_t k = 0; k < policy->rule_count; k++) {
            check_references(c, &policy->rule[k].subjects, "subjects");
            check_references(c, &policy->rule[k].when.peer, "peer");
            pil_check_rule(c, policy, &policy->rule[k]);
        }
        if (rules <= PIL_RULES_MAX && rules + policy->rule_count > PIL_RULES_MAX)
            pil_diag_error(c->diag, policy->at, "too many rules at policy \"%s\"; legal is %u",
                           policy->title, PIL_RULES_MAX);
        rules += policy->rule_count;
    }
}

static void check_all(struct pil_check *c)
{
    const struct pil_model *m = c->model;

    if (!c->partial) {
        check_top(c);
        check_workloads(c);
        check_services(c);
    }
    check_roles(c);
    check_routes(c);
    check_policies(c);
    pil_check_graphs(c);
    if (c->diag->errors > 0)
        return; /* reachability makes sense of a policy that means something */
    for (size_t i = 0; i < m->policy_count; i++)
        pil_check_reach(c, &m->policy[i]);
    if (c->budget == 0)
        pil_diag_warning(c->diag, (struct pil_at){0},
                         "too many rules to look for all that cannot be reached");
}

static int check_model(struct pil_check *c)
{
    const struct pil_model *model = c->model;
    unsigned before = c->diag->errors;

    COLLECT(c, &c->workload, model->workload, model->workload_count, "workload");
    COLLECT(c, &c->role, model->role, model->role_count, "role");
    COLLECT(c, &c->service, model->service, model->service_count, "service");
    COLLECT(c, &c->policy, model->policy, model->policy_count, "policy");
    c->inherited = calloc(model->policy_count + 1, sizeof(*c->inherited));
    if (!c->inherited)
        c->nomem = true;
    if (!c->nomem)
        check_all(c);
    if (c->nomem)
        pil_diag_error(c->diag, (struct pil_at){0}, "out of memory while checking a policy");
    free(c->workload.item);
    free(c->role.item);
    free(c->service.item);
    free(c->policy.item);
    free(c->inherited);
    if (c->nomem)
        return PIL_E_NOMEM;
    return c->diag->errors > before ? PIL_E_SYNTAX : PIL_OK;
}

int pil_check(const struct pil_model *model, struct pil_diag *diag)
{
    struct pil_check c = {.model = model, .diag = diag, .budget = BUDGET};

    return check_model(&c);
}

void pil_check_partial(const struct pil_model *model, struct pil_diag *diag)
{
    struct pil_check c = {.model = model, .diag = diag, .partial = true};

    (void)!check_model(&c);
}
