#include "cli/rules/draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

#define REACHES (PIL_BIT(PIL_ACTION_CONNECT) | PIL_BIT(PIL_ACTION_SEND))

/* ---- memory --------------------------------------------------------------------------------- */

static void list_free(struct pil_draft_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->item[i].text);
    free(list->item);
}

void pil_draft_free(struct pil_draft *draft)
{
    for (size_t i = 0; i < draft->services; i++) {
        free(draft->service[i].title);
        free(draft->service[i].host);
        list_free(&draft->service[i].endpoints);
    }
    for (size_t i = 0; i < draft->roles; i++)
        free(draft->role[i].title);
    for (size_t i = 0; i < draft->rules; i++) {
        free(draft->rule[i].title);
        list_free(&draft->rule[i].resources);
        list_free(&draft->rule[i].sources);
    }
    free(draft->service);
    free(draft->role);
    free(draft->rule);
    draft->service = NULL;
    draft->role = NULL;
    draft->rule = NULL;
    draft->services = draft->roles = draft->rules = 0;
}

/* Room for one more, zeroed; NULL when memory is out. */
static void *more(void *items, size_t *count, size_t size)
{
    char *old, *grown;

    memcpy(&old, items, sizeof(old)); /* items points to a pointer of whatever kind */
    grown = realloc(old, (*count + 1) * size);
    if (!grown)
        return NULL;
    memcpy(items, &grown, sizeof(grown));
    memset(grown + *count * size, 0, size);
    return grown + (*count)++ * size;
}

/* Adds a value, or its times to the one that is there. */
static int list_add(struct pil_draft_list *list, const char *text, const struct pil_times *times,
                    const char *note)
{
    struct pil_draft_line *line;

    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->item[i].text, text) == 0) {
            pil_times_add(&list->item[i].times, times);
            return PIL_OK;
        }
    line = more(&list->item, &list->count, sizeof(*line));
    if (!line)
        return PIL_E_NOMEM;
    line->times = *times;
    line->note = note;
    line->text = strdup(text);
    return line->text ? PIL_OK : PIL_E_NOMEM;
}

/* ---- titles --------------------------------------------------------------------------------- */

static bool legal_in_title(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("._-", c));
}

char *pil_draft_title(const char *text)
{
    char *out = strndup(*text ? text : "-", PIL_TITLE_MAX);

    for (char *at = out; at && *at; at++)
        if (!legal_in_title(*at))
            *at = '-';
    return out;
}

/* base, base-2, base-3 ...: the first that is free. Long ones are cut in front of the number. */
static char *unique(const char *base, bool (*taken)(void *cookie, const char *title), void *cookie)
{
    for (unsigned n = 1; n < 100000; n++) {
        char number[16] = "", *out;

        if (n > 1)
            snprintf(number, sizeof(number), "-%u", n);
        if (asprintf(&out, "%.*s%s", (int)(PIL_TITLE_MAX - strlen(number)), base, number) < 0)
            return NULL;
        if (!taken(cookie, out))
            return out;
        free(out);
    }
    return NULL;
}

static bool asks(const struct pil_draft *draft, const char *kind, const char *title)
{
    return draft->taken && draft->taken(draft->cookie, kind, title);
}

/* A host name that is also the title of a service is easily taken for the other. */
static bool service_taken(void *cookie, const char *title)
{
    const struct pil_draft *draft = cookie;

    for (size_t i = 0; i < draft->services; i++)
        if ((draft->service[i].title && strcmp(draft->service[i].title, title) == 0) ||
            strcmp(draft->service[i].host, title) == 0)
            return true;
    return asks(draft, "service", title);
}

static bool role_taken(void *cookie, const char *title)
{
    const struct pil_draft *draft = cookie;

    for (size_t i = 0; i < draft->roles; i++)
        if (draft->role[i].title && strcmp(draft->role[i].title, title) == 0)
            return true;
    return asks(draft, "role", title);
}

static bool rule_taken(void *cookie, const char *title)
{
    const struct pil_draft *draft = cookie;

    for (size_t i = 0; i < draft->rules; i++)
        if (draft->rule[i].title && strcmp(draft->rule[i].title, title) == 0)
            return true;
    return asks(draft, "rule", title);
}

