/* pillion render: the stable text of a policy, from files or as it is in force. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/options.h"
#include "cli/out.h"
#include "cli/source.h"
#include "core/err.h"

static int print(const struct pil_image *img, bool json)
{
    char *text = NULL;
    int error = pil_render(img, &text);

    if (error) {
        pil_cli_error("the policy cannot be rendered: %s", pil_err_text(error));
        return PIL_EXIT_FAILED;
    }
    if (json) {
        struct pil_image_counts n;
        json_t *out;

        pil_image_count(img, &n);
        out = json_pack("{s:o, s:s}", "digest",
                        json_sprintf("%016llx", (unsigned long long)n.digest), "text", text);
        pil_out_json(stdout, out, true);
        json_decref(out);
    } else {
        fputs(text, stdout);
    }
    free(text);
    return PIL_EXIT_OK;
}

int pil_cmd_render(const struct pil_command *self, int argc, char **argv)
{
    bool json = false;
    const char *socket = NULL;
    const struct pil_option rows[] = {
        {0, "json", NULL, "print JSON", &json, NULL, NULL},
        {'s', "socket", "SOCKET", "policyd's socket", NULL, &socket, NULL},
    };
    struct pil_source source;
    struct pil_words files;
    int first, error, code;
    enum pil_options got = pil_options_read(self, rows, PIL_NELEM(rows), false, argc, argv, &first);

    if (got != PIL_OPTIONS_OK)
        return pil_options_exit(got);
    files = (struct pil_words){(const char **)argv + first, (size_t)(argc - first)};
    error = pil_source_open(&source, &files, socket);
    if (error)
        return error == PIL_E_SYNTAX || error == PIL_E_UNMET ? PIL_EXIT_NO : pil_cli_exit_of(error);
    code = print(&source.image, json);
    pil_source_close(&source);
    return code;
}
