/*
 * Which epoll sets a socket is in: asked from the kernel, when that is worth asking.
 *
 * A program may put a socket into a set before it connects or listens. A hint for each number says
 * that it was put into some set; only then the sets of this process are looked through, in
 * /proc/self/fdinfo (proc(5)), where each lists what it watches.
 *
 * Cost: the hint, a store; finding, some system calls for each epoll descriptor that is open.
 * Errors: none; what cannot be read is not found. Threads, signals, fork: no state but the hints.
 */
#ifndef PIL_SHIM_WATCHED_H
#define PIL_SHIM_WATCHED_H

#include <stdbool.h>
#include <stdint.h>

/* fd was put into that set. */
void pil_watched_note(int fd, int set);

/* It may be in one; numbers of 4096 and more always may. Sets with such numbers are not found. */
bool pil_watched_maybe(int fd);

/* The number became another file's. */
void pil_watched_wipe(int fd);

/* Calls back for each set of this process that fd is in, with the set's descriptor and what the
 * program registered. */
void pil_watched_find(int fd, void (*found)(void *cookie, int set, uint32_t events, uint64_t data),
                      void *cookie);

#endif
