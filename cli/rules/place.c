#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "cli/rules/merge_parts.h"
#include "cli/rules/print.h"
#include "core/err.h"

/* ---- titles that are taken ------------------------------------------------------------------ */

struct names {
    const struct pil_merging *m;
    const struct pil_policy *policy; /* whose rules count; NULL: a new one */
};

#define TAKEN(kind)                                                                                \
    for (size_t i = 0; i < n->m->model.kind##_count; i++)                                          \
        if (strcmp(n->m->model.kind[i].title, title) == 0)                                         \
            return true;

static bool title_taken(void *cookie, const char *what, const char *title)
{
    const struct names *n = cookie;

    if (strcmp(what, "service") == 0)
        TAKEN(service)
    if (strcmp(what, "role") == 0)
        TAKEN(role)
    for (size_t i = 0; strcmp(what, "service") == 0 && i < n->m->title_count; i++)
        if (strcmp(n->m->titles[i], title) == 0)
            return true;
    for (size_t i = 0; strcmp(what, "rule") == 0 && n->policy && i < n->policy->rule_count; i++)
        if (strcmp(n->policy->rule[i].title, title) == 0)
            return true;
    return false;
}

static int keep_titles(struct pil_merging *m, const struct pil_draft *draft)
{
    char **grown = realloc(m->titles, (m->title_count + draft->services + 1) * sizeof(*grown));

    if (!grown)
        return PIL_E_NOMEM;
    m->titles = grown;
    for (size_t i = 0; i < draft->services; i++) {
        grown[m->title_count] = strdup(draft->service[i].title);
        if (!grown[m->title_count++])
            return PIL_E_NOMEM;
    }
    return PIL_OK;
}

/* A service that says neither more nor less, and asks for nothing besides. */
static const char *known_service(void *cookie, const struct pil_draft_list *endpoints)
{
    const struct names *n = cookie;

    for (size_t i = 0; i < n->m->model.service_count; i++) {
        const struct pil_service *s = &n->m->model.service[i];
        size_t same = 0;

        for (size_t k = 0; k < endpoints->count; k++)
            for (size_t e = 0; e < s->endpoints.count; e++)
                same += strcmp(s->endpoints.item[e], endpoints->item[k].text) == 0;
        if (same == endpoints->count && s->endpoints.count == same && !s->identity &&
            s->encrypt == PIL_ENCRYPT_UNSET)
            return s->title;
    }
    return NULL;
}

/* ---- telling -------------------------------------------------------------------------------- */

static void print_one(FILE *to, const struct pil_grant *g)
{
    char text[PIL_TEXT_MAX + 1];

    for (unsigned action = 1, more = 0; action < PIL_ACTION_COUNT; action++)
        if (g->actions & PIL_BIT(action))
            fprintf(to, "%s%s", more++ ? ", " : "", pil_action_name(action));
    snprintf(text, sizeof(text), "%s", g->resource);
    pil_out_clean(text);
    fprintf(to, " %s", text);
    if (g->source)
        fprintf(to, strcmp(pil_grant_keyword(g->source), "peer") == 0 ? ", peer %s" : " from %s",
                g->source);
}

void pil_place_tell(struct pil_merging *m, const struct pil_grants *grants,
                    const char *const *subject)
{
    for (size_t i = 0; i < grants->count; i++) {
        const struct pil_grant *g = &grants->item[i];
        const char *comma = "";

        m->added++;
        if (m->fresh)
            continue;
        fputs("  new: ", stderr);
        print_one(stderr, g);
        fputs(" (", stderr);
        for (uint64_t who = g->who; who; who &= who - 1, comma = ", ")
            fprintf(stderr, "%s%s", comma, subject[__builtin_ctzll(who)]);
        fputs(")\n", stderr);
    }
}

/* ---- an existing policy --------------------------------------------------------------------- */

static bool speaks_of(const struct pil_strings *list, const char *workload)
{
    for (size_t i = 0; i < list->count; i++)
        if (strncmp(list->item[i], "workload:", 9) == 0 && strcmp(list->item[i] + 9, workload) == 0)
            return true;
    return false;
}

size_t pil_place_policy(const struct pil_merging *m, const char *workload)
{
    size_t found = SIZE_MAX;
    struct pil_span span;

    for (size_t i = 0; i < m->model.policy_count; i++) {
        const struct pil_policy *p = &m->model.policy[i];

        if (p->stage == PIL_STAGE_OFF || p->rollout < 100 || !speaks_of(&p->applies, workload) ||
            !pil_edit_block(&m->edit, NULL, "policy", p->title, &span))
            continue;
        if (p->applies.count == 1)
            return i;
        if (found == SIZE_MAX)
            found = i;
    }
    return found;
}

static unsigned actions_of(const struct pil_rule *rule)
{
    unsigned actions = 0;

    for (size_t i = 0; i < rule->actions.count; i++)
        actions |= PIL_BIT(pil_action_parse(pil_slice_of(rule->actions.item[i])));
    return actions;
}

/* The rule is about this workload alone, or about all of a policy that is. */
static bool same_subject(const struct pil_rule *rule, const struct pil_policy *policy,
                         const char *workload)
{
    if (!rule->subjects.has)
        return policy->applies.count == 1;
    return rule->subjects.count == 1 && speaks_of(&rule->subjects, workload);
}

/* The list of a rule that new values of the draft's condition go to. */
static const struct pil_strings *list_for(const struct pil_when *when,
                                          const struct pil_draft_rule *draft)
{
    const char *keyword = pil_grant_keyword(draft->sources.item[0].text);

    return strcmp(keyword, "peer") == 0 ? &when->peer : &when->source;
}

/* It has that condition and no other. */
static bool only_condition(const struct pil_when *when, const struct pil_strings *list)
{
    return list->count > 0 && when->source.count + when->peer.count == list->count &&
           !when->has_hours && !when->has_days && !when->has_uids && when->caller.count == 0;
}

static bool same_resources(const struct pil_rule *rule, const struct pil_draft_rule *draft)
{
    size_t same = 0;

    for (size_t i = 0; i < draft->resources.count; i++)
        for (size_t k = 0; k < rule->resources.count; k++)
            same += strcmp(rule->resources.item[k], draft->resources.item[i].text) == 0;
    return same == draft->resources.count && same == rule->resources.count;
}

/* Values can be added to this rule without changing what it says of others. */
static bool takes_more(const struct pil_rule *rule, const struct pil_policy *policy,
                       const char *workload, const struct pil_draft_rule *draft)
{
    if (!rule->has_effect || rule->effect != PIL_ALLOW || rule->rate.has || !rule->actions.has ||
        !rule->resources.has || actions_of(rule) != draft->actions ||
        !same_subject(rule, policy, workload))
        return false;
    if (draft->sources.count == 0)
        return !rule->when.has;
    return rule->when.has && only_condition(&rule->when, list_for(&rule->when, draft)) &&
           same_resources(rule, draft);
}

static bool has_value(const struct pil_strings *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->item[i], text) == 0)
            return true;
    return false;
}

