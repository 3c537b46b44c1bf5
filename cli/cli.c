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
