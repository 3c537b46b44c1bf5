/*
 * Strings that many processes share, kept once each and counted: a thousand workers of one
 * program cost one path.
 *
 * Cost: a hash look-up. Errors: NULL when memory is out. Threads: main thread only.
 */
#ifndef PIL_POLICYD_INTERN_H
#define PIL_POLICYD_INTERN_H

/* The shared copy of text, counted once more. NULL for NULL, and when memory is out. */
const char *pil_intern_get(const char *text);

/* Gives one count back. NULL is legal. */
void pil_intern_put(const char *text);

/* How many different strings are kept; for tests and status. */
unsigned pil_intern_count(void);

#endif
