/* pillion help, pillion version: what there is. */
#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "cli/out.h"

int pil_cmd_help(const struct pil_command *self, int argc, char **argv)
{
    char help[] = "--help";

    if (argc < 2 || argv[1][0] == '-' || strcmp(argv[1], self->name) == 0) {
        pil_cli_help();
        return PIL_EXIT_OK;
    }
    for (size_t i = 0; i < pil_command_count; i++)
        if (strcmp(argv[1], pil_commands[i].name) == 0)
            return pil_commands[i].run(&pil_commands[i], 2, (char *[]){argv[1], help, NULL});
    pil_cli_error("there is no command \"%s\"; `pillion help` lists them", argv[1]);
    return PIL_EXIT_USAGE;
}

int pil_cmd_version(const struct pil_command *self, int argc, char **argv)
{
    bool json = false;
    const struct pil_option rows[] = {{0, "json", NULL, "print JSON", &json, NULL, NULL}};
    int first;
    enum pil_options got = pil_options_read(self, rows, PIL_NELEM(rows), false, argc, argv, &first);

    if (got != PIL_OPTIONS_OK)
        return pil_options_exit(got);
    if (!pil_options_operands(self, argc - first, 0, 0))
        return PIL_EXIT_USAGE;
    if (json) {
        json_t *out = json_pack("{s:s}", "version", PIL_VERSION);

        pil_out_json(stdout, out, true);
        json_decref(out);
    } else {
        puts("pillion " PIL_VERSION);
    }
    return PIL_EXIT_OK;
}
