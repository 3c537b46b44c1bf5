/*
 * Rules that would allow what policies in shadow would have denied, ready to be pasted into them.
 *
 * Grouped by policy; each group says whose it is. What a deny rule would have refused is told in
 * comments, because no other rule can help.
 *
 * Errors: PIL_E_NOMEM. Threads: one.
 */
#ifndef PIL_CLI_RULES_OFFER_H
#define PIL_CLI_RULES_OFFER_H

#include <stdio.h>

#include "cli/rules/seen.h"
#include "cli/rules/shape.h"
#include "core/image.h"

/* The image in force keeps titles of rules apart from those that are there; may be NULL. */
int pil_offer(FILE *to, const struct pil_seen_list *seen, const struct pil_shape *shape,
              const struct pil_image *image) PIL_USERESULT;

#endif
