#include "cli/explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "conf/policy.h"
#include "core/err.h"
#include "core/eval.h"

struct step {
    uint32_t rule, policy;
    enum pil_step outcome;
    uint8_t fits, effect;
    bool shadow;
    char *wanted;
};

struct told {
    const struct pil_image *img;
    const struct pil_subject *who;
    const struct pil_query *query;
    struct pil_verdict verdict;
    struct step *step;
    size_t count, room;
    bool failed;
};

static void take_step(void *cookie, const struct pil_eval_step *from)
{
    struct told *t = cookie;

    if (t->count == t->room) {
        size_t room = t->room ? t->room * 2 : 64;
        struct step *grown = realloc(t->step, room * sizeof(*grown));

        if (!grown) {
            t->failed = true;
            return;
        }
        t->step = grown;
        t->room = room;
    }
    t->step[t->count++] = (struct step){
        .rule = from->rule,
        .policy = from->policy,
        .outcome = from->outcome,
        .fits = from->fits,
        .effect = from->effect,
        .shadow = from->shadow,
        .wanted = from->wanted && *from->wanted ? strdup(from->wanted) : NULL,
    };
}

/* Counts for the decision: an allow rule also when its peer is still to come. */
static bool counts(const struct step *s)
{
    return s->outcome == PIL_STEP_MATCH || (s->outcome == PIL_STEP_LATER && s->effect == PIL_ALLOW);
}

/* Matching rules first, then the nearest, then the image's own order. */
static int nearer(const void *a, const void *b)
{
    const struct step *x = a, *y = b;
    bool x_matches = counts(x), y_matches = counts(y);

    if (x_matches != y_matches)
        return x_matches ? -1 : 1;
    if (x->fits != y->fits)
        return x->fits > y->fits ? -1 : 1;
    return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static void forget_steps(struct told *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->step[i].wanted);
    free(t->step);
    t->step = NULL;
    t->count = t->room = 0;
}

/* How many of the sorted steps are worth showing: what matched, and the nearest of the rest. */
static size_t worth(const struct told *t, bool all)
{
    size_t matches = 0;

    while (matches < t->count && counts(&t->step[matches]))
        matches++;
    if (all || t->count - matches <= PIL_EXPLAIN_NEAREST)
        return t->count;
    return matches + PIL_EXPLAIN_NEAREST;
}

static void place_text(struct pil_place place, char *buf, size_t len)
{
    if (place.file && *place.file)
        snprintf(buf, len, "%s:%u", place.file, (unsigned)place.line);
    else
        snprintf(buf, len, "-");
}

static const char *workload_of(const struct told *t)
{
    return pil_image_workload_name(t->img, t->who->workload);
}

/* What the program gets: an errno, or what getaddrinfo returns; "" when it is allowed. */
static const char *error_name(const struct told *t)
{
    int code = pil_verdict_errno(&t->verdict, t->query->action);

    if (code == 0)
        return "";
    return t->query->action == PIL_ACTION_RESOLVE ? "EAI_FAIL" : strerrorname_np(code);
}

/* ---- for people ----------------------------------------------------------------------------- */

static void print_decider(const struct told *t, const char *label, uint8_t reason, uint32_t policy,
                          uint32_t rule)
{
    char place[PIL_TEXT_MAX + 16];

    printf("  %-9s ", label);
    if (reason == PIL_REASON_UNENCRYPTED) {
        puts("the service that is reached");
        return;
    }
    if (policy == PIL_NO_INDEX) {
        place_text(pil_image_default_place(t->img), place, sizeof(place));
        printf("mesh-wide default (%s)\n", place);
        return;
    }
    place_text(rule != PIL_NO_INDEX ? pil_image_rule_place(t->img, rule)
                                    : pil_image_policy_place(t->img, policy),
               place, sizeof(place));
    printf("policy \"%s\" ", pil_image_policy_name(t->img, policy));
    if (rule != PIL_NO_INDEX)
        printf("rule \"%s\"", pil_image_rule_name(t->img, rule));
    else
        printf("default");
    printf(" (%s), version %u\n", place, (unsigned)pil_image_policy_version(t->img, policy));
}

