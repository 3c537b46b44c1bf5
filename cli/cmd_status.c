/* pillion status: policyd, the policy in force, and the processes under it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/options.h"
#include "cli/out.h"
#include "core/err.h"

static void print_health(const json_t *health)
{
    const json_t *reasons = json_object_get(health, "reasons"), *one;
    size_t i;

    if (json_is_true(json_object_get(health, "ok"))) {
        puts("health     ok");
        return;
    }
    json_array_foreach(reasons, i, one)
    {
        fputs(i == 0 ? "health     NOT OK: " : "           ", stdout);
        pil_out_text(stdout, pil_out_string(one, "text"));
        printf(" (%s)\n", pil_out_string(one, "name"));
    }
}

static void print_switch(const json_t *now)
{
    const char *mode = pil_out_string(now, "mode");

    if (*mode == '\0' || strcmp(mode, "on") == 0)
        return;
    printf("switch     %s: NOTHING IS REFUSED", mode);
    if (*pil_out_string(now, "until"))
        printf(" until %s", pil_out_string(now, "until"));
    fputs(", by ", stdout);
    pil_out_text(stdout, pil_out_string(now, "by"));
    fputs(": ", stdout);
    pil_out_text(stdout, pil_out_string(now, "reason"));
    putchar('\n');
}

static void print_policy(const json_t *policy)
{
    const json_t *paths = json_object_get(policy, "paths"), *one;
    char age[32];
    size_t i;

    if (!json_is_true(json_object_get(policy, "present"))) {
        puts("policy     none: every call is refused");
    } else {
        pil_out_age(age, sizeof(age), pil_out_number(policy, "age_seconds"));
        printf("policy     generation %lld, %s old%s, digest %s\n",
               (long long)pil_out_number(policy, "generation"), age,
               json_is_true(json_object_get(policy, "stale")) ? " (STALE: every call is refused)"
                                                              : "",
               pil_out_string(policy, "digest"));
        printf("           %lld workloads, %lld policies, %lld rules\n",
               (long long)pil_out_number(policy, "workloads"),
               (long long)pil_out_number(policy, "policies"),
               (long long)pil_out_number(policy, "rules"));
    }
    json_array_foreach(paths, i, one)
    {
        fputs("           from ", stdout);
        pil_out_text(stdout, json_is_string(one) ? json_string_value(one) : "");
        putchar('\n');
    }
}

static void print_load(const json_t *load)
{
    const json_t *errors = json_object_get(load, "errors"), *one;
    size_t i;

    printf("last load  %s", pil_out_string(load, "outcome"));
    if (*pil_out_string(load, "time"))
        printf(", by %s at %s", pil_out_string(load, "cause"), pil_out_string(load, "time"));
    putchar('\n');
    json_array_foreach(errors, i, one)
    {
        fputs("           ", stdout);
        pil_out_text(stdout, json_is_string(one) ? json_string_value(one) : "");
        putchar('\n');
    }
}

static void print_log(const json_t *log)
{
    fputs("log        ", stdout);
    pil_out_text(stdout, pil_out_string(log, "path"));
    printf(", %lld lines, %lld lost", (long long)pil_out_number(log, "lines"),
           (long long)pil_out_number(log, "dropped"));
    if (pil_out_number(log, "error"))
        printf(", failing: %s", strerror((int)pil_out_number(log, "error")));
    putchar('\n');
}

static void print_decisions(const json_t *decisions)
{
    struct pil_table table;
    const char *tier;
    json_t *one;

    if (json_object_size(decisions) == 0)
        return;
    putchar('\n');
    pil_table_init(&table, 4);
    pil_table_add(&table, "DECIDED BY");
    pil_table_add(&table, "ALLOW");
    pil_table_add(&table, "DENY");
    pil_table_add(&table, "THROTTLE");
    json_object_foreach((json_t *)decisions, tier, one)
    {
        pil_table_add(&table, "%s", tier);
        pil_table_add(&table, "%lld", (long long)pil_out_number(one, "allow"));
        pil_table_add(&table, "%lld", (long long)pil_out_number(one, "deny"));
        pil_table_add(&table, "%lld", (long long)pil_out_number(one, "throttle"));
    }
    pil_table_print(&table, stdout);
}

static void print_paths(const json_t *paths)
{
    const char *path, *comma = "";
    json_t *one;

    json_object_foreach((json_t *)paths, path, one)
    {
        if (!pil_out_number(one, "opened"))
            continue;
        printf("%s%lld %s", comma, (long long)pil_out_number(one, "standing"), path);
        comma = ", ";
    }
    if (!*comma)
        fputs("none yet", stdout);
}

/* Nothing where nothing was ever secured. */
static void print_mesh(const json_t *mesh)
{
    const json_t *listeners = json_object_get(mesh, "listeners");

    if (!json_is_object(mesh))
        return;
    fputs("secured    ", stdout);
    print_paths(json_object_get(mesh, "paths"));
    printf("; %zu listeners, %lld handshakes under way\n", json_array_size(listeners),
           (long long)pil_out_number(mesh, "handshaking"));
}

