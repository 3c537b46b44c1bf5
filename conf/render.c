/*
 * Image to policy text: canonical order, one thing a line, nothing left out but places. The text
 * is in the policy language, and loading it gives the image again, apart from the places.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/policy.h"
#include "core/err.h"
#include "core/image_layout.h"

/* Growing text; failure is sticky. */
struct out {
    const struct pil_layout_head *h;
    char *at;
    size_t len, cap;
    bool failed;
};

static bool reserve(struct out *o, size_t more)
{
    size_t cap = o->cap ? o->cap : 4096;
    char *at;

    if (o->failed)
        return false;
    while (cap - o->len <= more)
        cap *= 2;
    if (cap == o->cap)
        return true;
    at = realloc(o->at, cap);
    if (!at) {
        o->failed = true;
        return false;
    }
    o->at = at;
    o->cap = cap;
    return true;
}

static void put_text(struct out *o, const char *text)
{
    size_t len = strlen(text);

    if (!reserve(o, len))
        return;
    memcpy(o->at + o->len, text, len + 1);
    o->len += len;
}

/* Short pieces with numbers in them. */
static void put(struct out *o, const char *format, ...) PIL_PRINTF(2, 3);
static void put(struct out *o, const char *format, ...)
{
    char piece[128];
    va_list args;

    va_start(args, format);
    vsnprintf(piece, sizeof(piece), format, args);
    va_end(args);
    put_text(o, piece);
}

static void put_quoted(struct out *o, const char *text)
{
    put_text(o, "\"");
    for (; *text; text++) {
        const char one[3] = {'\\', *text, '\0'};

        put_text(o, *text == '"' || *text == '\\' ? one : one + 1);
    }
    put_text(o, "\"");
}

static const char *text_at(const struct out *o, uint32_t offset)
{
    return pil_layout_text(o->h, offset);
}

/* A keyword with a text, unless the text is empty. */
static void put_string(struct out *o, const char *indent, const char *keyword, uint32_t offset)
{
    if (*text_at(o, offset) == '\0')
        return;
    put(o, "%s%s = ", indent, keyword);
    put_quoted(o, text_at(o, offset));
    put_text(o, "\n");
}

static void put_list(struct out *o, const char *indent, const char *keyword,
                     const struct pil_layout_span *span)
{
    put(o, "%s%s = {", indent, keyword);
    for (uint32_t i = 0; i < span->count; i++) {
        put_text(o, i > 0 ? ", " : "");
        put_quoted(o, text_at(o, pil_layout_lists(o->h)[span->first + i]));
    }
    put_text(o, "}\n");
}

static void put_title(struct out *o, const char *indent, const char *kind, uint32_t title)
{
    put(o, "\n%s%s ", indent, kind);
    put_quoted(o, text_at(o, title));
    put_text(o, " {\n");
}

static const char *effect_word(unsigned fallback)
{
    return fallback == PIL_LAYOUT_DEFAULT_ALLOW ? "allow" : "deny";
}

/* ---- things outside of policies -------------------------------------------------------------- */

static void put_head(struct out *o)
{
    put_text(o, "schema = 1\n");
    put_string(o, "", "trust_domain", o->h->trust_domain);
    if (o->h->fallback != PIL_LAYOUT_NO_DEFAULT)
        put(o, "default = %s\n", effect_word(o->h->fallback));
}

static void put_workload(struct out *o, const struct pil_layout_workload *w)
{
    put_title(o, "", "workload", w->title);
    put_string(o, "    ", "exe", w->exe);
    put_string(o, "    ", "user", w->user);
    put_string(o, "    ", "unit", w->unit);
    put_string(o, "    ", "cgroup", w->cgroup);
    put_string(o, "    ", "sha256", w->sha256);
    if (w->covered)
        put_text(o, "    coverage = required\n");
    put_text(o, "}\n");
}

static void put_role(struct out *o, const struct pil_layout_role *r)
{
    put_title(o, "", "role", r->title);
    put_list(o, "    ", "members", &r->members);
    put_text(o, "}\n");
}