static int add_values(struct pil_merging *m, const struct pil_span *list,
                      const struct pil_strings *there, const struct pil_draft_list *more)
{
    int error = PIL_OK;

    for (size_t i = 0; !error && i < more->count; i++)
        if (!has_value(there, more->item[i].text))
            error = pil_edit_add_value(&m->edit, list, &more->item[i]);
    return error;
}

/* True when the rule could take it. */
static bool extend(struct pil_merging *m, const struct pil_span *policy,
                   const struct pil_rule *rule, const struct pil_draft_rule *draft, int *error)
{
    struct pil_span in_rule, when, list;

    if (!pil_edit_block(&m->edit, policy, "rule", rule->title, &in_rule))
        return false;
    if (draft->sources.count == 0) {
        if (!pil_edit_list(&m->edit, &in_rule, "resources", &list))
            return false;
        *error = add_values(m, &list, &rule->resources, &draft->resources);
        return true;
    }
    if (!pil_edit_block(&m->edit, &in_rule, "when", NULL, &when) ||
        !pil_edit_list(&m->edit, &when, pil_grant_keyword(draft->sources.item[0].text), &list))
        return false;
    *error = add_values(m, &list, list_for(&rule->when, draft), &draft->sources);
    return true;
}

static char *rule_text(const struct pil_draft *draft, const struct pil_draft_rule *rule, int indent)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    if (!to)
        return NULL;
    fputc('\n', to);
    pil_print_rule(to, indent, draft, rule);
    return fclose(to) ? NULL : text;
}

static int place_rule(struct pil_merging *m, const struct pil_policy *policy,
                      const struct pil_span *span, const char *workload,
                      const struct pil_draft *draft, const struct pil_draft_rule *rule)
{
    int error = PIL_OK;
    char *text;

    for (size_t i = 0; i < policy->rule_count; i++)
        if (takes_more(&policy->rule[i], policy, workload, rule) &&
            extend(m, span, &policy->rule[i], rule, &error))
            return error;
    text = rule_text(draft, rule, pil_edit_indent(&m->edit, span));
    error = text ? pil_edit_add_text(&m->edit, span, text) : PIL_E_NOMEM;
    free(text);
    return error;
}

