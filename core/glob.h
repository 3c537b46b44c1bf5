/*
 * Glob matching with bounded cost.
 *
 * "*" stands for any run of bytes, "?" for one byte, everything else for itself; there are no
 * classes and no escapes. With slash set, neither "*" nor "?" crosses a "/", but "**" does.
 *
 * Cost: at most length(pattern) x length(text) steps, and patterns are limited to
 * PIL_GLOB_STARS stars when a policy is loaded, so a pattern cannot be made to burn time.
 * Errors: none. Threads, fork, signals: safe everywhere.
 */
#ifndef PIL_CORE_GLOB_H
#define PIL_CORE_GLOB_H

#include <stdbool.h>

#include "core/bytes.h"

#define PIL_GLOB_STARS 8u

bool pil_glob_match(struct pil_slice pattern, struct pil_slice text, bool slash);

/* Legal for a policy: not empty, no control bytes, at most PIL_GLOB_STARS stars. */
bool pil_glob_valid(struct pil_slice pattern);

/* Length of the part before the first "*" or "?"; the whole length when there is none. */
size_t pil_glob_literal(struct pil_slice pattern);

#endif
