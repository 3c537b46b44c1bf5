/*
 * A command line as systemd writes it (systemd.service(5)), split without changing its text: what
 * is handed on keeps its quotes, escapes, variables and specifiers as they were written.
 *
 * Cost: linear. Memory: none. Errors: none; text that systemd would refuse stays as it is.
 */
#ifndef PIL_CLI_ENABLE_WORDS_H
#define PIL_CLI_ENABLE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/bytes.h"

/* The next word of *at, with its quotes; empty at the end. *at is behind it. */
struct pil_slice pil_word_next(const char **at);

/* What systemd makes of a word: without quotes, escapes resolved. False when it does not fit. */
bool pil_word_plain(struct pil_slice word, char *out, size_t cap) PIL_USERESULT;

/* A text as one word. `variables`: a dollar sign would be taken for a variable. */
bool pil_word_quote(const char *text, bool variables, char *out, size_t cap) PIL_USERESULT;

#endif
