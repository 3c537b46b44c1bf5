/*
 * Processes that promised to be under Pillion soon: `pillion run` says so before its exec. One
 * that has not said hello in time is killed, because then nothing decides what it does.
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
struct ucred;
struct pil_expect;

int pil_expect_open(struct pil_daemon *d, struct pil_expect **out) PIL_USERESULT;
void pil_expect_close(struct pil_expect *expect);

/* The peer of fd has timeout_ms to say hello. PIL_E_EXISTS when it promised already, PIL_E_FULL
 * when too many did, PIL_E_PEER when it is gone or did not send that itself. */
int pil_expect_add(struct pil_expect *expect, int fd, const struct ucred *sender,
                   uint32_t timeout_ms) PIL_USERESULT;

/* It said hello. */
void pil_expect_arrived(struct pil_expect *expect, pid_t pid, uint64_t start);

unsigned pil_expect_count(const struct pil_expect *expect);

#endif
