/*
 * The libraries that the loader would load for a program, as the system's own loader lists them.
 *
 * Asked is the loader of glibc at its own place, never the one that the program names: that might
 * be anything. It is asked as ldd(1) does, maps the files and runs nothing of them.
 *
 * Errors: a list that could not be made has `known` false. Memory: pil_libraries_free. Threads:
 * one.
 */
#ifndef PIL_CLI_INSPECT_LIBRARIES_H
#define PIL_CLI_INSPECT_LIBRARIES_H

#include <stdbool.h>
#include <stddef.h>

struct pil_library {
    char *name; /* as it is needed */
    char *path; /* NULL: not found */
};

struct pil_libraries {
    struct pil_library *item;
    size_t count;
    bool known;
};

/* One line of the loader: "\tNAME => PATH (0x...)", "\tNAME => not found", "\tPATH (0x...)".
 * False when it names no library. The texts are malloc'd. */
bool pil_libraries_line(const char *line, struct pil_library *out);

/* Of the program at path, whose loader's base name is given. */
void pil_libraries_list(const char *path, const char *loader, struct pil_libraries *out);
void pil_libraries_free(struct pil_libraries *list);

#endif
