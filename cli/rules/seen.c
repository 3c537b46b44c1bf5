#include "cli/rules/seen.h"

#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "core/err.h"

/* Texts of a record, all but the name. */
static const struct {
    const char *key;
    size_t at;
} texts[] = {
    {"exe", offsetof(struct pil_seen, exe)},
    {"user", offsetof(struct pil_seen, user)},
    {"unit", offsetof(struct pil_seen, unit)},
    {"cgroup", offsetof(struct pil_seen, cgroup)},
    {"workload", offsetof(struct pil_seen, workload)},
    {"caller", offsetof(struct pil_seen, caller)},
    {"peer", offsetof(struct pil_seen, peer)},
    {"policy", offsetof(struct pil_seen, policy)},
    {"rule", offsetof(struct pil_seen, rule)},
    {"shadow_policy", offsetof(struct pil_seen, shadow_policy)},
    {"shadow_rule", offsetof(struct pil_seen, shadow_rule)},
    {NULL, offsetof(struct pil_seen, name)},
};

static char **text_of(const struct pil_seen *seen, size_t i)
{
    return (char **)((char *)(uintptr_t)seen + texts[i].at);
}

static void drop(struct pil_seen *seen)
{
    for (size_t i = 0; i < PIL_NELEM(texts); i++)
        free(*text_of(seen, i));
}

void pil_seen_drop_last(struct pil_seen_list *list)
{
    drop(&list->item[--list->count]);
}

void pil_seen_free(struct pil_seen_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        drop(&list->item[i]);
    free(list->item);
    *list = (struct pil_seen_list){0};
}

/* ---- times ---------------------------------------------------------------------------------- */

/* "2026-11-25T15:50:03.123456Z" to "2026-11-25 15:50:03". */
static void take_time(char out[PIL_TIMES_TEXT], const char *text)
{
    strncpy(out, text, PIL_TIMES_TEXT - 1);
    out[PIL_TIMES_TEXT - 1] = '\0';
    if (strlen(out) > 10)
        out[10] = ' ';
}

void pil_times_add(struct pil_times *to, const struct pil_times *from)
{
    to->count += from->count;
    if (*from->first && (!*to->first || strcmp(from->first, to->first) < 0))
        memcpy(to->first, from->first, sizeof(to->first));
    if (strcmp(from->last, to->last) > 0)
        memcpy(to->last, from->last, sizeof(to->last));
}

/* ---- reading -------------------------------------------------------------------------------- */

static uint8_t index_of(const char *text, const char *(*name)(unsigned), unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(text, name(i)) == 0)
            return (uint8_t)i;
    return 0;
}

static bool take_ip(const json_t *record, const char *key, struct pil_ip *out)
{
    const char *text = pil_out_string(record, key);

    return *text && pil_ip_parse(pil_slice_of(text), out) == PIL_OK;
}

/* What is reached: the record says it for people, in `resource`, and in parts. */
static bool take_resource(const json_t *record, struct pil_seen *seen, const char **name)
{
    const char *resource = pil_out_string(record, "resource");

    *name = pil_out_string(record, "name");
    seen->port = (uint16_t)pil_out_number(record, "port");
    if (strncmp(resource, "unix:", 5) == 0) {
        seen->kind = PIL_KIND_UNIX;
        *name = resource + 5;
    } else if (take_ip(record, "address", &seen->ip)) {
        seen->kind = PIL_KIND_INET;
    } else if (strncmp(resource, "family:", 7) == 0) {
        seen->kind = PIL_KIND_OTHER;
        *name = resource;
    } else {
        seen->kind = PIL_KIND_NAME;
    }
    return seen->kind == PIL_KIND_INET || **name;
}

static void take_verdict(const json_t *record, struct pil_seen *seen)
{
    seen->effect = index_of(pil_out_string(record, "verdict"), pil_effect_name, 3);
    seen->reason = index_of(pil_out_string(record, "reason"), pil_reason_name, PIL_REASON_COUNT);
    seen->shadow = index_of(pil_out_string(record, "shadow"), pil_shadow_name, 3);
    seen->shadow_reason =
        index_of(pil_out_string(record, "shadow_reason"), pil_reason_name, PIL_REASON_COUNT);
}

static void take_times(const json_t *record, struct pil_seen *seen)
{
    const char *first = pil_out_string(record, "first"), *last = pil_out_string(record, "last");
    const char *time = pil_out_string(record, "time");

    take_time(seen->times.first, *first ? first : time);
    take_time(seen->times.last, *last ? last : time);
    seen->times.count = json_object_get(record, "count")
                            ? (uint64_t)pil_out_number(record, "count")
                            : 1; /* a line of the log is one decision */
}

