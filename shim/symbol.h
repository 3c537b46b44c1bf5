/*
 * Symbols of the libraries that are loaded, read from the loader's own tables.
 *
 * The library hooks dlsym, so it cannot ask it; and dlsym moved between the parts of glibc, so that
 * a library which names it loads with new releases only. A look-up here calls nothing, takes no
 * lock, allocates nothing and leaves no message for dlerror. Only default versions are found, as a
 * program that is linked today would be bound.
 *
 * Cost: about a microsecond a name. Errors: NULL. Memory: none of its own. Threads, signals, fork:
 * the list of libraries is read as it stands; meant for start, and for the rare calls of dl.c.
 */
#ifndef PIL_SHIM_SYMBOL_H
#define PIL_SHIM_SYMBOL_H

/* The first definition behind this library in the order of loading: what it interposes. */
void *pil_symbol_next(const char *name);

/* The definition of a library by its name without folders ("libc.so.6"); NULL when that library
 * is not loaded or has no such symbol. */
void *pil_symbol_in(const char *library, const char *name);

/* What this library itself exports under that name. */
void *pil_symbol_own(const char *name);

/* The path that the loader took this library from; empty for the program itself. Lives as long as
 * the library. */
const char *pil_symbol_own_path(void);

#endif