static void print_steps(const struct told *t, bool all)
{
    size_t shown = worth(t, all);
    struct pil_table table;
    char place[PIL_TEXT_MAX + 16];

    if (shown == 0)
        return;
    puts("\nrules, nearest first:");
    pil_table_init(&table, 5);
    pil_table_add(&table, "  RULE");
    pil_table_add(&table, "SAYS");
    pil_table_add(&table, "HERE");
    pil_table_add(&table, "WANTED");
    pil_table_add(&table, "PLACE");
    for (size_t i = 0; i < shown; i++) {
        const struct step *s = &t->step[i];

        place_text(pil_image_rule_place(t->img, s->rule), place, sizeof(place));
        pil_table_add(&table, "  %s/%s", pil_image_policy_name(t->img, s->policy),
                      pil_image_rule_name(t->img, s->rule));
        pil_table_add(&table, "%s%s", pil_effect_name(s->effect), s->shadow ? " (shadow)" : "");
        pil_table_add(&table, "%s", pil_step_text(s->outcome));
        pil_table_add(&table, "%s", s->wanted ? s->wanted : "-");
        pil_table_add(&table, "%s", place);
    }
    pil_table_print(&table, stdout);
    if (shown < t->count)
        printf("  and %zu more; --all shows them\n", t->count - shown);
}

static void print_identity(void *cookie, const char *identity)
{
    (void)cookie;
    printf("  server    %s\n", identity);
}

/* What comes besides the verdict: the encryption, and who must be there. */
static void print_encryption(const struct told *t)
{
    if (t->verdict.encrypt == PIL_ENCRYPT_UNSET)
        return;
    printf("  encrypt   %s\n", pil_encrypt_name(t->verdict.encrypt));
    if (t->query->action == PIL_ACTION_CONNECT)
        pil_eval_identities(t->img, t->query, print_identity, NULL);
    if (t->query->flags & PIL_QUERY_PEER_LATER)
        puts("  peer      is asked about once more after the handshake");
}

static void print_text(const struct told *t, const char *resource, bool all)
{
    const struct pil_verdict *v = &t->verdict;

    printf("%s: %s ", pil_effect_name(v->effect), pil_action_name(t->query->action));
    pil_out_text(stdout, resource);
    printf(" as %s, uid %u\n", *workload_of(t) ? workload_of(t) : "the workload without a name",
           (unsigned)t->who->uid);
    printf("  reason    %s (%s)\n", pil_reason_text(v->reason), pil_reason_name(v->reason));
    print_decider(t, "decided", v->reason, v->policy, v->rule);
    if (*error_name(t))
        printf("  error     %s\n", error_name(t));
    print_encryption(t);
    if (v->shadow != PIL_SHADOW_NONE) {
        printf("  shadow    %s: %s\n", pil_shadow_name(v->shadow),
               pil_reason_text(v->shadow_reason));
        print_decider(t, "", v->shadow_reason, v->shadow_policy, v->shadow_rule);
    }
    print_steps(t, all);
}

/* ---- for programs --------------------------------------------------------------------------- */

static json_t *place_json(struct pil_place place)
{
    if (!place.file || !*place.file)
        return json_null();
    return json_pack("{s:o, s:I}", "file", pil_out_json_text(place.file), "line",
                     (json_int_t)place.line);
}

