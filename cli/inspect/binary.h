/*
 * What the file of a program tells about its coverage: the judgement of core/elf, and what takes a
 * look at its code and at the libraries it will load.
 *
 * Cost: the files are read whole, a few hundred milliseconds for a browser. Memory: small. Errors:
 * findings. Threads: one.
 */
#ifndef PIL_CLI_INSPECT_BINARY_H
#define PIL_CLI_INSPECT_BINARY_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "cli/inspect/finding.h"

/* Who will start it, and how. */
struct pil_inspected {
    char path[PATH_MAX]; /* of the program, or of the script */
    const char *library; /* word for LD_PRELOAD */
    uint32_t uid, gid;
    bool no_new_privileges;
    bool anybody; /* nobody was named, and others may start it, too */
};

/* What was found out beside the findings. */
struct pil_binary {
    char program[PATH_MAX]; /* that is judged: the interpreter of a script */
    char interp[128];
    const char *machine; /* "64-bit x86-64", ... */
    unsigned scripts;
    size_t libraries, missing;
    bool libraries_known;
};

void pil_inspect_binary(const struct pil_inspected *subject, struct pil_binary *out,
                        struct pil_findings *f);

void pil_binary_print(const struct pil_binary *binary, const struct pil_findings *f, FILE *to);
json_t *pil_binary_json(const struct pil_binary *binary);

#endif
