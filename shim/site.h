/*
 * Call sites: which module a return address lies in.
 *
 * Uses _dl_find_object where libc has it (2.35 and later): lock-free, safe in signal handlers and
 * constructors. Nothing else is called: dladdr takes the loader's lock, which deadlocks in a
 * constructor that waits for a thread.
 *
 * Cost: about 10 ns. Errors: false when the address lies in no module (generated code) or libc
 * cannot tell; then the caller is unseen. Threads, fork, signals: safe everywhere.
 */
#ifndef PIL_SHIM_SITE_H
#define PIL_SHIM_SITE_H

#include <stdbool.h>

#include "core/bytes.h"

/* The base name of the module, as the loader knows it; the program itself by its own name. The
 * text belongs to the loader and is good until the module is unloaded. */
bool pil_site_module(const void *address, struct pil_slice *name);

/*
 * The address lies in a name-service module of libc (libnss_*). What those send over unix sockets
 * to daemons of this host (nscd, resolved, userdb) is how getaddrinfo and getpwnam do their work,
 * and passes unjudged; what they connect to elsewhere is judged like everything else.
 */
bool pil_site_names(const void *address);

#endif
