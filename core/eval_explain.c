/*
 * The same decision for people: every rule in turn, with the first thing that did not fit.
 *
 * Looks at the rules themselves and not at the index, so that tests can hold one against the
 * other.
 */
#include "core/eval_parts.h"

#include "core/glob.h"

#define WANTED_MAX 512 /* bytes of what a rule asks for; longer lists are cut */

static const char *const step_texts[] = {
    [PIL_STEP_MATCH] = "matches",
    [PIL_STEP_UNSEEN] = "a condition cannot be seen here",
    [PIL_STEP_STAGE] = "its policy is off, or not rolled out to this host",
    [PIL_STEP_SUBJECT] = "it is for other workloads",
    [PIL_STEP_ACTION] = "it is for other actions",
    [PIL_STEP_RESOURCE] = "it is for other addresses, names or paths",
    [PIL_STEP_PORT] = "it is for other ports",
    [PIL_STEP_SOURCE] = "the peer is not from there",
    [PIL_STEP_HOURS] = "it does not hold at this hour",
    [PIL_STEP_DAYS] = "it does not hold on this day",
    [PIL_STEP_UID] = "it is for other users",
    [PIL_STEP_CALLER] = "it is for other callers",
    [PIL_STEP_PEER] = "it is for other peers",
    [PIL_STEP_LATER] = "the peer is known only after a handshake",
};

const char *pil_step_text(enum pil_step step)
{
    return (unsigned)step < PIL_NELEM(step_texts) ? step_texts[step] : "unknown";
}

/* ---- what a rule asks for -------------------------------------------------------------------- */

static void put_item(struct pil_text *out, const char *text)
{
    if (out->len > 0)
        pil_text_add(out, ", ");
    pil_text_add(out, text);
}

static void put_list(const struct pil_layout_head *h, const struct pil_layout_span *span,
                     struct pil_text *out)
{
    for (uint32_t i = 0; i < span->count; i++)
        put_item(out, pil_layout_text(h, pil_layout_lists(h)[span->first + i]));
}

static void put_minute(struct pil_text *out, unsigned minute)
{
    pil_text_add(out, minute / 60 < 10 ? "0" : "");
    pil_text_add_u64(out, minute / 60);
    pil_text_add(out, minute % 60 < 10 ? ":0" : ":");
    pil_text_add_u64(out, minute % 60);
}

static void put_time(const struct pil_layout_head *h, const struct pil_layout_when *w,
                     enum pil_step step, struct pil_text *out)
{
    static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

    if (step == PIL_STEP_HOURS) {
        put_minute(out, w->low);
        pil_text_add(out, "-");
        put_minute(out, w->high);
    }
    for (unsigned i = 0; step == PIL_STEP_DAYS && i < 7; i++)
        if (w->days >> i & 1)
            put_item(out, days[i]);
    pil_text_add(out, " ");
    pil_text_add(out, pil_layout_text(h, pil_layout_zones(h)[w->zone]));
}

static void put_source(const struct pil_layout_head *h, const struct pil_layout_when *w,
                       struct pil_text *out)
{
    for (uint32_t i = 0; i < w->source.count; i++) {
        const struct pil_layout_prefix *p = pil_layout_prefixes(h) + w->source.first + i;
        uint64_t word[2] = {__builtin_bswap64(p->hi), __builtin_bswap64(p->lo)};
        struct pil_prefix prefix = {.bits = p->bits};

        memcpy(prefix.ip.octet, word, sizeof(word));
        put_item(out, "");
        pil_prefix_print(&prefix, out);
    }
}

static void put_uids(const struct pil_layout_head *h, const struct pil_layout_when *w,
                     struct pil_text *out)
{
    for (uint32_t i = 0; i < w->uid.count; i++) {
        put_item(out, "");
        pil_text_add_u64(out, pil_layout_lists(h)[w->uid.first + i]);
    }
}

static void put_actions(unsigned mask, struct pil_text *out)
{
    for (unsigned i = 1; i < PIL_ACTION_COUNT; i++)
        if (mask >> i & 1)
            put_item(out, pil_action_name(i));
}