static void print_status(const json_t *status, const char *socket)
{
    printf("policyd    %s, pid %lld, since %s, at ", pil_out_string(status, "version"),
           (long long)pil_out_number(status, "pid"), pil_out_string(status, "started"));
    pil_out_text(stdout, socket);
    putchar('\n');
    print_health(json_object_get(status, "health"));
    print_switch(json_object_get(status, "switch"));
    print_policy(json_object_get(status, "policy"));
    print_load(json_object_get(status, "load"));
    printf("processes  %lld, with %lld sessions\n", (long long)pil_out_number(status, "processes"),
           (long long)pil_out_number(status, "sessions"));
    print_mesh(json_object_get(status, "mesh"));
    print_log(json_object_get(status, "log"));
    print_decisions(json_object_get(status, "decisions"));
}

/* "covered", or the gaps by name: none is silent. */
static void coverage(const json_t *process, char *buf, size_t len)
{
    const json_t *gaps = json_object_get(process, "gaps"), *one;
    size_t i;

    snprintf(buf, len, "%s", json_array_size(gaps) ? "" : "covered");
    json_array_foreach(gaps, i, one)
    {
        size_t at = strlen(buf);

        snprintf(buf + at, len - at, "%s%s", i ? "," : "",
                 json_is_string(one) ? json_string_value(one) : "?");
    }
}

static void print_processes(const json_t *list)
{
    static const char *const heading[] = {"PID",       "USER",    "WORKLOAD", "COVERAGE",  "CLASS",
                                          "DECISIONS", "DENIALS", "SINCE",    "EXECUTABLE"};
    struct pil_table table;
    const json_t *one;
    char gaps[128];
    size_t i;

    putchar('\n');
    pil_table_init(&table, PIL_NELEM(heading));
    for (i = 0; i < PIL_NELEM(heading); i++)
        pil_table_add(&table, "%s", heading[i]);
    json_array_foreach(list, i, one)
    {
        const char *workload = pil_out_string(one, "workload"),
                   *class = pil_out_string(one, "class");

        coverage(one, gaps, sizeof(gaps));
        pil_table_add(&table, "%lld", (long long)pil_out_number(one, "pid"));
        pil_table_add(&table, "%s", pil_out_string(one, "user"));
        pil_table_add(&table, "%s", *workload ? workload : "-");
        pil_table_add(&table, "%s", gaps);
        pil_table_add(&table, "%s", *class ? class : "-");
        pil_table_add(&table, "%lld", (long long)pil_out_number(one, "decisions"));
        pil_table_add(&table, "%lld", (long long)pil_out_number(one, "denials"));
        pil_table_add(&table, "%s", pil_out_string(one, "since"));
        pil_table_add(&table, "%s", pil_out_string(one, "exe"));
    }
    pil_table_print(&table, stdout);
}