/* ---- services ------------------------------------------------------------------------------- */

static bool is_service(const struct pil_draft *draft, const struct pil_grant *g)
{
    return !draft->no_services && g->host && (g->actions & REACHES) &&
           (g->actions & PIL_BIT(PIL_ACTION_RESOLVE));
}

static struct pil_draft_service *service_of(struct pil_draft *draft, const struct pil_grant *g)
{
    struct pil_draft_service *s;

    for (size_t i = 0; i < draft->services; i++) {
        s = &draft->service[i];
        if (strcmp(s->host, g->host) == 0 && s->who == g->who && s->actions == g->actions)
            return s;
    }
    s = more(&draft->service, &draft->services, sizeof(*s));
    if (!s)
        return NULL;
    s->who = g->who;
    s->actions = g->actions;
    s->host = strdup(g->host);
    return s->host ? s : NULL;
}

/* "db" of "db.corp.example", else "localhost-5432" of "localhost". */
static char *service_title(struct pil_draft *draft, const struct pil_draft_service *s)
{
    const char *dot = strchr(s->host, '.'), *colon = strrchr(s->endpoints.item[0].text, ':');
    char *base = strndup(s->host, dot ? (size_t)(dot - s->host) : strlen(s->host)), *out = NULL;
    char *legal = base ? pil_draft_title(base) : NULL, *longer = NULL, *longer_legal;

    if (legal && !service_taken(draft, legal)) {
        out = legal;
        legal = NULL;
    } else if (legal && asprintf(&longer, "%s-%s", s->host, colon ? colon + 1 : "") >= 0) {
        longer_legal = pil_draft_title(longer);
        if (longer_legal)
            out = unique(longer_legal, service_taken, draft);
        free(longer_legal);
        free(longer);
    }
    free(base);
    free(legal);
    return out;
}

static int make_services(struct pil_draft *draft, const struct pil_grants *grants)
{
    for (size_t i = 0; i < grants->count; i++) {
        const struct pil_grant *g = &grants->item[i];
        struct pil_draft_service *s;

        if (!is_service(draft, g))
            continue;
        s = service_of(draft, g);
        if (!s || list_add(&s->endpoints, g->resource, &g->times, g->note))
            return PIL_E_NOMEM;
    }
    for (size_t i = 0; i < draft->services; i++) {
        struct pil_draft_service *s = &draft->service[i];
        const char *known = draft->known ? draft->known(draft->cookie, &s->endpoints) : NULL;
        char *title = known ? strdup(known) : service_title(draft, s);

        if (!title)
            return PIL_E_NOMEM;
        s->title = title;
        s->known = known != NULL;
    }
    return PIL_OK;
}

/* ---- rules ---------------------------------------------------------------------------------- */

/* Grants stand sorted, so the peers of one resource are neighbours. */
static bool same_kind(const char *a, const char *b)
{
    return strcmp(pil_grant_keyword(a), pil_grant_keyword(b)) == 0;
}

static size_t peers_of(const struct pil_grants *grants, size_t first)
{
    const struct pil_grant *g = &grants->item[first];
    size_t end = first + 1;

    while (g->source && end < grants->count && grants->item[end].source &&
           grants->item[end].actions == g->actions && grants->item[end].who == g->who &&
           strcmp(grants->item[end].resource, g->resource) == 0 &&
           same_kind(grants->item[end].source, g->source))
        end++;
    return end;
}

static bool same_peers(const struct pil_draft_rule *r, const struct pil_grant *g, size_t count)
{
    if (!g->source)
        return r->sources.count == 0;
    if (r->sources.count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcmp(r->sources.item[i].text, g[i].source) != 0)
            return false;
    return true;
}

static struct pil_draft_rule *rule_of(struct pil_draft *draft, const struct pil_grant *g,
                                      size_t count)
{
    struct pil_draft_rule *r;

    for (size_t i = 0; i < draft->rules; i++) {
        r = &draft->rule[i];
        if (r->who == g->who && r->actions == g->actions && same_peers(r, g, count))
            return r;
    }
    r = more(&draft->rule, &draft->rules, sizeof(*r));
    if (r) {
        r->who = g->who;
        r->actions = g->actions;
    }
    return r;
}

