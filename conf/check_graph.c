#include <stdlib.h>

#include "conf/check.h"

enum visit {
    VISIT_NEW = 0,
    VISIT_OPEN, /* on the path that is being walked */
    VISIT_DONE,
};

/* Things of one kind that lead to others of it: roles by members, policies by inherits. */
struct graph {
    struct pil_check *check;
    size_t count;
    const struct pil_strings *(*list)(const struct pil_model *model, size_t node);
    size_t (*target)(const struct pil_check *c, const char *text); /* or PIL_CHECK_NONE */
    const char *what;                                              /* "inheritance" */
    unsigned char *state;
    unsigned *height; /* of a node that is done: things on its longest path, itself included */
};

static unsigned walk(struct graph *g, size_t node, unsigned level);

/* Height of what item i of a list leads to; 0 when it leads nowhere or was told. */
static unsigned follow(struct graph *g, const struct pil_strings *list, size_t i, unsigned level)
{
    size_t next = g->target(g->check, list->item[i]);
    struct pil_at at = pil_check_item_at(list, i);
    unsigned height;

    if (next == PIL_CHECK_NONE)
        return 0;
    if (g->state[next] == VISIT_OPEN) {
        pil_diag_error(g->check->diag, at,
                       "%s runs in a circle through \"%s\"; legal is a way that comes to an end",
                       g->what, list->item[i]);
        return 0;
    }
    height = g->state[next] == VISIT_DONE ? g->height[next] : 0;
    if (level + (height ? height : 1) > PIL_INHERIT_MAX) {
        pil_diag_error(g->check->diag, at, "%s is too deep at \"%s\"; legal is a path of %u",
                       g->what, list->item[i], PIL_INHERIT_MAX);
        return 0;
    }
    return height ? height : walk(g, next, level + 1);
}

/* Depth first. The level bounds the recursion, heights that are known are not walked again. */
static unsigned walk(struct graph *g, size_t node, unsigned level)
{
    const struct pil_strings *list = g->list(g->check->model, node);
    unsigned highest = 0;

    g->state[node] = VISIT_OPEN;
    for (size_t i = 0; i < list->count; i++) {
        unsigned height = follow(g, list, i, level);

        if (height > highest)
            highest = height;
    }
    g->state[node] = VISIT_DONE;
    g->height[node] = highest + 1;
    return g->height[node];
}

static void check_graph(struct graph *g)
{
    g->state = calloc(g->count + 1, sizeof(*g->state));
    g->height = calloc(g->count + 1, sizeof(*g->height));
    if (!g->state || !g->height)
        g->check->nomem = true;
    else
        for (size_t i = 0; i < g->count; i++)
            if (g->state[i] == VISIT_NEW)
                walk(g, i, 1);
    free(g->state);
    free(g->height);
}

static const struct pil_strings *members_of(const struct pil_model *model, size_t node)
{
    return &model->role[node].members;
}

static size_t role_of(const struct pil_check *c, const char *text)
{
    const char *title = pil_check_behind(text, "role:");

    return title ? pil_check_find(&c->role, title) : PIL_CHECK_NONE;
}

static const struct pil_strings *inherits_of(const struct pil_model *model, size_t node)
{
    return &model->policy[node].inherits;
}

static size_t policy_of(const struct pil_check *c, const char *text)
{
    return pil_check_find(&c->policy, text);
}

void pil_check_graphs(struct pil_check *c)
{
    struct graph roles = {.check = c,
                          .count = c->model->role_count,
                          .list = members_of,
                          .target = role_of,
                          .what = "membership"};
    struct graph policies = {.check = c,
                             .count = c->model->policy_count,
                             .list = inherits_of,
                             .target = policy_of,
                             .what = "inheritance"};

    check_graph(&roles);
    check_graph(&policies);
}
