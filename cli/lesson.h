/*
 * Lets policyd look on and brings home what it saw: of a program that is started for it under a
 * private policyd that allows everything, or of what runs under the host's.
 *
 * The program is a child; it has our standard descriptors, our terminal, our signal mask, and each
 * signal that somebody sends us. What the terminal sends goes to both of us anyway.
 *
 * Memory: pil_lesson_free releases a lesson. Errors: said on stderr; exit codes of cli.h.
 * Threads: one; signals are blocked while it looks on.
 */
#ifndef PIL_CLI_LESSON_H
#define PIL_CLI_LESSON_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "cli/rules/seen.h"

struct pil_lesson {
    struct pil_seen_list seen;
    char **lost; /* programs that were started and not covered */
    size_t lost_count;
    uint64_t missed;    /* decisions that policyd had no room for */
    unsigned processes; /* still attached at the end */
};

/* Runs argv. *status is what a shell would report of it: its exit code, or 128 and the signal. With
 * `wait`, what it leaves running is waited for, until SIGINT or SIGTERM. */
int pil_lesson_command(char **argv, bool wait, struct pil_lesson *lesson,
                       int *status) PIL_USERESULT;

/* Looks on for so long, 0 for ever, or until SIGINT or SIGTERM. Unit and workload may be NULL. */
int pil_lesson_watch(const char *socket, const char *unit, const char *workload, uint64_t for_ms,
                     struct pil_lesson *lesson) PIL_USERESULT;

void pil_lesson_free(struct pil_lesson *lesson);

#endif