static int take_texts(const json_t *record, struct pil_seen *seen, const char *name)
{
    int error = PIL_OK;

    for (size_t i = 0; i < PIL_NELEM(texts); i++) {
        const char *from = texts[i].key ? pil_out_string(record, texts[i].key) : name;

        *text_of(seen, i) = strdup(from);
        if (!*text_of(seen, i))
            error = PIL_E_NOMEM;
    }
    return error;
}

static bool grow(struct pil_seen_list *list)
{
    size_t room = list->room ? list->room * 2 : 64;
    struct pil_seen *grown;

    if (list->count < list->room)
        return true;
    grown = realloc(list->item, room * sizeof(*grown));
    if (!grown)
        return false;
    list->item = grown;
    list->room = room;
    return true;
}

int pil_seen_add(struct pil_seen_list *list, const json_t *record)
{
    struct pil_seen seen = {0};
    const char *name;
    int error;

    if (!*pil_out_string(record, "action"))
        return PIL_E_NOTFOUND;
    seen.action = (uint8_t)pil_action_parse(pil_slice_of(pil_out_string(record, "action")));
    if (seen.action == PIL_ACTION_NONE || !*pil_out_string(record, "verdict") ||
        !take_resource(record, &seen, &name))
        return PIL_E_SYNTAX;
    seen.uid = (uint32_t)pil_out_number(record, "uid");
    seen.has_source = take_ip(record, "source", &seen.source);
    seen.has_caller = *pil_out_string(record, "caller") != '\0';
    seen.has_peer = json_is_string(json_object_get(record, "peer"));
    take_verdict(record, &seen);
    take_times(record, &seen);
    error = take_texts(record, &seen, name);
    if (!error && !grow(list))
        error = PIL_E_NOMEM;
    if (error)
        drop(&seen);
    else
        list->item[list->count++] = seen;
    return error;
}

/* ---- folding -------------------------------------------------------------------------------- */

static int by_numbers(const struct pil_seen *a, const struct pil_seen *b)
{
    const uint32_t x[] = {a->action, a->kind,   a->port,       a->uid,        a->effect,
                          a->reason, a->shadow, a->has_source, a->has_caller, a->has_peer};
    const uint32_t y[] = {b->action, b->kind,   b->port,       b->uid,        b->effect,
                          b->reason, b->shadow, b->has_source, b->has_caller, b->has_peer};
    int order;

    for (size_t i = 0; i < PIL_NELEM(x); i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    order = memcmp(&a->ip, &b->ip, sizeof(a->ip));
    return order ? order : memcmp(&a->source, &b->source, sizeof(a->source));
}

static int by_all(const void *p, const void *q)
{
    const struct pil_seen *a = p, *b = q;

    for (size_t i = 0; i < PIL_NELEM(texts); i++) {
        int order = strcmp(*text_of(a, i), *text_of(b, i));

        if (order)
            return order;
    }
    return by_numbers(a, b);
}

void pil_seen_fold(struct pil_seen_list *list)
{
    size_t kept = 0;

    if (list->count > 0)
        qsort(list->item, list->count, sizeof(*list->item), by_all);
    for (size_t i = 0; i < list->count; i++) {
        if (kept > 0 && by_all(&list->item[kept - 1], &list->item[i]) == 0) {
            pil_times_add(&list->item[kept - 1].times, &list->item[i].times);
            drop(&list->item[i]);
        } else {
            list->item[kept++] = list->item[i];
        }
    }
    list->count = kept;
}

/* A log does not say the reason, which is "undecided" then. */
bool pil_seen_lacks_rule(const struct pil_seen *seen)
{
    return !*seen->shadow_rule && (seen->shadow_reason == PIL_REASON_UNDECIDED ||
                                   seen->shadow_reason == PIL_REASON_DEFAULT_DENY ||
                                   seen->shadow_reason == PIL_REASON_DEFAULT_ALLOW ||
                                   seen->shadow_reason == PIL_REASON_NO_DEFAULT);
}

struct pil_query pil_seen_query(const struct pil_seen *seen)
{
    return (struct pil_query){
        .action = seen->action,
        .kind = seen->kind,
        /* That a connection has no name is known too; a resolve is its name. */
        .seen = (uint8_t)(PIL_FIELD_NAME | (seen->has_source ? PIL_FIELD_SOURCE : 0) |
                          (seen->has_caller ? PIL_FIELD_CALLER : 0) |
                          (seen->has_peer ? PIL_FIELD_PEER : 0)),
        .port = seen->port,
        .ip = seen->ip,
        .source = seen->source,
        .name = pil_slice_of(seen->name),
        .caller = pil_slice_of(seen->caller),
        .peer = pil_slice_of(seen->peer),
    };
}

void pil_seen_print(const struct pil_seen *seen, char text[PIL_SEEN_TEXT])
{
    struct pil_query q = pil_seen_query(seen);
    struct pil_text out;

    pil_text_init(&out, text, PIL_SEEN_TEXT);
    pil_query_print(&q, &out);
    pil_out_clean(text);
}
