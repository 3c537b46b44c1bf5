/*
 * Reaching policyd: a socket to it, proof of who it is, hello, and how long to wait.
 *
 * Cost: some ten system calls for a fresh socket; a look at the clock before each wait. Errors:
 * PIL_E_UNREACHABLE, PIL_E_TIMEOUT, PIL_E_REFUSED. Threads: the link must be held by the caller.
 * Signals, fork: as for link.h, whose lower half this is.
 */
#ifndef PIL_SHIM_DIAL_H
#define PIL_SHIM_DIAL_H

#include <stdint.h>

#include "core/defs.h"
#include "shim/state.h"

/* How long a call may wait for policyd: what it said itself, or the default. */
uint32_t pil_dial_deadline_ms(void);

/*
 * How long one may that waits for the first welcome: PIL_WELCOME_MS, because on a busy machine it
 * takes policyd longer to find out who a process is than to decide. That is so while nobody has
 * welcomed this process and nothing has failed; from then on, and wherever nobody has accepted the
 * connection, it is the above.
 */
uint32_t pil_dial_first_ms(void);

/*
 * Before anything that may wait on fd: what is left of this call's time, to the kernel. The usual
 * call has all of it left and its link is set for that already. PIL_E_TIMEOUT when none is left.
 */
int pil_dial_limit(struct pil_link *link, int fd) PIL_USERESULT;

/* A connected socket of ours to `name` ("/path" or "@abstract") whose other end was opened by
 * somebody who may be policyd; PIL_E_REFUSED when by somebody else. */
int pil_dial(struct pil_link *link, const char *name, int *out) PIL_USERESULT;

/* Sends hello, without waiting for the answer. Also gives the errors of chan.h. */
int pil_dial_hello(struct pil_link *link, int fd) PIL_USERESULT;

#endif