static int append_services(struct pil_merging *m, const struct pil_draft *draft)
{
    int error = PIL_OK;

    for (size_t i = 0; !error && i < draft->services; i++) {
        char *text = NULL;
        size_t len;
        FILE *to = draft->service[i].known ? NULL : open_memstream(&text, &len);

        if (draft->service[i].known)
            continue;
        if (!to)
            return PIL_E_NOMEM;
        fputc('\n', to);
        pil_print_service(to, &draft->service[i]);
        error = fclose(to) ? PIL_E_NOMEM : pil_edit_append(&m->edit, text);
        free(text);
    }
    return error;
}

int pil_place_into(struct pil_merging *m, size_t policy, const char *workload,
                   const struct pil_grants *grants)
{
    const struct pil_policy *p = &m->model.policy[policy];
    struct names names = {m, p};
    struct pil_draft draft = {
        .title = p->title,
        .subject = &workload,
        .all = p->applies.count == 1,
        .taken = title_taken,
        .known = known_service,
        .cookie = &names,
    };
    struct pil_span span;
    int error = pil_draft_make(&draft, grants);

    if (error || !pil_edit_block(&m->edit, NULL, "policy", p->title, &span))
        return error ? error : PIL_E_INTERNAL;
    error = append_services(m, &draft);
    if (!error)
        error = keep_titles(m, &draft);
    for (size_t i = 0; !error && i < draft.rules; i++)
        error = place_rule(m, p, &span, workload, &draft, &draft.rule[i]);
    if (!error)
        error = pil_edit_raise_version(&m->edit, &span);
    pil_draft_free(&draft);
    return error;
}

/* ---- a new policy --------------------------------------------------------------------------- */

static char *policy_title(const struct pil_merging *m)
{
    char *base = pil_draft_title(m->wishes->title), *out = base ? strdup(base) : NULL;

    for (unsigned n = 2; out; n++) {
        size_t i = 0;

        while (i < m->model.policy_count && strcmp(m->model.policy[i].title, out) != 0)
            i++;
        if (i == m->model.policy_count)
            break;
        free(out);
        if (asprintf(&out, "%.*s-%u", (int)PIL_TITLE_MAX - 8, base, n) < 0)
            out = NULL;
    }
    free(base);
    return out;
}

static void print_policy(FILE *to, const struct pil_merging *m, const struct pil_draft *draft)
{
    fprintf(to, "\npolicy \"%s\" {\n", draft->title);
    if (m->wishes->owner) {
        fputs("    owner   = ", to);
        pil_print_quoted(to, m->wishes->owner);
        fputc('\n', to);
    }
    fputs("    version = 1\n    default = deny\n    applies = {", to);
    pil_print_subjects(to, draft, draft->all);
    fputs("}\n", to);
    for (size_t i = 0; i < draft->rules; i++) {
        fputc('\n', to);
        pil_print_rule(to, 4, draft, &draft->rule[i]);
    }
    fputs("}\n", to);
}

static int print_new(struct pil_merging *m, const struct pil_who_list *who, uint64_t titled,
                     const struct pil_draft *draft)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    int error;

    if (!to)
        return PIL_E_NOMEM;
    fputc('\n', to);
    for (size_t i = 0; i < who->count; i++)
        if (!(titled >> i & 1))
            pil_print_workload(to, &who->item[i]);
    for (size_t i = 0; i < draft->roles; i++)
        pil_print_role(to, draft, &draft->role[i]);
    for (size_t i = 0; i < draft->services; i++)
        if (!draft->service[i].known) {
            fputc('\n', to);
            pil_print_service(to, &draft->service[i]);
        }
    print_policy(to, m, draft);
    error = fclose(to) ? PIL_E_NOMEM : pil_edit_append(&m->edit, text);
    free(text);
    return error;
}

int pil_place_new(struct pil_merging *m, const struct pil_who_list *who, uint64_t titled,
                  const struct pil_grants *grants)
{
    const char *subject[PIL_WHO_MAX];
    struct names names = {m, NULL};
    char *title = policy_title(m);
    struct pil_draft draft = {
        .title = title,
        .subject = subject,
        .all = who->count == PIL_WHO_MAX ? UINT64_MAX : (UINT64_C(1) << who->count) - 1,
        .taken = title_taken,
        .known = known_service,
        .cookie = &names,
    };
    int error;

    if (!title)
        return PIL_E_NOMEM;
    for (size_t i = 0; i < who->count; i++)
        subject[i] = who->item[i].title;
    error = pil_draft_make(&draft, grants);
    if (!error)
        error = print_new(m, who, titled, &draft);
    pil_draft_free(&draft);
    free(title);
    return error;
}
