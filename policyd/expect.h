/*
 * Processes that promised to be under Pillion soon: `pillion run` says so before its exec. One
 * that has not said hello in time must end, because then nothing decides what it does.
 *
 * Whoever watches a promise, over the very connection it was made on, is told how it was settled.
 * A late process is left to its watcher for a moment, who can end it with an exit status and a
 * word at its terminal; where there is no watcher, or it does not do its work, it is killed.
 *
 * The process is the peer of the socket and the very sender of the promise, held by a pidfd that
 * was taken while it was alive; no number that anybody sent is used.
 *
 * Cost: a descriptor and a timer each. Errors: enum pil_err. Threads: main thread only.
 */
#ifndef PIL_POLICYD_EXPECT_H
#define PIL_POLICYD_EXPECT_H

#include <stdint.h>
#include <sys/types.h>

#include "core/defs.h"

struct pil_daemon;
struct pil_session;
struct ucred;
struct pil_expect;

int pil_expect_open(struct pil_daemon *d, struct pil_expect **out) PIL_USERESULT;
/* Those without a watcher that have not said hello by then are killed: the next policyd does not
 * know of them. NULL is legal. */
void pil_expect_close(struct pil_expect *expect);

/* The peer of fd has timeout_ms to say hello. PIL_E_EXISTS when it promised already, PIL_E_FULL
 * when too many did, PIL_E_PEER when it is gone or did not send that itself. */
int pil_expect_add(struct pil_expect *expect, int fd, const struct ucred *sender,
                   uint32_t timeout_ms) PIL_USERESULT;

/* It said hello. One that was late already stays late. */
void pil_expect_arrived(struct pil_expect *expect, pid_t pid, uint64_t start);

/* The peer of the session promised, and the session is to be told (pil_control_arrival) when that
 * is settled. PIL_E_NOTFOUND when it made no promise, PIL_E_EXISTS when it is watched already,
 * PIL_E_PEER. */
int pil_expect_watch(struct pil_expect *expect, struct pil_session *s) PIL_USERESULT;

/* The session is about to be closed. expect may be NULL. */
void pil_expect_unwatch(struct pil_expect *expect, const struct pil_session *s);

unsigned pil_expect_count(const struct pil_expect *expect);
/* Called when the last one of them has said hello or is gone. */
void pil_expect_on_empty(struct pil_expect *expect, void (*call)(void *cookie), void *cookie);

#endif
