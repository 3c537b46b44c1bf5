/*
 * The program that `run` starts: found as a shell would find it, judged before it is executed.
 *
 * Errors: an exit code; what is wrong is said on stderr, with the remedy. Memory: none.
 */
#ifndef PIL_CLI_PROGRAM_H
#define PIL_CLI_PROGRAM_H

#include <limits.h>

#include "cli/cli.h"

/* Path of name, by PATH when it has no slash. PIL_EXIT_NOTFOUND, PIL_EXIT_UNCOVERED when it is
 * there but cannot be executed. */
int pil_program_find(const char *name, char out[PATH_MAX]) PIL_USERESULT;

/* PIL_EXIT_OK when it will be covered with that word in LD_PRELOAD, else PIL_EXIT_UNCOVERED, or
 * PIL_EXIT_NOTFOUND when its interpreter is missing. */
int pil_program_judge(const char *path, const char *library) PIL_USERESULT;

#endif
