/*
 * What another program of the system says: its standard output, line by line.
 *
 * The program is given by its path, gets no input and no word of ours in its environment
 * (LD_PRELOAD), and what it says on standard error is nobody's business.
 *
 * Errors: -1 when it could not be run or was killed, else its exit status. Threads: one.
 */
#ifndef PIL_CLI_INSPECT_CHILD_H
#define PIL_CLI_INSPECT_CHILD_H

#include "core/defs.h"

/* Calls line, without its newline, for each; argv[0] is the path. */
int pil_child_lines(const char *const argv[], void (*line)(void *cookie, const char *text),
                    void *cookie) PIL_USERESULT;

#endif
