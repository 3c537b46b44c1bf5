/*
 * The files that belong to this command, and the environment that brings the library into a
 * program.
 *
 * A file is looked for next to the running executable (a build tree), then below its prefix, then
 * where the build says it is installed. Errors: said on stderr. Threads: one (environment).
 */
#ifndef PIL_CLI_PRELOAD_H
#define PIL_CLI_PRELOAD_H

#include <limits.h>
#include <stdbool.h>

#include "cli/cli.h"

/* The loader splits LD_PRELOAD at spaces and colons, and the library itself keeps no more. */
#define PIL_PRELOAD_MAX 256u

/*
 * The word that names libpillion.so in LD_PRELOAD. Where the libraries of all classes lie together,
 * as they are installed, that is FOLDER/$LIB/libpillion.so (core/classes.h); a library that stands
 * alone is its path, and serves programs of this command's class only.
 */
bool pil_preload_find(char out[PATH_MAX]) PIL_USERESULT;

/* The daemon; executable. */
bool pil_preload_policyd(char out[PATH_MAX]) PIL_USERESULT;

/*
 * Puts the library behind what LD_PRELOAD holds already, once, and names the socket, and who greets
 * policyd at its start: this process, or with all_greet each that comes of it. What was there
 * stays in front: it was there before us and may need to be first; but not another file of the
 * library's name, which could be anything. The library is a word of pil_preload_find.
 */
bool pil_preload_environment(const char *library, const char *socket, bool all_greet) PIL_USERESULT;

#endif
