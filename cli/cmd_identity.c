/* pillion identity: who workloads are toward others, and by which roots others are believed. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/options.h"
#include "cli/out.h"
#include "core/err.h"

struct wishes {
    const char *socket;
    bool json, force;
};

/* ---- showing -------------------------------------------------------------------------------- */

static const char *or_dash(const char *text)
{
    return *text ? text : "-";
}

static void print_identities(const json_t *report)
{
    static const char *const heads[] = {"WORKLOAD", "SPIFFE ID", "SERIAL",
                                        "ISSUED",   "EXPIRES",   "RENEWAL"};
    const json_t *list = json_object_get(report, "identities"), *one;
    struct pil_table table;
    size_t i;

    if (json_array_size(list) == 0) {
        puts("no workload has asked for an identity yet");
        return;
    }
    pil_table_init(&table, PIL_NELEM(heads));
    for (i = 0; i < PIL_NELEM(heads); i++)
        pil_table_add(&table, "%s", heads[i]);
    json_array_foreach(list, i, one)
    {
        bool revoked = json_is_true(json_object_get(one, "revoked"));

        pil_table_add(&table, "%s", pil_out_string(one, "workload"));
        pil_table_add(&table, "%s", or_dash(pil_out_string(one, "id")));
        pil_table_add(&table, "%s%s", or_dash(pil_out_string(one, "serial")),
                      revoked ? " (revoked)" : "");
        pil_table_add(&table, "%s", or_dash(pil_out_string(one, "issued")));
        pil_table_add(&table, "%s", or_dash(pil_out_string(one, "expires")));
        pil_table_add(&table, "%s", or_dash(pil_out_string(one, "renewal")));
    }
    pil_table_print(&table, stdout);
    json_array_foreach(list, i, one)
    {
        if (*pil_out_string(one, "problem") == '\0')
            continue;
        printf("%s: ", pil_out_string(one, "workload"));
        pil_out_text(stdout, pil_out_string(one, "problem"));
        putchar('\n');
    }
}

static void print_roots(const json_t *report)
{
    static const char *const heads[] = {"ROOT",       "STATE",   "SHA-256",
                                        "VALID FROM", "EXPIRES", "FROM"};
    const json_t *list = json_object_get(report, "roots"), *one;
    struct pil_table table;
    size_t i;

    pil_table_init(&table, PIL_NELEM(heads));
    for (i = 0; i < PIL_NELEM(heads); i++)
        pil_table_add(&table, "%s", heads[i]);
    json_array_foreach(list, i, one)
    {
        pil_table_add(&table, "%s", pil_out_string(one, "serial"));
        pil_table_add(&table, "%s", pil_out_string(one, "state"));
        pil_table_add(&table, "%.16s", pil_out_string(one, "sha256"));
        pil_table_add(&table, "%s", pil_out_string(one, "not_before"));
        pil_table_add(&table, "%s", pil_out_string(one, "expires"));
        pil_table_add(&table, "%s", pil_out_string(one, "from"));
    }
    putchar('\n');
    pil_table_print(&table, stdout);
}

static void print_revoked(const json_t *report)
{
    const json_t *list = json_object_get(report, "revoked"), *one;
    size_t i;

    json_array_foreach(list, i, one)
        printf("%srevoked since %s: %s\n", i == 0 ? "\n" : "", pil_out_string(one, "since"),
               pil_out_string(one, "what"));
}

static void print_problems(const json_t *report)
{
    const json_t *list = json_object_get(report, "trust"), *one;
    const char *problem = pil_out_string(report, "problem");
    size_t i;

    if (*problem)
        printf("problem: ");
    pil_out_text(stdout, problem);
    printf("%s", *problem ? "\n" : "");
    json_array_foreach(list, i, one)
    {
        if (*pil_out_string(one, "problem") == '\0')
            continue;
        printf("problem: ");
        pil_out_text(stdout, pil_out_string(one, "file"));
        printf(": ");
        pil_out_text(stdout, pil_out_string(one, "problem"));
        putchar('\n');
    }
    if (!json_is_true(json_object_get(report, "locked")) && *pil_out_string(report, "trust_domain"))
        puts("problem: private keys are not locked in memory; raise RLIMIT_MEMLOCK of policyd");
}

