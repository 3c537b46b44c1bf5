/*
 * What relative unix paths led to when they were bound.
 *
 * The kernel keeps a path as the program gave it, and shows it to the program and its peers: so it
 * is bound as it was given. But rules speak of absolute paths, and when the program listens or
 * accepts its working directory may be another. A note by the socket's cookie, which is never used
 * again and the same in forked children, keeps the absolute path meanwhile.
 *
 * Cost: one getsockopt, and a scan of the notes, for relative paths alone. Notes are never given
 * up: programs bind few paths. Errors: false when there is no note, or no room for one.
 * Threads, fork, signals: lock-free; a note is written before it is found.
 */
#ifndef PIL_SHIM_BOUND_H
#define PIL_SHIM_BOUND_H

#include <stdbool.h>

#include "shim/call.h"

#define PIL_BOUND_MAX 32u

/* Notes the absolute address of a socket that is about to be bound; false when there is no room. */
bool pil_bound_note(int fd, const struct pil_copied *absolute);

/* Takes the note back: the socket was not bound. */
void pil_bound_forget(int fd);

/* If *addr is a relative unix path, and the socket's note is there, replaces it by what was noted.
 * fd is the socket that was bound, which for an accepted one is the listening one. */
void pil_bound_complete(int fd, struct pil_copied *addr);

#endif
