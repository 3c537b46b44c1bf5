/*
 * A policy file that covers what was seen: a new one, or one that is there and gets what it lacks.
 *
 * Of a file that is there, nothing is taken away and nothing moves: the policy itself is asked
 * about everything that was seen, what it refuses for want of a rule is added to its rules or as
 * new ones, and comments of this command beside values get the new sights added. What a deny rule
 * refuses is told and left alone. The result is loaded and asked once more before it takes the
 * file's place in one step; a result that does not cover what it should is not written.
 *
 * Errors: said on stderr; exit codes of cli.h. Threads: one.
 */
#ifndef PIL_CLI_RULES_MERGE_H
#define PIL_CLI_RULES_MERGE_H

#include "cli/cli.h"
#include "cli/rules/seen.h"
#include "cli/rules/shape.h"

struct pil_merge_wishes {
    const char *path;  /* NULL: a new one, to stdout */
    bool replace;      /* write anew whatever is there */
    const char *title; /* of a new policy */
    const char *owner; /* of a new policy; NULL: none */
    const char *what;  /* what was watched, for the heading */
    unsigned by;       /* enum pil_who_fact; 0: chosen */
    bool of_units;     /* a unit was watched */
    struct pil_shape shape;
    char *const *lost; /* programs that were started and not covered */
    size_t lost_count;
};

/* Before anything runs: the file that is there can be added to, and its folder written. What is
 * wrong is said. PIL_EXIT_OK or PIL_EXIT_FAILED. */
int pil_merge_possible(const struct pil_merge_wishes *wishes) PIL_USERESULT;

/* PIL_EXIT_OK when the file, or stdout, holds the result; PIL_EXIT_NO when there was nothing to
 * be written. */
int pil_merge(const struct pil_merge_wishes *wishes,
              const struct pil_seen_list *seen) PIL_USERESULT;

#endif
