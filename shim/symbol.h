/*
 * Functions of the libraries behind ours, by name, as dlsym(RTLD_NEXT, name) finds them.
 *
 * Found in the hash tables of the loaded objects, not by asking the loader: dlsym moved between
 * the parts of glibc, so that a library which names it loads with new releases only; it allocates,
 * and takes locks that a constructor may wait under.
 *
 * Cost: for each object behind ours one look into its Bloom filter; microseconds. At start only.
 * Errors: NULL when there is no such function.
 * Threads, signals: takes the lock that dl_iterate_phdr takes; not for signal handlers.
 */
#ifndef PIL_SHIM_SYMBOL_H
#define PIL_SHIM_SYMBOL_H

#include <link.h>

/* The default version of a function in the objects that the loader put behind ours, the first that
 * has it: another preloaded library, or libc. */
void *pil_symbol_next(const char *name);

/* The same in the object whose file has that base name, wherever it stands. */
void *pil_symbol_in(const char *object, const char *name);

/* The same in one object, by its base address and dynamic section. For tests, too. */
void *pil_symbol_find(ElfW(Addr) base, const ElfW(Dyn) * dynamic, const char *name);

#endif
