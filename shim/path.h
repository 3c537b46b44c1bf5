/*
 * Paths of unix sockets as rules know them.
 *
 * Cost: one to three system calls. Errors: false, and then the path is judged as it reads. Memory:
 * the caller's. Threads, fork, signals: safe everywhere; one descriptor is open for a moment.
 */
#ifndef PIL_SHIM_PATH_H
#define PIL_SHIM_PATH_H

#include <stdbool.h>

#include "core/bytes.h"
#include "core/defs.h"

/* A relative path behind the working directory, into to. False when that does not fit. */
bool pil_path_absolute(struct pil_slice path, char *to, size_t cap);

/* The name of the file that the path leads to, links followed; false when it leads nowhere. What is
 * longer than a name may be is cut, so that a rule for its folder still speaks of it. */
bool pil_path_real(const char *path, char to[PIL_NAME_MAX + 1]);

#endif
