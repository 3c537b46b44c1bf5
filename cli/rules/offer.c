#include "cli/rules/offer.h"

#include <stdlib.h>
#include <string.h>

#include "cli/rules/draft.h"
#include "cli/rules/print.h"
#include "core/err.h"

/* One policy's share. */
struct group {
    const struct pil_seen_list *seen;
    const struct pil_image *image;
    const char *policy;
    const char *subject[PIL_WHO_MAX]; /* workloads; "" is none */
    unsigned subjects;
    uint64_t nobody; /* the bit of "" */
    struct pil_grants grants;
};

/* What is denied because there is no policy, say, is beyond the reach of rules. */
static bool would_deny(const struct pil_seen *seen)
{
    return seen->shadow == PIL_SHADOW_WOULD_DENY &&
           (*seen->shadow_rule || pil_seen_lacks_rule(seen));
}

static bool rule_taken(void *cookie, const char *kind, const char *title)
{
    const struct group *g = cookie;
    struct pil_image_counts n = {0};

    if (strcmp(kind, "rule") != 0 || !g->image)
        return false;
    pil_image_count(g->image, &n);
    for (uint32_t i = 0; i < n.rules; i++)
        if (strcmp(pil_image_rule_name(g->image, i), title) == 0 &&
            strcmp(pil_image_policy_name(g->image, pil_image_rule_policy(g->image, i)),
                   g->policy) == 0)
            return true;
    return false;
}

static void print_denied(FILE *to, const struct pil_seen *seen)
{
    char text[PIL_SEEN_TEXT];

    pil_seen_print(seen, text);
    fprintf(to, "# rule \"%s\" denies %s %s, %llu times: no other rule can allow it\n",
            seen->shadow_rule, pil_action_name(seen->action), text,
            (unsigned long long)seen->times.count);
}

static unsigned subject_of(struct group *g, const char *workload)
{
    for (unsigned i = 0; i < g->subjects; i++)
        if (strcmp(g->subject[i], workload) == 0)
            return i;
    if (g->subjects == PIL_WHO_MAX)
        return PIL_WHO_MAX;
    g->subject[g->subjects] = workload;
    if (!*workload)
        g->nobody = UINT64_C(1) << g->subjects;
    return g->subjects++;
}

static int take(struct group *g, FILE *to, const struct pil_seen *seen,
                const struct pil_shape *shape)
{
    unsigned who;
    int error;

    if (*seen->shadow_rule) {
        print_denied(to, seen);
        return PIL_OK;
    }
    who = subject_of(g, seen->workload);
    if (who == PIL_WHO_MAX) {
        fprintf(to, "# more than %u workloads; the rest is left out\n", PIL_WHO_MAX);
        return PIL_OK;
    }
    error = pil_grants_add(&g->grants, shape, seen, who);
    if (error == PIL_E_NOTFOUND)
        fputs("# sockets of another family: only a rule for everything allows them\n", to);
    return error == PIL_E_NOTFOUND ? PIL_OK : error;
}

/* What is done by programs that are no workload can only be allowed to everyone, and then nobody
 * has to be named any more. */
static void open_to_everyone(struct group *g, uint64_t everyone)
{
    for (size_t i = 0; i < g->grants.count; i++)
        if (g->grants.item[i].who & g->nobody)
            g->grants.item[i].who = everyone;
}

static int print_group(FILE *to, struct group *g)
{
    struct pil_draft draft = {
        .title = g->policy,
        .subject = g->subject,
        .all = g->nobody ? UINT64_MAX : 0,
        .taken = rule_taken,
        .cookie = g,
        .no_services = true,
    };
    int error;

    open_to_everyone(g, draft.all);
    pil_grants_settle(&g->grants);
    error = pil_draft_make(&draft, &g->grants);
    if (error)
        return error;
    for (size_t i = 0; i < draft.roles; i++) {
        fputs("# outside of the policy: ", to);
        pil_print_role(to, &draft, &draft.role[i]);
    }
    if (g->nobody)
        fputs("# without subjects: some of the programs are no workload, so these hold for\n"
              "# everyone the policy applies to\n",
              to);
    for (size_t i = 0; i < draft.rules; i++)
        pil_print_rule(to, 4, &draft, &draft.rule[i]);
    pil_draft_free(&draft);
    return PIL_OK;
}

static int offer_one(FILE *to, const struct pil_seen_list *seen, const char *policy,
                     const struct pil_shape *shape, const struct pil_image *image)
{
    struct group g = {.seen = seen, .image = image, .policy = policy};
    int error = PIL_OK;

    if (*policy)
        fprintf(to, "# for policy \"%s\":\n", policy);
    else
        fputs("# for a policy of its own (the default outside of all policies would deny):\n", to);
    for (size_t i = 0; !error && i < seen->count; i++)
        if (would_deny(&seen->item[i]) && strcmp(seen->item[i].shadow_policy, policy) == 0)
            error = take(&g, to, &seen->item[i], shape);
    if (!error && g.grants.count > 0)
        error = print_group(to, &g);
    pil_grants_free(&g.grants);
    return error;
}

/* Told already, with an earlier one of that policy. */
static bool is_first(const struct pil_seen_list *seen, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (would_deny(&seen->item[k]) &&
            strcmp(seen->item[k].shadow_policy, seen->item[i].shadow_policy) == 0)
            return false;
    return true;
}

int pil_offer(FILE *to, const struct pil_seen_list *seen, const struct pil_shape *shape,
              const struct pil_image *image)
{
    int error = PIL_OK;

    for (size_t i = 0; !error && i < seen->count; i++)
        if (would_deny(&seen->item[i]) && is_first(seen, i))
            error = offer_one(to, seen, seen->item[i].shadow_policy, shape, image);
    return error;
}