static void print_connections(const json_t *list)
{
    static const char *const heading[] = {"ID",    "PID",  "WORKLOAD", "ACTION", "OWN",
                                          "OTHER", "PEER", "PATH",     "SINCE"};
    struct pil_table table;
    const json_t *one;
    char id[32];
    size_t i;

    putchar('\n');
    pil_table_init(&table, PIL_NELEM(heading));
    for (i = 0; i < PIL_NELEM(heading); i++)
        pil_table_add(&table, "%s", heading[i]);
    json_array_foreach(list, i, one)
    {
        const char *peer = pil_out_string(one, "peer"), *workload = pil_out_string(one, "workload");

        snprintf(id, sizeof(id), "%llx", (unsigned long long)pil_out_number(one, "id"));
        pil_table_add(&table, "%s", id);
        pil_table_add(&table, "%lld", (long long)pil_out_number(one, "pid"));
        pil_table_add(&table, "%s", *workload ? workload : "-");
        pil_table_add(&table, "%s", pil_out_string(one, "action"));
        pil_table_add(&table, "%s", pil_out_string(one, "own"));
        pil_table_add(&table, "%s", pil_out_string(one, "other"));
        pil_table_add(&table, "%s", *peer ? peer : "-");
        pil_table_add(&table, "%s", pil_out_string(one, "path"));
        pil_table_add(&table, "%s", pil_out_string(one, "since"));
    }
    pil_table_print(&table, stdout);
}

struct answers {
    json_t *status, *processes, *connections;
    char socket[PIL_SOCKET_MAX + 2];
};

/* All over one connection, so that they are of one policyd. */
static int ask(const char *socket, bool processes, bool connections, struct answers *a)
{
    struct pil_client *c = malloc(sizeof(*c));
    int error = c ? pil_client_open(c, socket) : PIL_E_NOMEM;

    if (!error)
        error = pil_client_call(c, "status", NULL, &a->status, NULL);
    if (!error && processes)
        error = pil_client_call(c, "processes", NULL, &a->processes, NULL);
    if (!error && connections)
        error = pil_client_call(c, "connections", NULL, &a->connections, NULL);
    if (!error && !json_is_object(a->status))
        error = PIL_E_MALFORMED;
    if (error)
        pil_cli_error("%s", c && *c->problem ? c->problem : pil_err_text(error));
    if (c) {
        snprintf(a->socket, sizeof(a->socket), "%s", c->socket);
        pil_client_close(c);
    }
    free(c);
    return error;
}

static void print(const struct answers *a, bool json)
{
    json_t *list = json_object_get(a->processes, "processes"),
           *connections = json_object_get(a->connections, "connections");

    if (json) {
        if (a->processes)
            json_object_set(a->status, "attached", list);
        if (a->connections)
            json_object_set(a->status, "connections", connections);
        pil_out_json(stdout, a->status, true);
        return;
    }
    print_status(a->status, a->socket);
    if (a->processes)
        print_processes(list);
    if (a->connections)
        print_connections(connections);
}

int pil_cmd_status(const struct pil_command *self, int argc, char **argv)
{
    bool json = false, processes = false, connections = false;
    const char *socket = NULL;
    const struct pil_option rows[] = {
        {'p', "processes", NULL, "list the processes too", &processes, NULL, NULL},
        {'c', "connections", NULL, "list secured connections too", &connections, NULL, NULL},
        {0, "json", NULL, "print JSON", &json, NULL, NULL},
        {'s', "socket", "SOCKET", "policyd's socket", NULL, &socket, NULL},
    };
    struct answers a = {0};
    int first, error, code;
    enum pil_options got = pil_options_read(self, rows, PIL_NELEM(rows), false, argc, argv, &first);

    if (got != PIL_OPTIONS_OK)
        return pil_options_exit(got);
    if (!pil_options_operands(self, argc - first, 0, 0))
        return PIL_EXIT_USAGE;
    error = ask(socket, processes, connections, &a);
    code = pil_cli_exit_of(error);
    if (!error) {
        print(&a, json);
        if (!json_is_true(json_object_get(json_object_get(a.status, "health"), "ok")))
            code = PIL_EXIT_NO;
    }
    json_decref(a.status);
    json_decref(a.processes);
    json_decref(a.connections);
    return code;
}
