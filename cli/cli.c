#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/err.h"

void pil_cli_error(const char *format, ...)
{
    va_list ap;

    fflush(stdout);
    fputs("pillion: ", stderr);
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
}

int pil_cli_exit_of(int error)
{
    switch (error) {
    case PIL_OK:
        return PIL_EXIT_OK;
    case PIL_E_UNREACHABLE:
    case PIL_E_TIMEOUT:
    case PIL_E_CLOSED:
        return PIL_EXIT_UNREACHABLE;
    case PIL_E_PEER:
    case PIL_E_PERMISSION:
    case PIL_E_REFUSED:
        return PIL_EXIT_PERMISSION;
    default:
        return PIL_EXIT_FAILED;
    }
}

static const struct {
    int code;
    const char *text;
} exits[] = {
    {PIL_EXIT_OK, "done, allowed"},
    {PIL_EXIT_NO, "denied, or a check that failed"},
    {PIL_EXIT_USAGE, "wrong options or arguments"},
    {PIL_EXIT_UNREACHABLE, "policyd does not run or does not answer"},
    {PIL_EXIT_PERMISSION, "policyd refuses, or is not who it must be"},
    {PIL_EXIT_FAILED, "pillion itself could not do its work"},
    {PIL_EXIT_UNCOVERED, "run: the program cannot be covered or executed"},
    {PIL_EXIT_NOTFOUND, "run: there is no such program"},
};

void pil_cli_help(void)
{
    puts("usage: pillion COMMAND [OPTIONS] [ARGUMENTS]\n");
    for (size_t i = 0; i < pil_command_count; i++)
        printf("  %-10s %s\n", pil_commands[i].name, pil_commands[i].summary);
    puts("\n`pillion COMMAND --help` tells more. Exit codes:");
    for (size_t i = 0; i < PIL_NELEM(exits); i++)
        printf("  %3d  %s\n", exits[i].code, exits[i].text);
}
