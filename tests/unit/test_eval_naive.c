/*
 * core/eval against a naive evaluator that walks the model, on thousands of random policies and
 * questions. Every round has a seed of its own, so a failure comes again.
 */
#include "tests/support/support.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "conf/policy.h"
#include "conf/resource.h"
#include "core/eval.h"
#include "core/glob.h"

/* ---- randomness that is the same everywhere ------------------------------------------------- */

static uint64_t seed;

static unsigned roll(unsigned below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % below;
}

static bool chance(unsigned percent)
{
    return roll(100) < percent;
}

/* ---- random models -------------------------------------------------------------------------- */

#define WORKLOADS 6
#define ROLES     3
#define SERVICES  3
#define POLICIES  6
#define RULES     5

static const char *const workload_titles[WORKLOADS] = {"web",    "api",    "ledger",
                                                       "edge-1", "edge-2", "batch"};
static const char *const role_titles[ROLES] = {"front", "back", "all"};
static const char *const service_titles[SERVICES] = {"db", "cache", "mail"};
static const char *const policy_titles[POLICIES] = {"base",     "net",   "front-access",
                                                    "shadowed", "night", "partial"};
static const char *const rule_titles[RULES] = {"r1", "r2", "r3", "r4", "r5"};
static const char *const subjects[] = {"*",
                                       "workload:web",
                                       "workload:api",
                                       "workload:ledger",
                                       "workload:batch",
                                       "role:front",
                                       "role:back",
                                       "role:all",
                                       "spiffe://corp.example/edge-*",
                                       "spiffe://corp.example/*",
                                       "spiffe://other.example/web"};
static const char *const resources[] = {"*",
                                        "10.0.0.1:80",
                                        "10.0.0.0/8:*",
                                        "10.0.0.0/24:80-90",
                                        "*:53",
                                        "[fd00::/8]:443",
                                        "10.0.0.2:1-65535",
                                        "db.corp.example:5432",
                                        "*.corp.example",
                                        "*.corp.example:80-95",
                                        "mail.example",
                                        "unix:/run/a.sock",
                                        "unix:/run/*.sock",
                                        "unix:**",
                                        "unix:@bus",
                                        "unix:/run/**",
                                        "service:db",
                                        "service:cache",
                                        "service:mail",
                                        "*.example:25",
                                        "10.1.0.0/16:8080"};
static const char *const endpoints[] = {"10.0.0.1:5432",          "db.corp.example:5432",
                                        "10.0.0.0/30:80",         "unix:/run/db/main.sock",
                                        "*.db.corp.example:5432", "*:53",
                                        "[fd00::/16]:443-445",    "mail.example"};
static const char *const actions[] = {"connect", "accept", "listen", "send", "resolve"};
static const char *const sources[] = {"10.0.0.0/8", "192.168.1.0/24", "fd00::/8", "10.0.0.7"};
static const char *const callers[] = {"libpq.so.*", "curl", "lib*"};
static const char *const peers[] = {"spiffe://corp.example/*",
                                    "spiffe://corp.example/edge-?",
                                    "spiffe://other.example/**",
                                    "workload:web",
                                    "workload:ledger",
                                    "role:front",
                                    "role:all"};
static const char *const zones[] = {"UTC", "Europe/Berlin", "Asia/Tokyo"};

static const char *const identities[] = {"spiffe://corp.example/db", "spiffe://other.example/*"};

struct world {
    struct pil_model model;
    struct pil_workload workload[WORKLOADS];
    struct pil_role role[ROLES];
    struct pil_service service[SERVICES];
    struct pil_policy policy[POLICIES];
    struct pil_rule rule[POLICIES][RULES];
    uint32_t uid[POLICIES][RULES][2];
    char *list[4096];
    size_t used;
};

/* Up to `most` picks from a table, perhaps none; `has` with the percentage. */
static void pick(struct world *w, struct pil_strings *out, const char *const *table, unsigned size,
                 unsigned most, unsigned percent)
{
    *out = (struct pil_strings){.item = &w->list[w->used]};
    if (!chance(percent))
        return;
    out->has = true;
    out->count = 1 + roll(most);
    for (size_t i = 0; i < out->count; i++)
        w->list[w->used++] = (char *)table[roll(size)];
}

#define PICK(w, out, table, most, percent)                                                         \
    pick(w, out, table, (unsigned)PIL_NELEM(table), most, percent)