static void print(const json_t *report, bool json)
{
    const char *domain = pil_out_string(report, "trust_domain");
    const char *state = pil_out_string(report, "state");

    if (json) {
        pil_out_json(stdout, report, true);
        return;
    }
    if (*domain == '\0') {
        puts("the policy in force names no trust_domain: workloads have no identities");
        return;
    }
    printf("trust domain %s, identities from %s (%s), here it is %s\n", domain,
           strcmp(pil_out_string(report, "source"), "ca") == 0 ? "the built-in CA" : "files",
           *state ? state : "in memory alone", pil_out_string(report, "now"));
    print_problems(report);
    putchar('\n');
    print_identities(report);
    print_roots(report);
    print_revoked(report);
}

/* What other hosts are to believe: the setting `trust` there takes it as it is. */
static int print_pem(const json_t *report)
{
    const json_t *list = json_object_get(report, "roots"), *one;
    unsigned count = 0;
    size_t i;

    json_array_foreach(list, i, one)
    {
        if (strcmp(pil_out_string(one, "from"), "own") != 0)
            continue;
        fputs(pil_out_string(one, "pem"), stdout);
        count++;
    }
    if (count > 0)
        return PIL_EXIT_OK;
    pil_cli_error("there are no own roots");
    return PIL_EXIT_NO;
}

/* ---- asking --------------------------------------------------------------------------------- */

static int ask(const struct wishes *w, const char *verb, json_t *argument, json_t **report)
{
    int error = pil_client_ask(w->socket, verb, argument, report, NULL);

    json_decref(argument);
    /* Not now, and the sentence says why: that is an answer and no misuse. */
    return error == PIL_E_EXISTS || error == PIL_E_NOTFOUND ? PIL_EXIT_NO
           : error == PIL_E_SYNTAX                          ? PIL_EXIT_USAGE
                                                            : pil_cli_exit_of(error);
}

static int show(const struct wishes *w, const char *operand)
{
    json_t *report = NULL;
    int code = ask(w, "identity", NULL, &report);

    if (!code && operand)
        code = print_pem(report);
    else if (!code)
        print(report, w->json);
    json_decref(report);
    return code;
}

static int change(const struct wishes *w, const char *verb, json_t *argument)
{
    json_t *report = NULL;
    int code = ask(w, verb, argument, &report);

    if (!code)
        print(report, w->json);
    json_decref(report);
    return code;
}

static int act(const struct wishes *w, const char *what, const char *operand)
{
    if (strcmp(what, "rotate") == 0)
        return change(w, "identity-rotate",
                      json_pack("{s:s, s:b}", "step", operand, "force", w->force));
    return change(
        w, "identity-revoke",
        json_pack("{s:s, s:b}", "what", operand, "restore", strcmp(what, "restore") == 0));
}

/* The words behind the options, and how many belong to them. */
static const struct {
    const char *word;
    int operands;
} words[] = {{"roots", 0}, {"rotate", 1}, {"revoke", 1}, {"restore", 1}};

static int run(const struct pil_command *self, const struct wishes *w, int count, char **operand)
{
    for (size_t i = 0; count > 0 && i < PIL_NELEM(words); i++) {
        int own = words[i].operands;

        if (strcmp(operand[0], words[i].word) != 0)
            continue;
        if (!pil_options_operands(self, count - 1, own, own))
            return PIL_EXIT_USAGE;
        return own ? act(w, operand[0], operand[1]) : show(w, operand[0]);
    }
    if (count == 0)
        return show(w, NULL);
    pil_cli_error("identity \"%s\"; legal is roots, rotate, revoke, restore", operand[0]);
    return PIL_EXIT_USAGE;
}

int pil_cmd_identity(const struct pil_command *self, int argc, char **argv)
{
    struct wishes w = {0};
    const struct pil_option rows[] = {
        {0, "force", NULL, "retire a root although identities that it signed are alive", &w.force,
         NULL, NULL},
        {0, "json", NULL, "print JSON", &w.json, NULL, NULL},
        {'s', "socket", "SOCKET", "policyd's socket", NULL, &w.socket, NULL},
    };
    int first;
    enum pil_options got = pil_options_read(self, rows, PIL_NELEM(rows), false, argc, argv, &first);

    if (got != PIL_OPTIONS_OK)
        return pil_options_exit(got);
    return run(self, &w, argc - first, argv + first);
}
