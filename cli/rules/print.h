/*
 * A draft as text of the policy language, laid out for people: one value a line where something is
 * to be said of it, and beside it how often and when it was seen.
 *
 *     "127.0.0.1:6379",  # 3 times, 2026-11-25 15:50:03 to 2026-11-25 15:51:00
 *     "127.0.0.1:6380",  # once, 2026-11-25 15:50:03; a port that the kernel chose
 *
 * That comment can be read again, so that later sights are added to it.
 *
 * Errors: none; the stream remembers them. Threads: one.
 */
#ifndef PIL_CLI_RULES_PRINT_H
#define PIL_CLI_RULES_PRINT_H

#include <stdio.h>

#include "cli/rules/draft.h"
#include "cli/rules/who.h"

/* Text in quotes, as the language wants it. What no text may hold becomes "?". */
void pil_print_quoted(FILE *to, const char *text);

/* "# 3 times, ... to ...", without a note and an end of line. */
void pil_print_times(FILE *to, const struct pil_times *times);

/* Reads such a comment at `text`; *len is how long it is. False when it is another one. */
bool pil_print_read_times(const char *text, struct pil_times *out, size_t *len) PIL_USERESULT;

/* The value, a comma, its comment; indented, with an end of line. */
void pil_print_line(FILE *to, int indent, const struct pil_draft_line *line);

void pil_print_workload(FILE *to, const struct pil_who *who);
void pil_print_role(FILE *to, const struct pil_draft *draft, const struct pil_draft_role *role);
void pil_print_service(FILE *to, const struct pil_draft_service *service);
void pil_print_rule(FILE *to, int indent, const struct pil_draft *draft,
                    const struct pil_draft_rule *rule);

/* "workload:a", "role:b" ... of a set, as values of a list. */
void pil_print_subjects(FILE *to, const struct pil_draft *draft, uint64_t who);

#endif