static void random_when(struct world *w, struct pil_when *when, uint32_t *uid)
{
    when->has = chance(50);
    if (!when->has)
        return;
    when->has_hours = chance(40);
    when->hours = (struct pil_hours){(uint16_t)roll(1440), (uint16_t)roll(1441)};
    when->has_days = chance(30);
    when->days = (uint8_t)(1 + roll(127));
    when->timezone = chance(50) ? (char *)zones[roll(3)] : NULL;
    PICK(w, &when->source, sources, 2, 20);
    PICK(w, &when->caller, callers, 2, 20);
    PICK(w, &when->peer, peers, 2, 30);
    when->has_uids = chance(20);
    when->uid = uid;
    when->uid_count = when->has_uids ? 1 + roll(2) : 0;
    uid[0] = roll(4);
    uid[1] = roll(4);
}

static void random_rule(struct world *w, struct pil_rule *rule, uint32_t *uid)
{
    rule->has_effect = true;
    rule->effect = chance(60) ? PIL_ALLOW : PIL_DENY;
    PICK(w, &rule->subjects, subjects, 2, 50);
    PICK(w, &rule->actions, actions, 3, 70);
    PICK(w, &rule->resources, resources, 3, 90);
    random_when(w, &rule->when, uid);
}

/* Parents come before children in the table, so there are no circles. */
static void random_policy(struct world *w, unsigned i)
{
    struct pil_policy *p = &w->policy[i];

    p->title = (char *)policy_titles[i];
    p->stage = (uint8_t)(chance(65) ? PIL_STAGE_ENFORCE : roll(3));
    p->rollout = (uint8_t)(chance(70) ? 100 : roll(101));
    p->has_default = chance(35);
    p->default_effect = chance(50) ? PIL_ALLOW : PIL_DENY;
    p->deny_errno = (uint16_t)(chance(30) ? ECONNREFUSED : 0);
    if (i > 0)
        pick(w, &p->inherits, policy_titles, i, 2, 50);
    PICK(w, &p->applies, subjects, 2, 75);
    p->rule = w->rule[i];
    p->rule_count = roll(RULES + 1);
    for (unsigned r = 0; r < p->rule_count; r++) {
        p->rule[r].title = (char *)rule_titles[r];
        random_rule(w, &p->rule[r], w->uid[i][r]);
    }
}

static void random_world(struct world *w)
{
    memset(w, 0, sizeof(*w));
    w->model = (struct pil_model){.has_schema = true,
                                  .schema = 1,
                                  .trust_domain = (char *)"corp.example",
                                  .has_default = chance(50),
                                  .default_effect = chance(50) ? PIL_ALLOW : PIL_DENY,
                                  .timezone = chance(50) ? (char *)zones[roll(3)] : NULL,
                                  .workload = w->workload,
                                  .workload_count = WORKLOADS,
                                  .role = w->role,
                                  .role_count = ROLES,
                                  .service = w->service,
                                  .service_count = SERVICES,
                                  .policy = w->policy,
                                  .policy_count = POLICIES};
    for (unsigned i = 0; i < WORKLOADS; i++)
        w->workload[i].title = (char *)workload_titles[i];
    for (unsigned i = 0; i < ROLES; i++) {
        w->role[i].title = (char *)role_titles[i];
        pick(w, &w->role[i].members, subjects + 1, 4 + i, 3, 100);
    }
    for (unsigned i = 0; i < SERVICES; i++) {
        w->service[i].title = (char *)service_titles[i];
        w->service[i].encrypt = (uint8_t)roll(PIL_ENCRYPT_REQUIRED + 1);
        w->service[i].identity = chance(40) ? (char *)identities[roll(2)] : NULL;
        PICK(w, &w->service[i].endpoints, endpoints, 3, 100);
    }
    for (unsigned i = 0; i < POLICIES; i++)
        random_policy(w, i);
}

/* ---- the naive evaluator -------------------------------------------------------------------- */

struct naive {
    const struct pil_model *m;
    const char *who; /* NULL: nameless */
    uint32_t uid;
    const struct pil_query *q;
    int64_t now;
    bool zones_seen;
    unsigned bucket;
    bool shadow; /* shadow policies count as enforced */
    bool peer_later;
    unsigned encrypt; /* of the endpoint */
};

