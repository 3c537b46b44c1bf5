/*
 * A running process: is the library in it, does policyd know it, which hooks are in effect, and
 * which of its descriptors are governed and by what.
 *
 * What the kernel does not tell is said to be unknown. A connected TCP socket counts as accepted
 * when the process listens at its local port, else as connected; a socket counts as inherited when
 * it is a standard descriptor, one that systemd passed (LISTEN_FDS), or open in the parent, too.
 *
 * Errors: PIL_EXIT_NOTFOUND and PIL_EXIT_PERMISSION, said on stderr; else findings. Threads: one.
 */
#ifndef PIL_CLI_INSPECT_PROCESS_H
#define PIL_CLI_INSPECT_PROCESS_H

#include <stdio.h>
#include <sys/types.h>

#include <jansson.h>

#include "cli/inspect/finding.h"

/* What is beside the findings comes as JSON: process, modules, sockets. */
int pil_inspect_process(pid_t pid, const char *socket, json_t **out, struct pil_findings *f);

/* The same for people; as by pil_inspect_process. */
void pil_process_print(const json_t *process, const struct pil_findings *f, FILE *to);

#endif
