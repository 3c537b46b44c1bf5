/*
 * Policy text before libconfuse sees it: one pass that makes it plain and finds shape errors.
 *
 * libconfuse stops at its first error, miscounts lines behind comments, does not allow comments
 * within lists, puts the environment into texts, skips bytes that it does not know, takes the
 * last of two equal keywords and the end of the file for a closing brace. For a policy each of
 * those is a way to mean something else than what is written, so this pass refuses them, reports
 * every unknown keyword instead of the first, blanks comments, and notes where blocks begin.
 *
 * Cost: linear. Memory: the line table is malloc'd and belongs to the caller. Errors: told to the
 * diag; PIL_E_SYNTAX when the text cannot be parsed further, PIL_E_NOMEM. Unknown keywords are
 * counted in the diag and blanked out, so that the rest can still be parsed and judged.
 * Threads: pure, but for the diag.
 */
#ifndef PIL_CONF_TEXT_H
#define PIL_CONF_TEXT_H

#include <stddef.h>

#include "conf/diag.h"
#include "conf/schema.h"

/* Lines in which blocks begin, in the order in which they end. */
struct pil_text_lines {
    unsigned *line;
    size_t count;
};

/* Cleans text[0..len) in place against the schema. file is for messages. */
int pil_text_clean(char *text, size_t len, const char *file, const struct pil_block *root,
                   struct pil_diag *diag, struct pil_text_lines *opened) PIL_USERESULT;

#endif