struct naive_result {
    int effect, reason;
    const char *policy, *rule;
};

static int32_t zone_offset(const char *zone)
{
    return strcmp(zone, "Europe/Berlin") == 0 ? 3600 : strcmp(zone, "Asia/Tokyo") == 0 ? 32400 : 0;
}

static bool naive_in(const struct naive *n, const struct pil_strings *list);

static bool naive_subject(const struct naive *n, const char *text)
{
    if (strcmp(text, "*") == 0)
        return true;
    if (!n->who)
        return false;
    if (strncmp(text, "workload:", 9) == 0)
        return strcmp(text + 9, n->who) == 0;
    if (strncmp(text, "spiffe://corp.example/", 22) == 0)
        return pil_glob_match(pil_slice_of(text + 22), pil_slice_of(n->who), true);
    for (size_t i = 0; strncmp(text, "role:", 5) == 0 && i < n->m->role_count; i++)
        if (strcmp(n->m->role[i].title, text + 5) == 0)
            return naive_in(n, &n->m->role[i].members);
    return false;
}

static bool naive_in(const struct naive *n, const struct pil_strings *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (naive_subject(n, list->item[i]))
            return true;
    return false;
}

static const struct pil_policy *naive_policy(const struct naive *n, const char *title)
{
    for (size_t i = 0; i < n->m->policy_count; i++)
        if (strcmp(n->m->policy[i].title, title) == 0)
            return &n->m->policy[i];
    fail_msg("no policy %s", title);
    return NULL;
}

static bool naive_live(const struct naive *n, const struct pil_policy *p)
{
    if (p->rollout <= n->bucket)
        return false;
    return p->stage == PIL_STAGE_ENFORCE || (p->stage == PIL_STAGE_SHADOW && n->shadow);
}

static bool below(struct pil_slice name, struct pil_slice suffix)
{
    char dotted[300];
    size_t len = (size_t)snprintf(dotted, sizeof(dotted), ".%.*s", (int)suffix.len, suffix.at);

    return name.len > len && memcmp(name.at + name.len - len, dotted, len) == 0;
}

enum fits { NO, YES, BLIND, LATER };

static enum fits naive_one(const struct naive *n, const struct pil_resource *r)
{
    const struct pil_query *q = n->q;
    bool resolve = q->action == PIL_ACTION_RESOLVE;
    bool port = q->port >= r->ports.low && q->port <= r->ports.high;

    switch (r->kind) {
    case PIL_KIND_INET:
        return q->kind == PIL_KIND_INET && !resolve && port && pil_prefix_has(&r->prefix, &q->ip);
    case PIL_KIND_UNIX:
        return q->kind == PIL_KIND_UNIX && !resolve &&
               (r->wildcard ? pil_glob_match(r->name, q->name, true)
                            : pil_slice_equal(r->name, q->name));
    case PIL_KIND_NAME:
        if (q->kind == PIL_KIND_UNIX || !(port || resolve))
            return NO;
        if (q->kind == PIL_KIND_INET && !(q->seen & PIL_FIELD_NAME))
            return q->action == PIL_ACTION_CONNECT || q->action == PIL_ACTION_SEND ? BLIND : NO;
        if (q->name.len == 0)
            return NO;
        return r->wildcard ? below(q->name, r->name) : pil_slice_equal(q->name, r->name);
    default:
        return YES;
    }
}

static enum fits naive_resource(const struct naive *n, const char *text)
{
    struct pil_resource r;
    enum fits best = NO;

    assert_err(pil_resource_parse(pil_slice_of(text), &r, NULL), PIL_OK);
    if (!r.service)
        return naive_one(n, &r);
    for (size_t i = 0; i < n->m->service_count; i++) {
        const struct pil_service *s = &n->m->service[i];

        if (!pil_slice_equal(pil_slice_of(s->title), r.name))
            continue;
        for (size_t e = 0; e < s->endpoints.count; e++) {
            enum fits one = naive_resource(n, s->endpoints.item[e]);

            best = one == YES || best == YES ? YES : one == BLIND ? BLIND : best;
        }
    }
    return best;
}

