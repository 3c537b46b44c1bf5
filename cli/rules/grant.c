#include "cli/rules/grant.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"

static void drop(struct pil_grant *grant)
{
    free(grant->resource);
    free(grant->source);
    free(grant->host);
    grant->resource = grant->source = grant->host = NULL;
}

void pil_grants_free(struct pil_grants *list)
{
    for (size_t i = 0; i < list->count; i++)
        drop(&list->item[i]);
    free(list->item);
    *list = (struct pil_grants){0};
}

static bool grow(struct pil_grants *list)
{
    size_t room = list->room ? list->room * 2 : 64;
    struct pil_grant *grown;

    if (list->count < list->room)
        return true;
    grown = realloc(list->item, room * sizeof(*grown));
    if (!grown)
        return false;
    list->item = grown;
    list->room = room;
    return true;
}

const char *pil_grant_keyword(const char *source)
{
    return strncmp(source, "workload:", 9) == 0 || strncmp(source, "spiffe://", 9) == 0 ? "peer"
                                                                                        : "source";
}

/* A peer is asked for where one was seen; unix sockets have none. Who it is says more than where it
 * is, and stays when it moves. */
static bool take_source(const struct pil_shape *shape, const struct pil_seen *seen,
                        struct pil_grant *grant)
{
    bool any;

    if (seen->has_peer && *seen->peer) {
        grant->source = pil_shape_peer(shape, seen->peer);
        return grant->source != NULL;
    }
    if (seen->action != PIL_ACTION_ACCEPT || seen->kind != PIL_KIND_INET || !seen->has_source)
        return true;
    grant->source = pil_shape_source(shape, &seen->source, &any);
    return grant->source || any;
}

static bool take_host(const struct pil_seen *seen, struct pil_grant *grant)
{
    bool reaches = seen->action == PIL_ACTION_CONNECT || seen->action == PIL_ACTION_SEND;

    if (seen->kind != PIL_KIND_NAME && !(seen->kind == PIL_KIND_INET && reaches && *seen->name))
        return true;
    grant->host = strdup(seen->name);
    return grant->host != NULL;
}

int pil_grants_add(struct pil_grants *list, const struct pil_shape *shape,
                   const struct pil_seen *seen, unsigned who)
{
    struct pil_grant grant = {.who = UINT64_C(1) << who, .actions = PIL_BIT(seen->action)};
    bool fine;

    if (seen->kind == PIL_KIND_OTHER || (seen->kind == PIL_KIND_UNIX && !*seen->name))
        return PIL_E_NOTFOUND;
    grant.resource = pil_shape_resource(shape, seen, &grant.note);
    grant.times = seen->times;
    fine =
        grant.resource && take_source(shape, seen, &grant) && take_host(seen, &grant) && grow(list);
    if (fine)
        list->item[list->count++] = grant;
    else
        drop(&grant);
    return fine ? PIL_OK : PIL_E_NOMEM;
}

/* ---- boiling down --------------------------------------------------------------------------- */

static int order_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static int order_number(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* By subject first, with what may become one side by side. */
static int by_resource(const void *p, const void *q)
{
    const struct pil_grant *a = p, *b = q;
    int order = order_number(a->who, b->who);

    if (!order)
        order = strcmp(a->resource, b->resource);
    if (!order)
        order = order_text(a->source, b->source);
    return order ? order : order_number(a->actions, b->actions);
}

/* As they are written. */
static int by_action(const void *p, const void *q)
{
    const struct pil_grant *a = p, *b = q;
    int order = order_number(a->actions, b->actions);

    if (!order)
        order = strcmp(a->resource, b->resource);
    if (!order)
        order = order_text(a->source, b->source);
    return order ? order : order_number(a->who, b->who);
}

static void sort(struct pil_grants *list, int (*order)(const void *, const void *))
{
    if (list->count > 0)
        qsort(list->item, list->count, sizeof(*list->item), order);
}

/* Makes one of neighbours that `same` takes for one; `join` adds the second to the first. */
static void join_all(struct pil_grants *list,
                     bool (*same)(const struct pil_grant *, const struct pil_grant *))
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        struct pil_grant *last = kept > 0 ? &list->item[kept - 1] : NULL;
        struct pil_grant *grant = &list->item[i];

        if (!last || !same(last, grant)) {
            list->item[kept++] = *grant;
            continue;
        }
        last->who |= grant->who;
        last->actions |= grant->actions;
        last->note = last->note ? last->note : grant->note;
        pil_times_add(&last->times, &grant->times);
        drop(grant);
    }
    list->count = kept;
}

/* Whatever is done with the resource, by one subject. */
static bool same_resource(const struct pil_grant *a, const struct pil_grant *b)
{
    return a->who == b->who && strcmp(a->resource, b->resource) == 0 &&
           order_text(a->source, b->source) == 0 &&
           (a->actions == b->actions || !(a->source || b->source));
}

/* The same by another subject. */
static bool same_grant(const struct pil_grant *a, const struct pil_grant *b)
{
    return a->actions == b->actions && strcmp(a->resource, b->resource) == 0 &&
           order_text(a->source, b->source) == 0;
}

static bool is_lookup(const struct pil_grant *grant)
{
    return grant->actions == PIL_BIT(PIL_ACTION_RESOLVE) && grant->host;
}

/* A name that is looked up to be reached is allowed with what is reached; true when it was. */
static bool give_lookup(struct pil_grants *list, const struct pil_grant *lookup)
{
    bool given = false;

    for (size_t i = 0; i < list->count; i++) {
        struct pil_grant *grant = &list->item[i];

        if (grant == lookup || is_lookup(grant) || !grant->host || grant->source ||
            grant->who != lookup->who || strcmp(grant->host, lookup->host) != 0)
            continue;
        grant->actions |= lookup->actions;
        given = true;
    }
    return given;
}

static void give_lookups(struct pil_grants *list)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++)
        if (is_lookup(&list->item[i]) && give_lookup(list, &list->item[i]))
            list->item[i].who = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->item[i].who == 0)
            drop(&list->item[i]);
        else
            list->item[kept++] = list->item[i];
    }
    list->count = kept;
}

void pil_grants_settle(struct pil_grants *list)
{
    sort(list, by_resource);
    join_all(list, same_resource);
    give_lookups(list);
    sort(list, by_action);
    join_all(list, same_grant);
}
