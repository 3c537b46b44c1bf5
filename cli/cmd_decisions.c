/* pillion decisions: the decision log, as it is written or as it was written to a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/lines.h"
#include "cli/options.h"
#include "cli/out.h"
#include "core/err.h"

struct view {
    const char *workload; /* NULL: all */
    bool denied, json;
    bool headed; /* the heading is out */
};

/* Both sides of a shadow difference are worth a look when denials are asked for. */
static bool wanted(const struct view *v, const json_t *record)
{
    const char *verdict = pil_out_string(record, "verdict");

    /* How many lines were lost is worth knowing whatever was asked for. */
    if (strcmp(pil_out_string(record, "event"), "follow-dropped") == 0)
        return true;
    if (v->workload && strcmp(pil_out_string(record, "workload"), v->workload) != 0)
        return false;
    return !v->denied || (*verdict && strcmp(verdict, "allow") != 0);
}

#define COLUMNS "%-15.15s %-8s %-16s %7s %-7s %-32s %s\n"

static void field(char *buf, size_t len, const char *text)
{
    snprintf(buf, len, "%s", *text ? text : "-");
    pil_out_clean(buf);
}

static void decider(const json_t *record, char *buf, size_t len)
{
    const char *policy = pil_out_string(record, "policy"), *rule = pil_out_string(record, "rule");
    const char *shadow = pil_out_string(record, "shadow");
    int n = *policy ? snprintf(buf, len, "%s/%s", policy, *rule ? rule : "default")
                    : snprintf(buf, len, "%s", pil_out_string(record, "reason"));

    if (*shadow && strcmp(shadow, "none") != 0 && n > 0 && (size_t)n < len)
        snprintf(buf + n, len - (size_t)n, " (%s)", shadow);
}

/* "2026-01-05T08:30:15.123456Z" without its date: who follows knows the day. */
static const char *clock_of(const char *time)
{
    const char *t = strchr(time, 'T');

    return t ? t + 1 : time;
}

/* What a row shows of a record, cleaned; those of events are in the places that fit. */
struct row {
    char time[32], verdict[16], workload[PIL_TITLE_MAX + 1], pid[24], action[16];
    char resource[PIL_TEXT_MAX + 1], by[512];
};

static void fill(const json_t *record, struct row *r)
{
    const char *verdict = pil_out_string(record, "verdict");
    bool event = *verdict == '\0';
    char by[512];

    decider(record, by, sizeof(by));
    field(r->time, sizeof(r->time), clock_of(pil_out_string(record, "time")));
    field(r->verdict, sizeof(r->verdict), event ? "event" : verdict);
    field(r->workload, sizeof(r->workload), pil_out_string(record, "workload"));
    field(r->action, sizeof(r->action), pil_out_string(record, "action"));
    field(r->resource, sizeof(r->resource), pil_out_string(record, event ? "event" : "resource"));
    field(r->by, sizeof(r->by), event ? pil_out_string(record, "exe") : by);
    snprintf(r->pid, sizeof(r->pid), "%lld", (long long)pil_out_number(record, "pid"));
}

static void print_row(struct view *v, const json_t *record)
{
    struct row r;

    if (!v->headed)
        printf(COLUMNS, "TIME (UTC)", "VERDICT", "WORKLOAD", "PID", "ACTION", "RESOURCE", "BY");
    v->headed = true;
    fill(record, &r);
    printf(COLUMNS, r.time, r.verdict, r.workload, r.pid, r.action, r.resource, r.by);
}

static bool take_line(void *cookie, const char *text, size_t len)
{
    struct view *v = cookie;
    json_t *record = json_loadb(text, len, 0, NULL);

    if (!record) {
        pil_cli_error("a line of the log is no JSON object and is passed over");
        return true;
    }
    if (wanted(v, record)) {
        if (v->json) {
            fwrite(text, 1, len, stdout);
            putchar('\n');
        } else {
            print_row(v, record);
        }
        fflush(stdout);
    }
    json_decref(record);
    return !ferror(stdout);
}

/* policyd leaves out what nobody looks at here. */
static json_t *filter_of(const struct view *v)
{
    json_t *filter = json_object();

    if (v->workload)
        json_object_set_new(filter, "workload", pil_out_json_text(v->workload));
    if (v->denied || v->workload)
        json_object_set_new(filter, "events", json_false());
    return filter;
}

static int follow(const char *socket, const struct view *v, struct pil_lines *lines)
{
    struct pil_client *c = malloc(sizeof(*c));
    json_t *filter = filter_of(v);
    struct pil_slice piece;
    int error, fd;

    if (!c) {
        json_decref(filter);
        return PIL_EXIT_FAILED;
    }
    error = pil_client_open(c, socket);
    if (!error)
        error = pil_client_send(c, "follow", filter);
    json_decref(filter);
    while (!error) {
        error = pil_client_next(c, -1, &piece, &fd);
        if (fd >= 0)
            close(fd);
        if (!error && !pil_lines_feed(lines, piece.at, piece.len))
            break;
    }
    if (error && error != PIL_E_CLOSED)
        pil_cli_error("%s", c->problem);
    pil_client_close(c);
    free(c);
    return pil_cli_exit_of(error == PIL_E_CLOSED ? PIL_OK : error);
}

static int show(const char *socket, const char *log, struct view *v)
{
    struct pil_lines *lines = calloc(1, sizeof(*lines));
    int code;

    if (!lines)
        return PIL_EXIT_FAILED;
    lines->line = take_line;
    lines->cookie = v;
    code = log ? pil_lines_file(log, lines) : follow(socket, v, lines);
    if (lines->skipped)
        pil_cli_error("%u lines were too long and are passed over", lines->skipped);
    free(lines);
    return code;
}

int pil_cmd_decisions(const struct pil_command *self, int argc, char **argv)
{
    const char *socket = NULL, *log = NULL;
    bool follows = false;
    struct view v = {0};
    const struct pil_option rows[] = {
        {'f', "follow", NULL, "show decisions as they are taken", &follows, NULL, NULL},
        {0, "log", "FILE", "show those of a log file, - for stdin", NULL, &log, NULL},
        {'d', "denied", NULL, "only what was not allowed", &v.denied, NULL, NULL},
        {'w', "workload", "WORKLOAD", "only this workload's", NULL, &v.workload, NULL},
        {0, "json", NULL, "print JSON, one line each (default unless a terminal)", &v.json, NULL,
         NULL},
        {'s', "socket", "SOCKET", "policyd's socket", NULL, &socket, NULL},
    };
    int first;
    enum pil_options got = pil_options_read(self, rows, PIL_NELEM(rows), false, argc, argv, &first);

    if (got != PIL_OPTIONS_OK)
        return pil_options_exit(got);
    if (!pil_options_operands(self, argc - first, 0, 0))
        return PIL_EXIT_USAGE;
    if (follows == (log != NULL)) {
        pil_cli_error("decisions: exactly one of --follow and --log is needed");
        return PIL_EXIT_USAGE;
    }
    v.json = v.json || !isatty(STDOUT_FILENO);
    return show(socket, log, &v);
}