static void put_service(struct out *o, const struct pil_layout_service *s)
{
    put_title(o, "", "service", s->title);
    put_list(o, "    ", "endpoints", &s->endpoints);
    put_string(o, "    ", "identity", s->identity);
    if (s->encrypt != PIL_ENCRYPT_UNSET)
        put(o, "    encrypt = %s\n", pil_encrypt_name(s->encrypt));
    if (s->server_first)
        put_text(o, "    server_first = yes\n");
    put_text(o, "}\n");
}

static void put_route(struct out *o, const struct pil_layout_route *r)
{
    put_title(o, "", "route", r->title);
    if (r->flags & PIL_LAYOUT_HAS_TIMEOUT)
        put(o, "    timeout = %ums\n", r->timeout_ms);
    if (r->flags & PIL_LAYOUT_HAS_RETRIES)
        put(o, "    retries = %u\n", r->retries);
    if (r->fallback.count > 0)
        put_list(o, "    ", "fallback", &r->fallback);
    if (r->flags & PIL_LAYOUT_HAS_BREAKER)
        put(o, "    breaker { failures = %u open = %ums half_open = %u }\n", r->failures,
            r->open_ms, r->half_open);
    put_text(o, "}\n");
}

/* ---- rules ----------------------------------------------------------------------------------- */

static void put_actions(struct out *o, unsigned mask)
{
    bool more = false;

    put_text(o, "        actions = {");
    for (unsigned i = 1; i < PIL_ACTION_COUNT; i++) {
        if (!(mask >> i & 1))
            continue;
        put(o, "%s%s", more ? ", " : "", pil_action_name(i));
        more = true;
    }
    put_text(o, "}\n");
}

static void put_prefixes(struct out *o, const struct pil_layout_span *span)
{
    put_text(o, "            source = {");
    for (uint32_t i = 0; i < span->count; i++) {
        const struct pil_layout_prefix *p = pil_layout_prefixes(o->h) + span->first + i;
        uint64_t word[2] = {__builtin_bswap64(p->hi), __builtin_bswap64(p->lo)};
        struct pil_prefix prefix = {.bits = p->bits};
        char buf[64];
        struct pil_text text;

        memcpy(prefix.ip.octet, word, sizeof(word));
        pil_text_init(&text, buf, sizeof(buf));
        pil_prefix_print(&prefix, &text);
        put(o, "%s\"%s\"", i > 0 ? ", " : "", buf);
    }
    put_text(o, "}\n");
}

static void put_time(struct out *o, const struct pil_layout_when *w)
{
    static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    bool more = false;

    if (w->flags & PIL_LAYOUT_WHEN_HOURS)
        put(o, "            hours = \"%02u:%02u-%02u:%02u\"\n", w->low / 60u, w->low % 60u,
            w->high / 60u, w->high % 60u);
    if (w->flags & PIL_LAYOUT_WHEN_DAYS) {
        put_text(o, "            days = {");
        for (unsigned i = 0; i < 7; i++) {
            if (!(w->days >> i & 1))
                continue;
            put(o, "%s%s", more ? ", " : "", days[i]);
            more = true;
        }
        put_text(o, "}\n");
    }
    if (w->flags & (PIL_LAYOUT_WHEN_HOURS | PIL_LAYOUT_WHEN_DAYS))
        put_string(o, "            ", "timezone", pil_layout_zones(o->h)[w->zone]);
}

static void put_when(struct out *o, const struct pil_layout_when *w)
{
    if (w->flags == 0)
        return;
    put_text(o, "        when {\n");
    put_time(o, w);
    if (w->flags & PIL_LAYOUT_WHEN_SOURCE)
        put_prefixes(o, &w->source);
    if (w->flags & PIL_LAYOUT_WHEN_CALLER)
        put_list(o, "            ", "caller", &w->caller);
    if (w->flags & PIL_LAYOUT_WHEN_PEER)
        put_list(o, "            ", "peer", &w->peer);
    if (w->flags & PIL_LAYOUT_WHEN_UID) {
        put_text(o, "            uid = {");
        for (uint32_t i = 0; i < w->uid.count; i++)
            put(o, "%s%u", i > 0 ? ", " : "", pil_layout_lists(o->h)[w->uid.first + i]);
        put_text(o, "}\n");
    }
    put_text(o, "        }\n");
}