static json_t *decider_json(const struct told *t, uint32_t policy, uint32_t rule)
{
    json_t *out = json_object();

    if (policy == PIL_NO_INDEX) {
        json_object_set_new(out, "policy", json_null());
        json_object_set_new(out, "place",
                            t->verdict.reason == PIL_REASON_UNENCRYPTED
                                ? json_null()
                                : place_json(pil_image_default_place(t->img)));
        return out;
    }
    json_object_set_new(out, "policy", pil_out_json_text(pil_image_policy_name(t->img, policy)));
    json_object_set_new(out, "owner", pil_out_json_text(pil_image_policy_owner(t->img, policy)));
    json_object_set_new(out, "version", json_integer(pil_image_policy_version(t->img, policy)));
    json_object_set_new(
        out, "rule",
        rule == PIL_NO_INDEX ? json_null() : pil_out_json_text(pil_image_rule_name(t->img, rule)));
    json_object_set_new(out, "place",
                        place_json(rule == PIL_NO_INDEX ? pil_image_policy_place(t->img, policy)
                                                        : pil_image_rule_place(t->img, rule)));
    return out;
}

static json_t *step_json(const struct told *t, const struct step *s)
{
    json_t *out = decider_json(t, s->policy, s->rule);

    json_object_set_new(out, "effect", json_string(pil_effect_name(s->effect)));
    json_object_set_new(out, "shadow", json_boolean(s->shadow));
    json_object_set_new(out, "matches", json_boolean(counts(s)));
    json_object_set_new(out, "here", json_string(pil_step_text(s->outcome)));
    json_object_set_new(out, "wanted", s->wanted ? pil_out_json_text(s->wanted) : json_null());
    json_object_set_new(out, "fits", json_integer(s->fits));
    return out;
}

static void add_identity(void *cookie, const char *identity)
{
    json_array_append_new(cookie, pil_out_json_text(identity));
}

static json_t *identities_json(const struct told *t)
{
    json_t *out = json_array();

    if (t->query->action == PIL_ACTION_CONNECT)
        pil_eval_identities(t->img, t->query, add_identity, out);
    return out;
}

static void print_json(const struct told *t, const char *resource, const json_t *addresses,
                       bool all)
{
    const struct pil_verdict *v = &t->verdict;
    size_t shown = worth(t, all);
    json_t *rules = json_array(), *out;

    for (size_t i = 0; i < shown; i++)
        json_array_append_new(rules, step_json(t, &t->step[i]));
    out = json_pack("{s:o, s:I, s:s, s:o, s:s, s:s, s:s, s:o, s:s, s:I, s:s, s:O, s:o}", "workload",
                    pil_out_json_text(workload_of(t)), "uid", (json_int_t)t->who->uid, "action",
                    pil_action_name(t->query->action), "resource", pil_out_json_text(resource),
                    "verdict", pil_effect_name(v->effect), "reason", pil_reason_name(v->reason),
                    "reason_text", pil_reason_text(v->reason), "decided",
                    decider_json(t, v->policy, v->rule), "error", error_name(t), "ttl_ms",
                    (json_int_t)v->ttl_ms, "shadow_verdict", pil_shadow_name(v->shadow),
                    "addresses", addresses, "rules", rules);
    json_object_set_new(out, "encrypt", json_string(pil_encrypt_name(v->encrypt)));
    json_object_set_new(out, "identities", identities_json(t));
    if (v->shadow != PIL_SHADOW_NONE) {
        json_object_set_new(out, "shadow_reason", json_string(pil_reason_name(v->shadow_reason)));
        json_object_set_new(out, "shadow_decided",
                            decider_json(t, v->shadow_policy, v->shadow_rule));
    }
    pil_out_json(stdout, out, true);
    json_decref(out);
}

/* ---- asking --------------------------------------------------------------------------------- */

static unsigned bucket_of(const char *host_id)
{
    char text[128] = "";
    FILE *file;

    if (host_id)
        return pil_host_bucket(host_id);
    file = fopen("/etc/machine-id", "re");
    if (file) {
        if (!fgets(text, sizeof(text), file))
            text[0] = '\0';
        fclose(file);
    }
    text[strcspn(text, "\n")] = '\0';
    return pil_host_bucket(text);
}

