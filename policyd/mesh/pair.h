/*
 * The socket pairs that stand between policyd and a program: what stands in for a listening
 * socket, and the channels on which connections are answered for.
 *
 * Of a stand-in the program holds one end, bound to a name that says what it is, whose sending
 * direction is filled for good: it becomes readable and never writable, as a listening socket does.
 * policyd's end takes few frames (SO_SNDBUF), so that no more connections are taken out of the
 * kernel's backlog than a program is about to accept.
 *
 * Cost: a few system calls. Errors: enum pil_err. Threads: any.
 */
#ifndef PIL_POLICYD_MESH_PAIR_H
#define PIL_POLICYD_MESH_PAIR_H

#include <stdbool.h>
#include <stddef.h>

#include "core/defs.h"
#include "core/standin.h"

/* Both ends are close-on-exec; ours does not block, the program's does. room: frames that may wait
 * in it, about. PIL_E_EXISTS: the name is taken, by a number of an earlier policyd. */
int pil_pair_make(const struct pil_standin *name, unsigned room, int *ours,
                  int *theirs) PIL_USERESULT;

/* Sends a frame with one descriptor (-1: none). PIL_E_AGAIN: no room; PIL_E_CLOSED. */
int pil_pair_put(int ours, const void *frame, size_t len, int fd) PIL_USERESULT;

/* Reads away what the program put in to make its end look busy. */
void pil_pair_drain(int ours);

/* Whether the other end is closed, in every process that had it. */
bool pil_pair_ended(int ours);

#endif