static void put_rate(struct out *o, uint32_t index)
{
    static const char *const by[] = {"subject", "process", "resource", "source"};
    static const char *const exceed[] = {"deny", "delay", "shadow"};
    const struct pil_layout_rate *r = pil_layout_rates(o->h) + index;

    if (index == PIL_NO_INDEX)
        return;
    put(o, "        rate { limit = %u per = %ums burst = %u by = %s exceed = %s }\n", r->limit,
        r->per_ms, r->burst, by[r->by], exceed[r->exceed]);
}

static void put_rule(struct out *o, const struct pil_layout_rule *r)
{
    put_title(o, "    ", "rule", r->title);
    put(o, "        effect = %s\n", pil_effect_name(r->effect));
    if (r->flags & PIL_LAYOUT_HAS_SUBJECTS)
        put_list(o, "        ", "subjects", &r->subjects);
    if (r->flags & PIL_LAYOUT_HAS_ACTIONS)
        put_actions(o, r->actions);
    if (r->flags & PIL_LAYOUT_HAS_RESOURCES)
        put_list(o, "        ", "resources", &r->resources);
    put_when(o, pil_layout_whens(o->h) + r->when);
    put_rate(o, r->rate);
    put_text(o, "    }\n");
}

/* ---- policies -------------------------------------------------------------------------------- */

static void put_errno(struct out *o, unsigned error)
{
    const char *name = error == ECONNREFUSED ? "ECONNREFUSED"
                       : error == ETIMEDOUT  ? "ETIMEDOUT"
                                             : "EACCES";

    if (error)
        put(o, "    errno = %s\n", name);
}

static void put_policy(struct out *o, const struct pil_layout_policy *p)
{
    static const char *const stages[] = {"off", "shadow", "enforce"};

    put_title(o, "", "policy", p->title);
    put_string(o, "    ", "owner", p->owner);
    if (p->flags & PIL_LAYOUT_HAS_VERSION)
        put(o, "    version = %u\n", p->version);
    put(o, "    stage = %s\n    rollout = %u\n", stages[p->stage], p->rollout);
    if (p->fallback != PIL_LAYOUT_NO_DEFAULT)
        put(o, "    default = %s\n", effect_word(p->fallback));
    put_errno(o, p->deny_errno);
    if (p->inherits.count > 0)
        put_list(o, "    ", "inherits", &p->inherits);
    if (p->flags & PIL_LAYOUT_HAS_APPLIES)
        put_list(o, "    ", "applies", &p->applies);
    for (uint32_t i = 0; i < p->rules.count; i++)
        put_rule(o, pil_layout_rules(o->h) + p->rules.first + i);
    put_text(o, "}\n");
}

#define EACH(o, section, put_one, array)                                                           \
    for (uint32_t i = 0; i < pil_layout_count((o)->h, section); i++)                               \
    put_one(o, array((o)->h) + i)

int pil_render(const struct pil_image *img, char **text)
{
    struct out o = {.h = pil_layout_head(img)};

    put_head(&o);
    for (uint32_t i = 1; i < pil_layout_count(o.h, PIL_LAYOUT_WORKLOADS); i++)
        put_workload(&o, pil_layout_workloads(o.h) + i);
    EACH(&o, PIL_LAYOUT_ROLES, put_role, pil_layout_roles);
    EACH(&o, PIL_LAYOUT_SERVICES, put_service, pil_layout_services);
    EACH(&o, PIL_LAYOUT_POLICIES, put_policy, pil_layout_policies);
    EACH(&o, PIL_LAYOUT_ROUTES, put_route, pil_layout_routes);
    if (o.failed) {
        free(o.at);
        return PIL_E_NOMEM;
    }
    *text = o.at;
    return PIL_OK;
}