static int add_resource(struct pil_draft *draft, struct pil_draft_rule *r,
                        const struct pil_grant *g)
{
    static const struct pil_times nothing;
    char *text;
    int error;

    if (!is_service(draft, g))
        return list_add(&r->resources, g->resource, &g->times, g->note);
    if (asprintf(&text, "service:%s", service_of(draft, g)->title) < 0)
        return PIL_E_NOMEM;
    error = list_add(&r->resources, text, &nothing, NULL);
    free(text);
    return error;
}

static int make_rules(struct pil_draft *draft, const struct pil_grants *grants)
{
    size_t next;
    int error = PIL_OK;

    for (size_t i = 0; i < grants->count && !error; i = next) {
        const struct pil_grant *g = &grants->item[i];
        struct pil_draft_rule *r;

        next = peers_of(grants, i);
        r = rule_of(draft, g, next - i);
        error = r ? PIL_OK : PIL_E_NOMEM;
        for (size_t k = 0; !error && k < next - i; k++) {
            error = add_resource(draft, r, &g[k]);
            if (!error && g[k].source)
                error = list_add(&r->sources, g[k].source, &g[k].times, NULL);
        }
    }
    return error;
}

/* ---- roles and titles of rules -------------------------------------------------------------- */

const struct pil_draft_role *pil_draft_role_of(const struct pil_draft *draft, uint64_t who)
{
    for (size_t i = 0; i < draft->roles; i++)
        if (draft->role[i].who == who)
            return &draft->role[i];
    return NULL;
}

static int make_roles(struct pil_draft *draft)
{
    for (size_t i = 0; i < draft->rules; i++) {
        uint64_t who = draft->rule[i].who;
        struct pil_draft_role *role;
        unsigned used = 0;
        char *base;

        for (size_t k = 0; k < draft->rules; k++)
            used += draft->rule[k].who == who;
        if (who == draft->all || used < 2 || __builtin_popcountll(who) < 2 ||
            pil_draft_role_of(draft, who))
            continue;
        role = more(&draft->role, &draft->roles, sizeof(*role));
        if (!role || asprintf(&base, "%s-shared", draft->title) < 0)
            return PIL_E_NOMEM;
        role->who = who;
        role->title = unique(base, role_taken, draft);
        free(base);
        if (!role->title)
            return PIL_E_NOMEM;
    }
    return PIL_OK;
}

static char *rule_base(const struct pil_draft *draft, const struct pil_draft_rule *r)
{
    const struct pil_draft_role *role = pil_draft_role_of(draft, r->who);
    char *out = NULL;
    size_t len;
    FILE *to = open_memstream(&out, &len);

    if (!to)
        return NULL;
    if (r->who != draft->all && __builtin_popcountll(r->who) == 1)
        fprintf(to, "%.40s-", draft->subject[__builtin_ctzll(r->who)]);
    else if (role)
        fprintf(to, "%.40s-", role->title);
    for (unsigned action = 1, rest = r->actions; rest; action++, rest &= ~PIL_BIT(action - 1))
        if (rest & PIL_BIT(action))
            fprintf(to, "%s%s", pil_action_name(action), rest & (rest - 1) ? "-" : "");
    return fclose(to) ? NULL : out;
}

static int name_rules(struct pil_draft *draft)
{
    for (size_t i = 0; i < draft->rules; i++) {
        char *base = rule_base(draft, &draft->rule[i]);
        char *title = base ? unique(base, rule_taken, draft) : NULL;

        free(base);
        if (!title)
            return PIL_E_NOMEM;
        draft->rule[i].title = title;
    }
    return PIL_OK;
}

int pil_draft_make(struct pil_draft *draft, const struct pil_grants *grants)
{
    int error = make_services(draft, grants);

    if (!error)
        error = make_rules(draft, grants);
    if (!error)
        error = make_roles(draft);
    if (!error)
        error = name_rules(draft);
    if (error)
        pil_draft_free(draft);
    return error;
}
