/*
 * The value of LD_PRELOAD, read as the loader reads it: words between blanks and colons.
 *
 * Cost: linear in the value. Errors: none. Memory: words point into the value; no allocation,
 * errno is not touched. Threads, fork, signals, a vfork child: safe everywhere.
 */
#ifndef PIL_CORE_LDPRELOAD_H
#define PIL_CORE_LDPRELOAD_H

#include <stdbool.h>

#include "core/bytes.h"

#define PIL_LDPRELOAD_LIBRARY "libpillion.so" /* our library's file name */

/* The word at *at or behind it, and moves *at to its end; the empty slice when none is left. */
struct pil_slice pil_ldpreload_next(const char **at);

/* A value, which may be NULL, has exactly this word. */
bool pil_ldpreload_has(const char *value, const char *word);

/* The word, with or without a folder, is a file of our library's name; it may be any such file. */
bool pil_ldpreload_is_library(struct pil_slice word);

#endif
