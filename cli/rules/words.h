/*
 * A list of words, as an option takes it, into bits.
 *
 * Cost: linear in the text and the names. Errors: false. Threads: any.
 */
#ifndef PIL_CLI_RULES_WORDS_H
#define PIL_CLI_RULES_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/defs.h"

/* "one,two" into *out, bit i for names[i]; at most 32 names. False when a word is none of them or
 * there is no word; *out has no meaning then. */
bool pil_words_bits(const char *text, const char *const *names, size_t count,
                    unsigned *out) PIL_USERESULT;

#endif
