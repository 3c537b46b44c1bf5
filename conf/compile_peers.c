/*
 * Peers of a condition: names of workloads and roles become patterns of SPIFFE IDs, because who is
 * at the other end is known by its certificate alone and may live on another host.
 */
#include "conf/compile_parts.h"

#include <stdlib.h>

#include "core/err.h"

struct gather {
    struct pil_compile *c;
    struct pil_strings list; /* texts of the model or of the arena; the array is malloc'd */
    size_t cap;
    bool *seen; /* per role, so that each is looked into once, also in a circle */
};

static void gather_list(struct gather *g, const struct pil_strings *list);

static void gather_text(struct gather *g, char *text)
{
    if (text && g->list.count == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 16;
        char **item = realloc(g->list.item, cap * sizeof(*item));

        if (item)
            g->list.item = item;
        text = item ? text : NULL;
        g->cap = item ? cap : g->cap;
    }
    if (text)
        g->list.item[g->list.count++] = text;
    else
        pil_compile_fail(g->c, PIL_E_NOMEM);
}

/* Without a trust domain a workload has no ID, and nobody can show one. */
static void gather_workload(struct gather *g, const char *title)
{
    static const char scheme[] = "spiffe://";
    const char *domain = g->c->model->trust_domain;
    size_t room;
    char *text;

    if (pil_compile_find(&g->c->workloads, pil_slice_of(title)) == PIL_NO_INDEX)
        pil_compile_fail(g->c, PIL_E_NOTFOUND);
    if (!domain)
        return;
    room = sizeof(scheme) + strlen(domain) + 1 + strlen(title);
    text = pil_compile_alloc(g->c, room, 1);
    if (text) {
        struct pil_text out;

        pil_text_init(&out, text, room);
        pil_text_add(&out, scheme);
        pil_text_add(&out, domain);
        pil_text_add(&out, "/");
        pil_text_add(&out, title);
    }
    gather_text(g, text);
}

static void gather_role(struct gather *g, const char *title)
{
    uint32_t role = pil_compile_find(&g->c->roles, pil_slice_of(title));

    if (role == PIL_NO_INDEX) {
        pil_compile_fail(g->c, PIL_E_NOTFOUND);
        return;
    }
    if (g->seen[role])
        return;
    g->seen[role] = true;
    gather_list(g, &g->c->model->role[g->c->roles.item[role].model].members);
}

static void gather_list(struct gather *g, const struct pil_strings *list)
{
    static const char workload[] = "workload:", role[] = "role:";

    for (size_t i = 0; i < list->count && !g->c->err; i++) {
        char *text = list->item[i];

        if (strncmp(text, workload, sizeof(workload) - 1) == 0)
            gather_workload(g, text + sizeof(workload) - 1);
        else if (strncmp(text, role, sizeof(role) - 1) == 0)
            gather_role(g, text + sizeof(role) - 1);
        else
            gather_text(g, text);
    }
}

struct pil_layout_span pil_compile_peers(struct pil_compile *c, const struct pil_strings *list)
{
    struct gather g = {.c = c};
    struct pil_layout_span span = {0, 0};

    if (list->count == 0)
        return span;
    g.seen = pil_compile_alloc(c, c->roles.count + 1u, sizeof(*g.seen));
    if (g.seen)
        gather_list(&g, list);
    if (!c->err)
        span = pil_compile_texts(c, &g.list, PIL_LIST_PLAIN);
    free(g.list.item);
    return span;
}