/* A listener on all addresses is at every endpoint with its port. */
static bool naive_any_address(const struct naive *n, const struct pil_resource *r)
{
    static const struct pil_ip any6;
    struct pil_ip any4;
    bool v4 = r->prefix.bits >= 96 && pil_ip_is_v4(&r->prefix.ip);

    assert_err(pil_ip_parse(pil_slice_of("0.0.0.0"), &any4), PIL_OK);
    return n->q->action == PIL_ACTION_LISTEN && n->q->kind == PIL_KIND_INET &&
           r->kind == PIL_KIND_INET && n->q->port >= r->ports.low && n->q->port <= r->ports.high &&
           (memcmp(&n->q->ip, &any6, sizeof(any6)) == 0 ||
            (v4 && memcmp(&n->q->ip, &any4, sizeof(any4)) == 0));
}

static bool naive_at_service(const struct naive *n, const struct pil_service *s)
{
    for (size_t e = 0; e < s->endpoints.count; e++) {
        struct pil_resource r;

        assert_err(pil_resource_parse(pil_slice_of(s->endpoints.item[e]), &r, NULL), PIL_OK);
        if (r.kind != PIL_KIND_UNIX && (naive_one(n, &r) != NO || naive_any_address(n, &r)))
            return true;
    }
    return false;
}

/* What the endpoints of the question ask for, and how many of them expect somebody. */
static unsigned naive_encrypt(const struct naive *n, unsigned *expecting)
{
    const bool connect = n->q->action == PIL_ACTION_CONNECT;
    unsigned strictest = PIL_ENCRYPT_UNSET;

    *expecting = 0;
    if (n->q->action == PIL_ACTION_RESOLVE)
        return strictest;
    for (size_t i = 0; i < n->m->service_count; i++) {
        const struct pil_service *s = &n->m->service[i];

        if (!naive_at_service(n, s))
            continue;
        *expecting += s->identity != NULL;
        if (s->encrypt == PIL_ENCRYPT_OFF ||
            (connect && s->encrypt == PIL_ENCRYPT_PERMISSIVE && !s->identity))
            continue;
        strictest = s->encrypt > strictest ? s->encrypt : strictest;
    }
    return strictest;
}

/* What the ID of the peer says; the text of a list stands for itself, for a workload or a role. */
static bool naive_peer(const struct naive *n, const struct pil_strings *list)
{
    bool found = false;

    for (size_t i = 0; i < list->count && !found; i++) {
        const char *text = list->item[i];
        char id[300];

        if (strncmp(text, "workload:", 9) == 0) {
            snprintf(id, sizeof(id), "spiffe://corp.example/%s", text + 9);
            found = pil_slice_equal(pil_slice_of(id), n->q->peer);
        } else if (strncmp(text, "spiffe://", 9) == 0) {
            found = pil_glob_match(pil_slice_of(text), n->q->peer, true);
        }
        for (size_t r = 0; strncmp(text, "role:", 5) == 0 && r < n->m->role_count; r++)
            if (strcmp(n->m->role[r].title, text + 5) == 0)
                found = naive_peer(n, &n->m->role[r].members);
    }
    return found && n->q->peer.len > 0;
}

static bool naive_time(const struct naive *n, const struct pil_when *w)
{
    const char *zone = w->timezone ? w->timezone : n->m->timezone ? n->m->timezone : "UTC";
    int64_t local = n->now + zone_offset(zone);
    int minute = (int)(local / 60 % 1440), day = (int)((local / 86400 + 3) % 7);

    if (w->has_days && !(w->days >> day & 1))
        return false;
    if (!w->has_hours)
        return true;
    if (w->hours.low <= w->hours.high)
        return minute >= w->hours.low && minute < w->hours.high;
    return minute >= w->hours.low || minute < w->hours.high;
}

static enum fits naive_when(const struct naive *n, const struct pil_when *w)
{
    bool fits = true, one = false;

    if (!w->has)
        return YES;
    if ((w->source.has && !(n->q->seen & PIL_FIELD_SOURCE)) ||
        (w->caller.has && !(n->q->seen & PIL_FIELD_CALLER)) ||
        (w->peer.has && !(n->q->seen & PIL_FIELD_PEER) && !n->peer_later) ||
        ((w->has_hours || w->has_days) && !n->zones_seen))
        return BLIND;
    for (size_t i = 0; i < w->source.count; i++) {
        struct pil_prefix p;

        assert_err(pil_prefix_parse(pil_slice_of(w->source.item[i]), &p), PIL_OK);
        one = one || pil_prefix_has(&p, &n->q->source);
    }
    fits = !w->source.has || one;
    one = false;
    for (size_t i = 0; i < w->caller.count; i++)
        one = one || pil_glob_match(pil_slice_of(w->caller.item[i]), n->q->caller, false);
    fits = fits && (!w->caller.has || one);
    one = false;
    for (size_t i = 0; i < w->uid_count; i++)
        one = one || w->uid[i] == n->uid;
    if (!fits || (w->has_uids && !one) || !naive_time(n, w))
        return NO;
    if (w->peer.has && !(n->q->seen & PIL_FIELD_PEER))
        return LATER;
    return !w->peer.has || naive_peer(n, &w->peer) ? YES : NO;
}