/* Fields that the question does not carry, of those the rule asks for. */
static void put_unseen(const struct pil_eval_asked *a, const struct pil_layout_when *w,
                       struct pil_text *out)
{
    if ((w->flags & PIL_LAYOUT_WHEN_SOURCE) && !(a->q->seen & PIL_FIELD_SOURCE))
        put_item(out, "source");
    if ((w->flags & PIL_LAYOUT_WHEN_CALLER) && !(a->q->seen & PIL_FIELD_CALLER))
        put_item(out, "caller");
    if ((w->flags & PIL_LAYOUT_WHEN_PEER) && !(a->q->seen & PIL_FIELD_PEER) && !a->peer_later)
        put_item(out, "peer");
    if ((w->flags & (PIL_LAYOUT_WHEN_HOURS | PIL_LAYOUT_WHEN_DAYS)) &&
        a->env->zone_count != pil_layout_count(a->head, PIL_LAYOUT_ZONES))
        put_item(out, "time");
    if (out->len == 0)
        put_item(out, "host name");
}

static void put_stage(const struct pil_layout_policy *p, struct pil_text *out)
{
    if (p->stage == PIL_STAGE_OFF) {
        pil_text_add(out, "stage = off");
        return;
    }
    pil_text_add(out, "rollout = ");
    pil_text_add_u64(out, p->rollout);
}

static void put_wanted(const struct pil_eval_asked *a, const struct pil_layout_rule *r,
                       enum pil_step step, struct pil_text *out)
{
    const struct pil_layout_head *h = a->head;
    const struct pil_layout_when *w = pil_layout_whens(h) + r->when;
    const struct pil_layout_policy *p = pil_layout_policies(h) + r->policy;

    switch (step) {
    case PIL_STEP_MATCH:
        return;
    case PIL_STEP_UNSEEN:
        put_unseen(a, w, out);
        return;
    case PIL_STEP_STAGE:
        put_stage(p, out);
        return;
    case PIL_STEP_SUBJECT:
        put_list(h, r->flags & PIL_LAYOUT_HAS_SUBJECTS ? &r->subjects : &p->applies, out);
        return;
    case PIL_STEP_ACTION:
        put_actions(r->actions, out);
        return;
    case PIL_STEP_RESOURCE:
    case PIL_STEP_PORT:
        put_list(h, &r->resources, out);
        return;
    case PIL_STEP_SOURCE:
        put_source(h, w, out);
        return;
    case PIL_STEP_HOURS:
    case PIL_STEP_DAYS:
        put_time(h, w, step, out);
        return;
    case PIL_STEP_UID:
        put_uids(h, w, out);
        return;
    case PIL_STEP_CALLER:
        put_list(h, &w->caller, out);
        return;
    case PIL_STEP_PEER:
    case PIL_STEP_LATER:
        put_list(h, &w->peer, out);
        return;
    }
}

/* ---- does it fit ----------------------------------------------------------------------------- */

static bool name_fits(const struct pil_slice want, bool below, const struct pil_slice have)
{
    size_t more = have.len - want.len;

    if (!below)
        return pil_slice_equal(want, have);
    return have.len > want.len + 1 && have.at[more - 1] == '.' &&
           memcmp(have.at + more, want.at, want.len) == 0;
}

static bool path_fits(const struct pil_slice want, bool pattern, const struct pil_slice have)
{
    return pattern ? pil_glob_match(want, have, true) : pil_slice_equal(want, have);
}

/* Address, name or path; ports apart. */
static bool target_fits(const struct pil_eval_asked *a, const struct pil_layout_resource *r)
{
    const struct pil_query *q = a->q;
    struct pil_slice text = pil_slice_of(pil_layout_text(a->head, r->text));
    uint64_t hi, lo;

    switch (r->kind) {
    case PIL_KIND_INET:
        pil_layout_ip(&q->ip, &hi, &lo);
        pil_layout_mask_ip(r->bits, &hi, &lo);
        return q->kind == PIL_KIND_INET && q->action != PIL_ACTION_RESOLVE && hi == r->hi &&
               lo == r->lo;
    case PIL_KIND_UNIX:
        return q->kind == PIL_KIND_UNIX && q->action != PIL_ACTION_RESOLVE &&
               path_fits(text, r->wildcard, q->name);
    case PIL_KIND_NAME:
        return q->kind != PIL_KIND_UNIX && q->name.len > 0 &&
               (q->kind == PIL_KIND_NAME || (q->seen & PIL_FIELD_NAME)) &&
               name_fits(text, r->wildcard, q->name);
    default:
        return true;
    }
}

static bool target_port_fits(const struct pil_eval_asked *a, const struct pil_layout_resource *r)
{
    if (r->kind == PIL_KIND_NONE || r->kind == PIL_KIND_UNIX || a->q->action == PIL_ACTION_RESOLVE)
        return true;
    return a->q->port >= r->low && a->q->port <= r->high;
}

/* How well the targets of a rule fit. */
struct fit {
    bool resource, port; /* of one target: its address; both */
    bool blind;          /* a host name that cannot be seen */
};

