/* pillion shadow: what policies in shadow would have decided otherwise, added up. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/client.h"
#include "cli/duration.h"
#include "cli/lines.h"
#include "cli/options.h"
#include "cli/out.h"
#include "cli/rules/offer.h"
#include "cli/source.h"
#include "cli/when.h"
#include "core/err.h"

struct view {
    const char *socket, *log, *policy, *workload;
    char since[PIL_TIMES_TEXT]; /* "": all */
    bool json, rules, reset;
    json_t *report; /* policyd's; NULL with a log */
    struct pil_seen_list seen;
    unsigned broken; /* lines of a log */
};

/* ---- getting -------------------------------------------------------------------------------- */

static bool wanted(const struct view *v, const struct pil_seen *seen)
{
    return seen->shadow != PIL_SHADOW_NONE &&
           (!v->policy || strcmp(seen->shadow_policy, v->policy) == 0) &&
           (!v->workload || strcmp(seen->workload, v->workload) == 0) &&
           strcmp(seen->times.last, v->since) >= 0;
}

/* What is not wanted is taken back, so that it costs no room. */
static int take(struct view *v, json_t *record)
{
    size_t before = v->seen.count;
    int error = pil_seen_add(&v->seen, record);

    if (error)
        return error;
    if (wanted(v, &v->seen.item[before]))
        return PIL_OK;
    pil_seen_drop_last(&v->seen);
    return PIL_OK;
}

static bool take_line(void *cookie, const char *text, size_t len)
{
    struct view *v = cookie;
    json_t *record = json_loadb(text, len, 0, NULL);
    int error = record ? take(v, record) : PIL_E_SYNTAX;

    json_decref(record);
    v->broken += error == PIL_E_SYNTAX;
    return error != PIL_E_NOMEM;
}

static int from_log(struct view *v)
{
    struct pil_lines *lines = calloc(1, sizeof(*lines));
    int code;

    if (!lines)
        return PIL_EXIT_FAILED;
    lines->line = take_line;
    lines->cookie = v;
    code = pil_lines_file(v->log, lines);
    v->broken += lines->skipped;
    free(lines);
    if (v->broken)
        pil_cli_error("%u lines of the log are no records and are passed over", v->broken);
    pil_seen_fold(&v->seen);
    return code;
}

static int from_policyd(struct view *v)
{
    json_t *argument = json_pack("{s:b}", "reset", v->reset), *entry;
    int error = pil_client_ask(v->socket, "shadow", argument, &v->report, NULL);
    size_t i;

    json_decref(argument);
    json_array_foreach(json_object_get(v->report, "entries"), i, entry)
    {
        if (!error && take(v, entry) == PIL_E_NOMEM)
            error = PIL_E_NOMEM;
    }
    return pil_cli_exit_of(error);
}

/* ---- the table ------------------------------------------------------------------------------ */

/* Most often first; then the latest; the rest as it is sorted anyway. */
static int by_count(const void *p, const void *q)
{
    const struct pil_seen *a = p, *b = q;

    if (a->times.count != b->times.count)
        return a->times.count > b->times.count ? -1 : 1;
    return strcmp(b->times.last, a->times.last);
}