static enum fits naive_rule(const struct naive *n, const struct pil_rule *r)
{
    enum fits best = r->resources.has ? NO : YES, when;
    bool action = !r->actions.has;

    if (r->subjects.has && !naive_in(n, &r->subjects))
        return NO;
    for (size_t i = 0; i < r->actions.count; i++)
        action = action || pil_action_parse(pil_slice_of(r->actions.item[i])) == n->q->action;
    if (!action)
        return NO;
    when = naive_when(n, &r->when);
    if (when == LATER)
        when = r->effect == PIL_ALLOW ? YES : NO;
    for (size_t i = 0; i < r->resources.count; i++) {
        enum fits one = naive_resource(n, r->resources.item[i]);

        if (one == YES)
            one = when;
        best = one == YES || best == YES ? YES : one == BLIND ? BLIND : best;
    }
    return r->resources.has ? best : when;
}

/* First in canonical order: by title of the policy, then of the rule. */
static bool earlier(const char *policy, const char *rule, const struct naive_result *than)
{
    int order = than->policy ? strcmp(policy, than->policy) : -1;

    return order < 0 || (order == 0 && strcmp(rule, than->rule) < 0);
}

static void naive_walk(const struct naive *n, const struct pil_policy *p, unsigned distance,
                       struct naive_result *deny, struct naive_result *allow,
                       struct naive_result *fallback, unsigned *nearest)
{
    if (!naive_live(n, p))
        return;
    for (size_t i = 0; i < p->rule_count; i++) {
        const struct pil_rule *r = &p->rule[i];
        enum fits fits = naive_rule(n, r);

        if (r->effect == PIL_DENY && fits != NO && earlier(p->title, r->title, deny))
            *deny = (struct naive_result){
                PIL_DENY, fits == YES ? PIL_REASON_RULE_DENY : PIL_REASON_UNSEEN_FIELD, p->title,
                r->title};
        if (r->effect == PIL_ALLOW && fits == YES && earlier(p->title, r->title, allow))
            *allow = (struct naive_result){PIL_ALLOW, PIL_REASON_RULE_ALLOW, p->title, r->title};
    }
    if (p->has_default) {
        bool better = distance < *nearest;

        if (distance == *nearest)
            better =
                p->default_effect < fallback->effect ||
                (p->default_effect == fallback->effect && strcmp(p->title, fallback->policy) < 0);
        if (better) {
            *nearest = distance;
            *fallback = (struct naive_result){
                p->default_effect,
                p->default_effect == PIL_ALLOW ? PIL_REASON_DEFAULT_ALLOW : PIL_REASON_DEFAULT_DENY,
                p->title, NULL};
        }
    }
    for (size_t i = 0; i < p->inherits.count; i++)
        naive_walk(n, naive_policy(n, p->inherits.item[i]), distance + 1, deny, allow, fallback,
                   nearest);
}

static struct naive_result naive_eval(const struct naive *n)
{
    struct naive_result deny = {0}, allow = {0};
    struct naive_result fallback = {PIL_DENY, PIL_REASON_NO_DEFAULT, NULL, NULL};
    unsigned nearest = UINT32_MAX;

    if (n->m->has_default && n->m->default_effect == PIL_ALLOW)
        fallback = (struct naive_result){PIL_ALLOW, PIL_REASON_DEFAULT_ALLOW, NULL, NULL};
    else if (n->m->has_default)
        fallback = (struct naive_result){PIL_DENY, PIL_REASON_DEFAULT_DENY, NULL, NULL};
    for (size_t i = 0; i < n->m->policy_count; i++)
        if (naive_in(n, &n->m->policy[i].applies))
            naive_walk(n, &n->m->policy[i], 0, &deny, &allow, &fallback, &nearest);
    if (deny.policy)
        return deny;
    if (n->q->action == PIL_ACTION_SEND && n->encrypt == PIL_ENCRYPT_REQUIRED)
        return (struct naive_result){PIL_DENY, PIL_REASON_UNENCRYPTED, NULL, NULL};
    return allow.policy ? allow : fallback;
}