static struct fit targets_fit(const struct pil_eval_asked *a, const struct pil_layout_rule *rule)
{
    const uint32_t *list = pil_layout_lists(a->head) + rule->targets.first;
    struct fit fit = {false, false, false};

    for (uint32_t i = 0; i < rule->targets.count; i++) {
        const struct pil_layout_resource *r = pil_layout_resources(a->head) + list[i];
        bool port = target_port_fits(a, r);

        if (target_fits(a, r)) {
            fit.resource = true;
            fit.port = fit.port || port;
        } else if (r->kind == PIL_KIND_NAME && port && pil_eval_name_unseen(a->q)) {
            fit.blind = true;
        }
    }
    return fit;
}

/* How the policy reaches the workload; all zero when it does not. */
struct reach {
    bool found;
    uint8_t enforce, active;
};

static struct reach policy_reaches(const struct pil_eval_asked *a,
                                   const struct pil_layout_policy *p)
{
    const struct pil_layout_grant *g = pil_layout_grants(a->head) + p->grants.first;

    for (uint32_t i = 0; i < p->grants.count; i++)
        if (pil_layout_set_has(a->head, g[i].set, a->who->workload))
            return (struct reach){true, g[i].enforce, g[i].active};
    return (struct reach){false, 0, 0};
}

static bool policy_off(const struct pil_eval_asked *a, const struct pil_layout_policy *p)
{
    return p->stage == PIL_STAGE_OFF || p->rollout <= a->bucket;
}

/* Everything that can fit or not, in the order in which it is told. */
static void look(struct pil_eval_asked *a, const struct pil_layout_rule *r, struct pil_eval_step *s)
{
    const struct pil_layout_policy *p = pil_layout_policies(a->head) + r->policy;
    const struct reach reach = policy_reaches(a, p);
    const struct fit fit = targets_fit(a, r);
    const bool subject = reach.found && pil_layout_set_has(a->head, r->set, a->who->workload);
    const bool action = r->actions >> a->q->action & 1;
    const enum pil_step when = pil_eval_when(a, pil_layout_whens(a->head) + r->when);
    const bool holds = when == PIL_STEP_MATCH || (when == PIL_STEP_LATER && r->effect == PIL_ALLOW);

    s->shadow = reach.found && reach.enforce <= a->bucket && reach.active > a->bucket;
    s->fits =
        (uint8_t)(subject + action + (fit.resource || fit.blind) + (fit.port || fit.blind) + holds);
    if (policy_off(a, p) || (subject && reach.active <= a->bucket))
        s->outcome = PIL_STEP_STAGE;
    else if (!subject)
        s->outcome = PIL_STEP_SUBJECT;
    else if (!action)
        s->outcome = PIL_STEP_ACTION;
    else if (fit.port && (holds || !fit.blind))
        s->outcome = when;
    else if (fit.blind)
        s->outcome = PIL_STEP_UNSEEN;
    else
        s->outcome = fit.resource ? PIL_STEP_PORT : PIL_STEP_RESOURCE;
}

static bool sensible(const struct pil_eval_asked *a)
{
    return a->q->action > PIL_ACTION_NONE && a->q->action < PIL_ACTION_COUNT &&
           a->who->workload < pil_layout_count(a->head, PIL_LAYOUT_WORKLOADS);
}

void pil_eval_explain(const struct pil_image *img, const struct pil_subject *who,
                      const struct pil_query *q, const struct pil_eval_env *env,
                      struct pil_verdict *out,
                      void (*step)(void *cookie, const struct pil_eval_step *step), void *cookie)
{
    struct pil_eval_asked a = {.head = pil_layout_head(img),
                               .who = who,
                               .q = q,
                               .env = env,
                               .bucket = env->host_bucket,
                               .ttl_ms = env->ttl_ms};
    char wanted[WANTED_MAX];
    struct pil_text text;

    pil_eval(img, who, q, env, out);
    a.peer_later = (q->flags & PIL_QUERY_PEER_LATER) && pil_eval_secures(out->encrypt);
    if (a.bucket > 99)
        a.bucket = 99;
    for (uint32_t i = 0; sensible(&a) && i < pil_layout_count(a.head, PIL_LAYOUT_RULES); i++) {
        const struct pil_layout_rule *r = pil_layout_rules(a.head) + i;
        struct pil_eval_step s = {
            .rule = i, .policy = r->policy, .effect = r->effect, .wanted = wanted};

        look(&a, r, &s);
        pil_text_init(&text, wanted, sizeof(wanted));
        put_wanted(&a, r, s.outcome, &text);
        step(cookie, &s);
    }
}
