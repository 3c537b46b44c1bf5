/* pillion reload: policyd reads its policy again; a broken one leaves the old in force. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/options.h"
#include "cli/out.h"
#include "core/err.h"

/* The answer comes when the load is done; a very large policy takes a while. */
#define LOAD_WAIT_MS 120000

static void print_messages(const json_t *list, const char *severity)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        fprintf(stderr, "%s: ", severity);
        pil_out_text(stderr, json_is_string(one) ? json_string_value(one) : "");
        fputc('\n', stderr);
    }
}

/* What the load came to. */
static int report(const json_t *load, bool json)
{
    const char *outcome = pil_out_string(load, "outcome");
    long long generation = pil_out_number(load, "generation");
    bool failed = strcmp(outcome, "new") != 0 && strcmp(outcome, "same") != 0;

    if (json) {
        pil_out_json(stdout, load, true);
    } else {
        print_messages(json_object_get(load, "errors"), "error");
        print_messages(json_object_get(load, "warnings"), "warning");
        if (!failed)
            printf("generation %lld is in force%s\n", generation,
                   strcmp(outcome, "same") == 0 ? ", as before: nothing has changed" : "");
        else if (generation)
            pil_cli_error("the policy is refused; generation %lld stays in force", generation);
        else
            pil_cli_error("the policy is refused, and there is none in force");
    }
    return failed ? PIL_EXIT_NO : PIL_EXIT_OK;
}

int pil_cmd_reload(const struct pil_command *self, int argc, char **argv)
{
    bool json = false;
    const char *socket = NULL;
    const struct pil_option rows[] = {
        {0, "json", NULL, "print JSON", &json, NULL, NULL},
        {'s', "socket", "SOCKET", "policyd's socket", NULL, &socket, NULL},
    };
    struct pil_client *c;
    json_t *answer = NULL;
    int first, error, code;
    enum pil_options got = pil_options_read(self, rows, PIL_NELEM(rows), false, argc, argv, &first);

    if (got != PIL_OPTIONS_OK)
        return pil_options_exit(got);
    if (!pil_options_operands(self, argc - first, 0, 0))
        return PIL_EXIT_USAGE;
    c = malloc(sizeof(*c));
    if (!c)
        return PIL_EXIT_FAILED;
    error = pil_client_open(c, socket);
    c->wait_ms = LOAD_WAIT_MS;
    if (!error)
        error = pil_client_call(c, "reload", NULL, &answer, NULL);
    if (error)
        pil_cli_error("%s", c->problem);
    code = error ? pil_cli_exit_of(error) : report(answer, json);
    json_decref(answer);
    pil_client_close(c);
    free(c);
    return code;
}
