/*
 * System call instructions in a file's code that make network calls without libc.
 *
 * What is looked for is what compilers and people write for a call by a constant number: the
 * number moved or pushed into eax and, before anything else could change it, the instruction. Code
 * that takes the number from elsewhere (a table, an argument, as libc's syscall does) is not found.
 *
 * Cost: one pass over the code, about a gigabyte a second. x86-64 only; other files have none.
 * Threads: any.
 */
#ifndef PIL_CLI_INSPECT_CODE_H
#define PIL_CLI_INSPECT_CODE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/inspect/elffile.h"

struct pil_codecall {
    const char *name; /* "connect" */
    uint64_t address; /* of the instruction, in the file's own terms */
};

/* The first that is found for a network call; false when there is none. */
bool pil_code_network_call(const struct pil_elffile *f, struct pil_codecall *out) PIL_USERESULT;

#endif
