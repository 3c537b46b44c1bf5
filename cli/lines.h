/*
 * Whole lines out of pieces of any size.
 *
 * A line that is longer than PIL_LINES_MAX is passed over and counted, so that a stream cannot
 * make the command grow. Memory: a fixed buffer. Threads: one.
 */
#ifndef PIL_CLI_LINES_H
#define PIL_CLI_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/cli.h"

#define PIL_LINES_MAX 65536u

struct pil_lines {
    /* Called with each line, without its newline, NUL-terminated; false ends the feeding. */
    bool (*line)(void *cookie, const char *text, size_t len);
    void *cookie;
    size_t len;
    bool skipping;
    unsigned skipped;
    char buf[PIL_LINES_MAX + 1];
};

/* False as soon as a call of line was. */
bool pil_lines_feed(struct pil_lines *lines, const char *text, size_t len);
/* What is left behind the last newline is a line too. */
bool pil_lines_end(struct pil_lines *lines);

/* All lines of a file, "-" for stdin, until a call of line is false: PIL_EXIT_OK, or what is wrong
 * is said. */
int pil_lines_file(const char *path, struct pil_lines *lines) PIL_USERESULT;

#endif
