#include <stdlib.h>
#include <string.h>

#include "conf/check.h"
#include "conf/resource.h"
#include "core/err.h"
#include "core/glob.h"

#define BIT(action) (1u << PIL_ACTION_##action)
#define ALL_ACTIONS (BIT(CONNECT) | BIT(ACCEPT) | BIT(LISTEN) | BIT(SEND) | BIT(RESOLVE))

/* Which actions ever ask about a kind of resource. */
static const unsigned actions_of_kind[] = {
    [PIL_KIND_NONE] = ALL_ACTIONS,
    [PIL_KIND_INET] = BIT(CONNECT) | BIT(ACCEPT) | BIT(LISTEN) | BIT(SEND),
    [PIL_KIND_UNIX] = BIT(CONNECT) | BIT(ACCEPT) | BIT(LISTEN) | BIT(SEND),
    [PIL_KIND_NAME] = BIT(CONNECT) | BIT(SEND) | BIT(RESOLVE),
};

unsigned pil_check_actions(const struct pil_rule *rule)
{
    unsigned actions = 0;

    if (!rule->actions.has)
        return ALL_ACTIONS;
    for (size_t i = 0; i < rule->actions.count; i++)
        actions |= 1u << pil_action_parse(pil_slice_of(rule->actions.item[i]));
    return actions & ALL_ACTIONS;
}

/* Text of an action set, for messages: "connect, send". */
static const char *name_actions(unsigned actions, char *buf, size_t cap)
{
    struct pil_text text;

    pil_text_init(&text, buf, cap);
    for (unsigned i = 1; i < PIL_ACTION_COUNT; i++) {
        if (!(actions & 1u << i))
            continue;
        pil_text_add(&text, text.len ? ", " : "");
        pil_text_add(&text, pil_action_name(i));
    }
    return buf;
}

/* A rule with a condition that cannot be seen never allows and always denies, which is seldom what
 * was meant. */
static void check_seen(struct pil_check *c, const struct pil_rule *rule, const char *keyword,
                       const struct pil_strings *list, unsigned seen)
{
    unsigned actions = pil_check_actions(rule), unseen = actions & ~seen;
    char names[64];

    if (!list->has || list->count == 0 || unseen == 0)
        return;
    if (rule->effect == PIL_DENY)
        pil_diag_warning(c->diag, list->at,
                         "condition \"%s\" of rule \"%s\" cannot be seen by %s, so the rule "
                         "denies those always",
                         keyword, rule->title, name_actions(unseen, names, sizeof(names)));
    else if (!(actions & seen))
        pil_diag_warning(c->diag, list->at,
                         "condition \"%s\" of rule \"%s\" cannot be seen by %s, so the rule "
                         "never allows",
                         keyword, rule->title, name_actions(unseen, names, sizeof(names)));
}

static void check_when(struct pil_check *c, const struct pil_rule *rule)
{
    const struct pil_when *when = &rule->when;
    const struct pil_strings *lists[] = {&when->source, &when->caller, &when->peer};
    static const char *const names[] = {"source", "caller", "peer"};

    if (when->timezone && !when->has_hours && !when->has_days)
        pil_diag_warning(
            c->diag, when->at,
            "condition \"timezone\" of rule \"%s\" has no effect without hours or days",
            rule->title);
    for (size_t i = 0; i < PIL_NELEM(lists); i++)
        if (lists[i]->has && lists[i]->count == 0)
            pil_diag_error(c->diag, lists[i]->at,
                           "nothing in \"%s\" of rule \"%s\"; legal is one or more", names[i],
                           rule->title);
    /* Only an accepted connection has a source, and only connections have somebody behind them. */
    check_seen(c, rule, "source", &when->source, BIT(ACCEPT));
    check_seen(c, rule, "peer", &when->peer, BIT(ACCEPT) | BIT(CONNECT));
    pil_check_peer(c, rule);
}

/* Actions that can ask about a resource as it is written. A service: about any endpoint of it. */
static unsigned askers(struct pil_check *c, const char *text, struct pil_resource *res)
{
    const struct pil_service *service;
    struct pil_resource endpoint;
    unsigned actions = 0;
    size_t index;

    if (pil_resource_parse(pil_slice_of(text), res, NULL))
        return ALL_ACTIONS; /* told by the loader */
    if (!res->service)
        return actions_of_kind[res->kind];
    index = pil_check_find(&c->service, text + strlen("service:"));
    if (index == PIL_CHECK_NONE)
        return ALL_ACTIONS;
    service = &c->model->service[index];
    for (size_t i = 0; i < service->endpoints.count; i++)
        if (!pil_resource_parse(pil_slice_of(service->endpoints.item[i]), &endpoint, NULL))
            actions |= actions_of_kind[endpoint.kind];
    return actions;
}