/* ---- one against the other ------------------------------------------------------------------ */

static const char *const names[] = {"",
                                    "db.corp.example",
                                    "a.db.corp.example",
                                    "corp.example",
                                    "x.corp.example",
                                    "mail.example",
                                    "example",
                                    ".corp.example"};
static const char *const paths[] = {"/run/a.sock", "/run/b.sock", "/run/db/main.sock", "@bus", "",
                                    "/tmp/x"};
static const char *const ips[] = {"10.0.0.1",    "10.0.0.2", "10.0.0.9", "10.1.2.3", "fd00::1",
                                  "192.168.1.1", "8.8.8.8",  "0.0.0.0",  "::"};
static const char *const ids[] = {"",
                                  "spiffe://corp.example/web",
                                  "spiffe://corp.example/ledger",
                                  "spiffe://corp.example/edge-1",
                                  "spiffe://corp.example/a/b",
                                  "spiffe://other.example/x/y"};
static const uint16_t ports[] = {53, 80, 90, 91, 443, 5432, 8080, 25, 0, 65535};

static void random_query(struct pil_query *q)
{
    memset(q, 0, sizeof(*q));
    q->action = (uint8_t)(1 + roll(PIL_ACTION_COUNT - 1));
    q->kind = (uint8_t)(1 + roll(3));
    q->seen = (uint8_t)(chance(70) ? PIL_FIELD_ALL : roll(PIL_FIELD_ALL + 1));
    if (q->action == PIL_ACTION_CONNECT && chance(50)) {
        q->flags = PIL_QUERY_PEER_LATER;
        q->seen &= PIL_FIELD_TOLD;
    }
    q->peer = pil_slice_of(ids[roll(PIL_NELEM(ids))]);
    q->port = ports[roll(PIL_NELEM(ports))];
    assert_err(pil_ip_parse(pil_slice_of(ips[roll(PIL_NELEM(ips))]), &q->ip), PIL_OK);
    assert_err(pil_ip_parse(pil_slice_of(ips[roll(PIL_NELEM(ips))]), &q->source), PIL_OK);
    q->name = pil_slice_of(q->kind == PIL_KIND_UNIX ? paths[roll(PIL_NELEM(paths))]
                                                    : names[roll(PIL_NELEM(names))]);
    q->caller = pil_slice_of(chance(50) ? "libpq.so.5" : "psql");
}

struct seen_rules {
    uint32_t deny, allow;
};

/* What explain says of each rule, put together: must be what eval decided. */
static void collect(void *cookie, const struct pil_eval_step *s)
{
    struct seen_rules *seen = cookie;

    assert_true(s->fits <= 5);
    assert_non_null(s->wanted);
    if (s->shadow)
        return;
    if (s->effect == PIL_DENY && (s->outcome == PIL_STEP_MATCH || s->outcome == PIL_STEP_UNSEEN) &&
        seen->deny == PIL_NO_INDEX)
        seen->deny = s->rule;
    if (s->effect == PIL_ALLOW && (s->outcome == PIL_STEP_MATCH || s->outcome == PIL_STEP_LATER) &&
        seen->allow == PIL_NO_INDEX)
        seen->allow = s->rule;
}

static void expect_same(const struct pil_image *img, uint32_t rule, uint32_t policy,
                        const struct naive_result *want)
{
    assert_string_equal(pil_image_policy_name(img, policy), want->policy ? want->policy : "");
    assert_string_equal(pil_image_rule_name(img, rule), want->rule ? want->rule : "");
}

static void count_one(void *cookie, const char *identity)
{
    assert_int_equal(strncmp(identity, "spiffe://", 9), 0);
    ++*(unsigned *)cookie;
}

