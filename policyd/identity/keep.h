/*
 * Small files in the state folder, read and written as if somebody were about to tamper with them.
 *
 * A folder is this user's or root's, and nobody else may enter it (0700); a file is this user's,
 * regular, has one name, and nobody else may read it (0600). Both are judged on the open
 * descriptor, and no link is followed below the state folder. Writing makes a new file beside the
 * old, flushes it, renames it and flushes the folder, so that a reader, and a host that lost its
 * power, finds the old text or the new.
 *
 * Cost: file I/O, two flushes for a write. Errors: enum pil_err with a sentence that has the path,
 * what was found and what is legal. Threads: main thread only (the temporary name).
 */
#ifndef PIL_POLICYD_IDENTITY_KEEP_H
#define PIL_POLICYD_IDENTITY_KEEP_H

#include <stddef.h>

#include "core/defs.h"

/* Makes the folder when it is not there, and keeps others from using it until *fd is closed.
 * PIL_E_EXISTS: somebody else does. */
int pil_keep_lock(const char *state, int *fd, char *problem, size_t cap) PIL_USERESULT;

/* STATE/SUB/NAME, or STATE/NAME when sub is NULL. The text lies in the heap of keys.h: released by
 * pil_keys_free. PIL_E_NOTFOUND: there is no such file, or no such folder. */
int pil_keep_read(const char *state, const char *sub, const char *name, size_t max, char **text,
                  size_t *len, char *problem, size_t cap) PIL_USERESULT;

/* Makes folders that are not there, with mode 0700. */
int pil_keep_write(const char *state, const char *sub, const char *name, const char *text,
                   size_t len, char *problem, size_t cap) PIL_USERESULT;

#endif