/* A service that is not there; or a lone word that is a host name, while a service of that title
 * is there and was probably meant. */
static void check_service_name(struct pil_check *c, const struct pil_strings *list, size_t i,
                               const struct pil_resource *res)
{
    const char *text = list->item[i];
    struct pil_at at = pil_check_item_at(list, i);

    if (res->service && pil_check_find(&c->service, text + strlen("service:")) == PIL_CHECK_NONE)
        pil_diag_error(c->diag, at,
                       "unknown service \"%s\" in resources; legal is one that is defined",
                       text + strlen("service:"));
    else if (!c->partial && res->kind == PIL_KIND_NAME &&
             pil_check_find(&c->service, text) != PIL_CHECK_NONE)
        pil_diag_warning(c->diag, at,
                         "resource \"%s\" is a host name; the service of that title is "
                         "\"service:%s\"",
                         text, text);
}

/* Paths are compared as the kernel resolves them, links followed; so a folder that is a link here
 * is one that no socket is in. */
static void check_folder(struct pil_check *c, const struct pil_strings *list, size_t i,
                         const struct pil_resource *res)
{
    size_t literal = pil_glob_literal(res->name);
    char folder[PIL_NAME_MAX + 1], *real;

    while (literal > 0 && res->name.at[literal - 1] != '/')
        literal--;
    if (res->kind != PIL_KIND_UNIX || literal < 2 || literal > sizeof(folder))
        return;
    memcpy(folder, res->name.at, literal - 1);
    folder[literal - 1] = '\0';
    real = folder[0] == '/' ? realpath(folder, NULL) : NULL;
    if (real && strcmp(real, folder) != 0)
        pil_diag_warning(c->diag, pil_check_item_at(list, i),
                         "resource \"%s\" never matches here: \"%s\" is a link; legal is \"%s\"",
                         list->item[i], folder, real);
    free(real);
}

static void check_resources(struct pil_check *c, const struct pil_rule *rule)
{
    const struct pil_strings *list = &rule->resources;
    unsigned actions = pil_check_actions(rule), met = 0;
    char names[64];

    for (size_t i = 0; i < list->count; i++) {
        struct pil_resource res = {0};

        met |= askers(c, list->item[i], &res);
        check_service_name(c, list, i, &res);
        if (!c->partial)
            check_folder(c, list, i, &res);
    }
    if (!c->partial && list->count > 0 && actions && !(met & actions))
        pil_diag_warning(c->diag, list->at,
                         "rule \"%s\" can never match: %s does not ask about such resources",
                         rule->title, name_actions(actions, names, sizeof(names)));
}

/* An empty list is not the same as no list: it matches nothing. */
static void warn_empty(struct pil_check *c, const struct pil_rule *rule)
{
    const struct pil_strings *lists[] = {&rule->subjects, &rule->actions, &rule->resources};
    static const char *const names[] = {"subjects", "actions", "resources"};

    for (size_t i = 0; i < PIL_NELEM(lists); i++)
        if (lists[i]->has && lists[i]->count == 0)
            pil_diag_warning(c->diag, lists[i]->at,
                             "rule \"%s\" can never match: \"%s\" is an empty list", rule->title,
                             names[i]);
}

void pil_check_rule(struct pil_check *c, const struct pil_policy *policy,
                    const struct pil_rule *rule)
{
    check_resources(c, rule);
    if (c->partial)
        return;
    if (!rule->has_effect)
        pil_diag_error(c->diag, rule->at,
                       "no \"effect\" in rule \"%s\" of policy \"%s\"; legal is allow or deny",
                       rule->title, policy->title);
    if (rule->rate.has && rule->has_effect && rule->effect == PIL_DENY)
        pil_diag_warning(c->diag, rule->rate.at,
                         "rate of rule \"%s\" has no effect: what is denied needs no limit",
                         rule->title);
    warn_empty(c, rule);
    check_when(c, rule);
}
