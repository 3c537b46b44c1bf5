/* pillion: finds the subcommand and runs it. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

/* The spellings that people try first. */
static const char *alias(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return "help";
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
        return "version";
    return word;
}

static int finish(int code)
{
    /* A full disk or a closed pipe must not look like success. */
    if (fflush(stdout) || ferror(stdout)) {
        if (code == PIL_EXIT_OK) {
            pil_cli_error("cannot write the output");
            return PIL_EXIT_FAILED;
        }
    }
    return code;
}

int main(int argc, char **argv)
{
    const char *word;

    if (argc < 2) {
        pil_cli_help();
        return PIL_EXIT_USAGE;
    }
    word = alias(argv[1]);
    for (size_t i = 0; i < pil_command_count; i++)
        if (strcmp(word, pil_commands[i].name) == 0)
            return finish(pil_commands[i].run(&pil_commands[i], argc - 1, argv + 1));
    pil_cli_error("there is no command \"%s\"; `pillion help` lists them", word);
    return PIL_EXIT_USAGE;
}