/* An endpoint that stands twice tells twice, so only whether there is one can be compared. */
static void compare_services(const struct pil_image *img, struct naive *n)
{
    unsigned expecting, told = 0, count;

    n->encrypt = naive_encrypt(n, &expecting);
    n->peer_later = (n->q->flags & PIL_QUERY_PEER_LATER) &&
                    (n->encrypt == PIL_ENCRYPT_REQUIRED || n->encrypt == PIL_ENCRYPT_PERMISSIVE);
    assert_int_equal(pil_eval_encrypt(img, n->q), n->encrypt);
    if (n->q->action != PIL_ACTION_CONNECT)
        return;
    count = pil_eval_identities(img, n->q, count_one, &told);
    assert_int_equal(count, told);
    assert_true(told >= expecting && (told == 0) == (expecting == 0));
}

static void compare(const struct pil_image *img, struct naive *n, const struct pil_eval_env *env)
{
    struct pil_subject who = {n->who ? pil_image_workload_find(img, pil_slice_of(n->who)) : 0,
                              n->uid};
    struct seen_rules seen = {PIL_NO_INDEX, PIL_NO_INDEX};
    struct naive_result real, shadow;
    struct pil_verdict v;

    compare_services(img, n);
    pil_eval_explain(img, &who, n->q, env, &v, collect, &seen);
    n->shadow = false;
    real = naive_eval(n);
    assert_int_equal(v.effect, real.effect);
    assert_string_equal(pil_reason_name(v.reason), pil_reason_name((unsigned)real.reason));
    expect_same(img, v.rule, v.policy, &real);
    assert_int_equal(v.encrypt, n->q->action == PIL_ACTION_SEND ? 0 : n->encrypt);
    if (real.reason == PIL_REASON_UNENCRYPTED)
        assert_int_equal(seen.deny, PIL_NO_INDEX);
    else if (seen.deny != PIL_NO_INDEX || seen.allow != PIL_NO_INDEX)
        assert_int_equal(v.rule, seen.deny != PIL_NO_INDEX ? seen.deny : seen.allow);
    else
        assert_int_equal(v.rule, PIL_NO_INDEX);
    if (real.effect == PIL_DENY && real.policy)
        assert_int_equal(v.error, naive_policy(n, real.policy)->deny_errno);
    n->shadow = true;
    shadow = naive_eval(n);
    assert_int_equal(v.shadow, shadow.effect == real.effect ? PIL_SHADOW_NONE
                               : shadow.effect == PIL_ALLOW ? PIL_SHADOW_WOULD_ALLOW
                                                            : PIL_SHADOW_WOULD_DENY);
    if (v.shadow) {
        assert_int_equal(v.shadow_reason, shadow.reason);
        expect_same(img, v.shadow_rule, v.shadow_policy, &shadow);
    }
}

static void zone_table(const struct pil_image *img, int32_t *offsets)
{
    for (uint32_t i = 0; i < pil_image_zones(img); i++)
        offsets[i] = zone_offset(pil_image_zone_name(img, i));
}

static void ask_world(const struct world *w, const struct pil_image *img, unsigned questions)
{
    int32_t offsets[8];

    assert_true(pil_image_zones(img) <= 3);
    zone_table(img, offsets);
    for (unsigned i = 0; i < questions; i++) {
        struct pil_query q;
        unsigned who = roll(WORKLOADS + 1);
        struct naive n = {.m = &w->model,
                          .who = who ? workload_titles[who - 1] : NULL,
                          .uid = roll(4),
                          .q = &q,
                          .now = 1700000000 + (int64_t)roll(1000000) * 7,
                          .zones_seen = chance(95) || pil_image_zones(img) == 0,
                          .bucket = roll(100)};
        struct pil_eval_env env = {n.now, offsets, pil_image_zones(img) + (n.zones_seen ? 0 : 1u),
                                   (uint8_t)n.bucket, 10000};

        random_query(&q);
        compare(img, &n, &env);
    }
}

static void agrees_with_a_naive_evaluator(void **state)
{
    static struct world w;
    struct pil_image img;
    void *block;
    size_t len;

    (void)state;
    for (unsigned i = 1; i <= 1500; i++) {
        seed = UINT64_C(0x9e3779b97f4a7c15) * i;
        random_world(&w);
        assert_err(pil_compile(&w.model, &block, &len), PIL_OK);
        assert_err(pil_image_open(&img, block, len), PIL_OK);
        ask_world(&w, &img, 60);
        free(block);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_naive_evaluator),
    };

    return cmocka_run_group_tests_name("eval against naive", tests, NULL, NULL);
}
