/* pillion reload: policyd reads its policy again; a broken one leaves the old in force. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/client.h"
#include "cli/options.h"
#include "cli/out.h"
#include "core/err.h"

/* Messages of the load, wherever it stands in the answer. */
static void print_messages(const json_t *answer)
{
    const json_t *messages = json_object_get(answer, "messages"), *one;
    size_t i;

    json_array_foreach(messages, i, one)
    {
        const char *text =
            json_is_string(one) ? json_string_value(one) : pil_out_string(one, "message");

        pil_out_text(stderr, text);
        fputc('\n', stderr);
    }
}

static int report(const json_t *answer, int error, const char *problem, bool json)
{
    if (json) {
        json_t *out = json_is_object(answer) ? json_copy((json_t *)answer) : json_object();

        json_object_set_new(out, "ok", json_boolean(!error));
        if (error)
            json_object_set_new(out, "problem", pil_out_json_text(problem));
        pil_out_json(stdout, out, true);
        json_decref(out);
    } else {
        print_messages(answer);
        if (error)
            pil_cli_error("%s", problem);
        else
            printf("generation %lld is in force\n",
                   (long long)pil_out_number(answer, "generation"));
    }
    /* The policy was refused; that is a check that failed, not trouble with policyd. */
    return error == PIL_E_SYNTAX || error == PIL_E_UNMET ? PIL_EXIT_NO : pil_cli_exit_of(error);
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
    if (!error)
        error = pil_client_call(c, "reload", NULL, &answer, NULL);
    code = report(answer, error, c->problem, json);
    json_decref(answer);
    pil_client_close(c);
    free(c);
    return code;
}