static void print_resource(const struct pil_seen *s, char *buf, size_t len)
{
    struct pil_query q = pil_seen_query(s);
    char ip[PIL_IP_TEXT];
    struct pil_text out;

    pil_text_init(&out, buf, len);
    pil_query_print(&q, &out);
    if (s->has_source) {
        pil_ip_print(&s->source, ip);
        pil_text_add(&out, " from ");
        pil_text_add(&out, ip);
    }
    if (s->has_peer) {
        pil_text_add(&out, *s->peer ? " " : " nobody");
        pil_text_add(&out, s->peer);
    }
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static void print_by(const struct pil_seen *s, char *buf, size_t len)
{
    if (*s->shadow_rule)
        snprintf(buf, len, "%s/%s", s->shadow_policy, s->shadow_rule);
    else if (!pil_seen_lacks_rule(s))
        snprintf(buf, len, "%s", pil_reason_text(s->shadow_reason));
    else if (*s->shadow_policy)
        snprintf(buf, len, "%s: no rule, its default", s->shadow_policy);
    else
        snprintf(buf, len, "no rule: the default");
}

static void print_row(struct pil_table *table, const struct pil_seen *s)
{
    char resource[PIL_TEXT_MAX], by[256];

    print_resource(s, resource, sizeof(resource));
    print_by(s, by, sizeof(by));
    pil_table_add(table, "%llu", (unsigned long long)s->times.count);
    pil_table_add(table, "%s", pil_shadow_name(s->shadow));
    pil_table_add(table, "%s", *s->workload ? s->workload : "-");
    pil_table_add(table, "%s", *s->exe ? base_name(s->exe) : "-");
    pil_table_add(table, "%s", pil_action_name(s->action));
    pil_table_add(table, "%s", resource);
    pil_table_add(table, "%s", by);
    pil_table_add(table, "%s", *s->caller ? s->caller : "-");
    pil_table_add(table, "%s", s->times.first);
    pil_table_add(table, "%s", s->times.last);
}

static void print_table(const struct view *v)
{
    static const char *const heads[] = {"CALLS",    "SHADOW", "WORKLOAD", "PROGRAM", "ACTION",
                                        "RESOURCE", "BY",     "CALLER",   "FIRST",   "LAST (UTC)"};
    struct pil_table table;

    if (v->seen.count == 0) {
        puts("no differences");
        return;
    }
    pil_table_init(&table, PIL_NELEM(heads));
    for (size_t i = 0; i < PIL_NELEM(heads); i++)
        pil_table_add(&table, "%s", v->log && i == 0 ? "DECISIONS" : heads[i]);
    for (size_t i = 0; i < v->seen.count; i++)
        print_row(&table, &v->seen.item[i]);
    pil_table_print(&table, stdout);
}

/* How whole the table is. */
static void print_frame(const struct view *v)
{
    if (v->log) {
        puts("decisions of the log; calls that the caches of processes answered are not in it");
        return;
    }
    printf("since %s: %lld calls would have been denied, %lld allowed\n",
           pil_out_string(v->report, "since"), (long long)pil_out_number(v->report, "would_deny"),
           (long long)pil_out_number(v->report, "would_allow"));
    if (pil_out_number(v->report, "missed"))
        printf("and %lld calls not kept one by one: there was no room for more that differ\n",
               (long long)pil_out_number(v->report, "missed"));
    if (pil_out_number(v->report, "untold"))
        printf("and %lld calls that processes could only count: they asked too many different "
               "questions at a time\n",
               (long long)pil_out_number(v->report, "untold"));
}

/* ---- rules and JSON ------------------------------------------------------------------------- */

static int print_rules(const struct view *v)
{
    const struct pil_words none = {0};
    struct pil_shape shape = {.all = &v->seen};
    struct pil_source source;
    bool image = !v->log && pil_source_open(&source, &none, v->socket) == PIL_OK;
    int error;

    shape.image = image ? &source.image : NULL;
    pil_shape_open(&shape);
    error = pil_offer(stdout, &v->seen, &shape, image ? &source.image : NULL);
    pil_shape_close(&shape);
    if (image)
        pil_source_close(&source);
    if (error)
        pil_cli_error("%s", pil_err_text(error));
    return pil_cli_exit_of(error);
}

static json_t *seen_json(const struct pil_seen *s)
{
    char resource[PIL_TEXT_MAX], ip[PIL_IP_TEXT] = "";
    struct pil_query q = pil_seen_query(s);
    struct pil_text out;
    json_t *json;

    pil_text_init(&out, resource, sizeof(resource));
    pil_query_print(&q, &out);
    if (s->has_source)
        pil_ip_print(&s->source, ip);
    json = json_pack("{s:I, s:s, s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:o, s:s, s:s}", "count",
                     (json_int_t)s->times.count, "shadow", pil_shadow_name(s->shadow), "workload",
                     pil_out_json_text(s->workload), "exe", pil_out_json_text(s->exe), "action",
                     pil_action_name(s->action), "resource", pil_out_json_text(resource), "source",
                     ip, "caller", pil_out_json_text(s->caller), "shadow_policy",
                     pil_out_json_text(s->shadow_policy), "shadow_rule",
                     pil_out_json_text(s->shadow_rule), "first", s->times.first, "last",
                     s->times.last);
    if (s->has_peer)
        json_object_set_new(json, "peer", pil_out_json_text(s->peer));
    return json;
}

/* The same members wherever it comes from. */
static void print_json(const struct view *v)
{
    json_t *out = v->report ? json_copy(v->report) : json_object(), *list = json_array();

    for (size_t i = 0; i < v->seen.count; i++)
        json_array_append_new(list, seen_json(&v->seen.item[i]));
    json_object_set_new(out, "entries", list);
    pil_out_json(stdout, out, true);
    json_decref(out);
}

static int show(struct view *v)
{
    int code = v->log ? from_log(v) : from_policyd(v);

    if (code)
        return code;
    if (v->rules)
        return print_rules(v);
    if (v->seen.count > 0)
        qsort(v->seen.item, v->seen.count, sizeof(*v->seen.item), by_count);
    if (v->json) {
        print_json(v);
    } else {
        print_table(v);
        print_frame(v);
    }
    return PIL_EXIT_OK;
}

/* ---- options -------------------------------------------------------------------------------- */

/* So long ago, or a point in time. */
static bool read_since(const char *text, char out[PIL_TIMES_TEXT])
{
    int64_t at;
    uint64_t ms;
    time_t seconds;
    struct tm tm;

    if (pil_duration_parse(text, &ms))
        at = (int64_t)time(NULL) - (int64_t)(ms / 1000);
    else if (pil_when_parse(text, &at))
        return false;
    seconds = (time_t)at;
    return gmtime_r(&seconds, &tm) &&
           strftime(out, PIL_TIMES_TEXT, "%Y-%m-%d %H:%M:%S", &tm) == PIL_TIMES_TEXT - 1;
}

int pil_cmd_shadow(const struct pil_command *self, int argc, char **argv)
{
    struct view v = {0};
    const char *since = NULL;
    const struct pil_option rows[] = {
        {0, "rules", NULL, "print rules that allow what would have been denied", &v.rules, NULL,
         NULL},
        {'p', "policy", "POLICY", "only what this policy would have changed", NULL, &v.policy,
         NULL},
        {'w', "workload", "WORKLOAD", "only this workload's", NULL, &v.workload, NULL},
        {0, "since", "TIME", "only what was seen since; 2h, or a point in time", NULL, &since,
         NULL},
        {0, "log", "FILE", "those of a decision log, - for stdin", NULL, &v.log, NULL},
        {0, "reset", NULL, "and forget what was added up", &v.reset, NULL, NULL},
        {0, "json", NULL, "print JSON", &v.json, NULL, NULL},
        {'s', "socket", "SOCKET", "policyd's socket", NULL, &v.socket, NULL},
    };
    int first, code;
    enum pil_options got = pil_options_read(self, rows, PIL_NELEM(rows), false, argc, argv, &first);

    if (got != PIL_OPTIONS_OK)
        return pil_options_exit(got);
    if (!pil_options_operands(self, argc - first, 0, 0))
        return PIL_EXIT_USAGE;
    if ((v.log && v.reset) || (v.json && v.rules)) {
        pil_cli_error("shadow: %s", v.log && v.reset ? "a log cannot be forgotten by --reset"
                                                     : "either --json or --rules");
        return PIL_EXIT_USAGE;
    }
    if (since && !read_since(since, v.since)) {
        pil_cli_error("shadow: --since %s; legal is a duration such as 2h, or %s", since,
                      PIL_WHEN_LEGAL);
        return PIL_EXIT_USAGE;
    }
    code = show(&v);
    json_decref(v.report);
    pil_seen_free(&v.seen);
    return code;
}
