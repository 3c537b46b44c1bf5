/*
 * Where a drop-in of ours lies, and what may be done to it: written whole or not at all, removed
 * when it is ours, never anybody else's.
 *
 * Cost: some system calls. Errors: an exit code, with a sentence on stderr. Memory: malloc'd where
 * said. Threads: one.
 */
#ifndef PIL_CLI_ENABLE_PLACE_H
#define PIL_CLI_ENABLE_PLACE_H

#include <limits.h>
#include <stdbool.h>

#include "cli/cli.h"

/* ROOT/etc/systemd/system/UNIT.d/zz-pillion.conf; false when that is too long. */
bool pil_place_path(const char *root, const char *unit, char out[PATH_MAX]) PIL_USERESULT;

/* Its text, malloc'd; NULL when there is none. PIL_EXIT_NO when it is there and not ours. */
int pil_place_read(const char *path, char **out) PIL_USERESULT;

/* Makes the folder where it is missing. */
int pil_place_write(const char *path, const char *text) PIL_USERESULT;

/* With the folder, when nothing else is in it. */
int pil_place_remove(const char *path) PIL_USERESULT;

#endif
