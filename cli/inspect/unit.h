/*
 * A systemd unit: its program, who starts it, and its sandbox.
 *
 * Errors: PIL_EXIT_OK, or the exit code of a unit that is not there or has no program; said on
 * stderr. Threads: one.
 */
#ifndef PIL_CLI_INSPECT_UNIT_H
#define PIL_CLI_INSPECT_UNIT_H

#include "cli/inspect/binary.h"
#include "cli/inspect/unitfile.h"

/* The program of an ExecStart line, of a file or of `systemctl show`: its path without prefixes
 * and quotes, and behind `pillion run` the program that this starts. free is set when the line's
 * "+" frees it from the sandbox. False when there is none. */
bool pil_unit_program(const char *exec, char out[PATH_MAX], bool *free) PIL_USERESULT;

/* subject->library is given; the rest is filled in. socket is policyd's, NULL for the default. */
int pil_inspect_unit(const char *name, const char *socket, struct pil_inspected *subject,
                     struct pil_unit *unit, struct pil_binary *binary, struct pil_findings *f);

#endif