/* The world as policyd sees it; *offsets is the caller's to free. */
static int make_env(const struct pil_image *img, const struct pil_explain_env *from,
                    int32_t **offsets, struct pil_eval_env *out)
{
    uint32_t zones = pil_image_zones(img);

    *offsets = calloc(zones + 1u, sizeof(**offsets));
    if (!*offsets) {
        pil_cli_error("out of memory");
        return PIL_E_NOMEM;
    }
    *out = (struct pil_eval_env){.now = from->now,
                                 .zone_offset = *offsets,
                                 .zone_count = zones,
                                 .host_bucket = (uint8_t)bucket_of(from->host_id),
                                 .ttl_ms = PIL_VERDICT_TTL_MS};
    if (pil_zone_offsets(img, from->now, *offsets)) {
        pil_cli_error("note: a time zone of the policy is unknown here; its hours cannot be seen");
        out->zone_count = 0;
    }
    return PIL_OK;
}

/* The query that is explained: the first that is refused, else the first. */
static unsigned judge_all(const struct pil_image *img, const struct pil_subject *who,
                          const struct pil_question *question, const struct pil_eval_env *env,
                          json_t *addresses)
{
    unsigned chosen = UINT32_MAX;

    for (unsigned i = 0; i < question->count; i++) {
        struct pil_verdict v;
        char ip[PIL_IP_TEXT];

        pil_eval(img, who, &question->query[i], env, &v);
        if (chosen == UINT32_MAX && v.effect != PIL_ALLOW)
            chosen = i;
        if (question->query[i].kind != PIL_KIND_INET || question->no_address)
            continue;
        pil_ip_print(&question->query[i].ip, ip);
        json_array_append_new(addresses, json_pack("{s:s, s:s}", "address", ip, "verdict",
                                                   pil_effect_name(v.effect)));
    }
    return chosen == UINT32_MAX ? 0 : chosen;
}

static void resource_text(const struct pil_question *question, const struct pil_query *q, char *buf,
                          size_t len)
{
    struct pil_text text;

    pil_text_init(&text, buf, len);
    if (question->no_address) {
        pil_text_add(&text, question->text);
        pil_text_add(&text, " (no address known here)");
    } else {
        pil_query_print(q, &text);
    }
}

static void print_differing(const json_t *addresses)
{
    const json_t *one;
    size_t i;

    if (json_array_size(addresses) < 2)
        return;
    puts("\naddresses of the name:");
    json_array_foreach(addresses, i, one)
        printf("  %-40s %s\n", pil_out_string(one, "address"), pil_out_string(one, "verdict"));
}

int pil_explain(const struct pil_image *img, const struct pil_subject *who,
                const struct pil_question *question, const struct pil_explain_env *env, bool json)
{
    struct told t = {.img = img, .who = who};
    char resource[PIL_TEXT_MAX + 64];
    json_t *addresses = json_array();
    struct pil_eval_env world;
    int32_t *offsets;

    if (make_env(img, env, &offsets, &world)) {
        json_decref(addresses);
        return PIL_EXIT_FAILED;
    }
    t.query = &question->query[judge_all(img, who, question, &world, addresses)];
    pil_eval_explain(img, who, t.query, &world, &t.verdict, take_step, &t);
    if (t.count > 0)
        qsort(t.step, t.count, sizeof(*t.step), nearer);
    resource_text(question, t.query, resource, sizeof(resource));
    if (t.failed)
        pil_cli_error("out of memory: the list of rules is not whole");
    if (json) {
        print_json(&t, resource, addresses, env->all);
    } else {
        print_text(&t, resource, env->all);
        print_differing(addresses);
    }
    forget_steps(&t);
    free(offsets);
    json_decref(addresses);
    return t.verdict.effect == PIL_ALLOW ? PIL_EXIT_OK : PIL_EXIT_NO;
}
