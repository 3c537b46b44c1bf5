/*
 * One framed channel over a SOCK_SEQPACKET unix socket, with descriptors.
 *
 * The kernel keeps the frames, so there is no partial message: a frame arrives whole or the
 * channel is broken. Received descriptors are close-on-exec from the first moment, sends never
 * raise SIGPIPE, and a frame that was cut by the kernel (MSG_TRUNC, MSG_CTRUNC) is refused and
 * its descriptors are closed. Who sent a frame is the kernel's word, on sockets with SO_PASSCRED.
 *
 * Cost: one system call each. Errors: enum pil_err; the channel stays open, closing it is the
 * caller's decision. Threads: one sender and one receiver at a time. Safe after fork and in
 * signal handlers.
 */
#ifndef PIL_CORE_CHAN_H
#define PIL_CORE_CHAN_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/defs.h"
#include "core/sysops.h"

struct ucred;

#define PIL_CHAN_FDS 4u /* descriptors in one frame at most */

/*
 * Sends one frame gathered from iov[0..count). fds[0..fd_count) are lent for the call. With
 * wait false a full channel is PIL_E_AGAIN. PIL_E_CLOSED when the other side is gone.
 */
int pil_chan_send(const struct pil_sysops *sys, int fd, const struct iovec *iov, unsigned count,
                  const int *fds, unsigned fd_count, bool wait) PIL_USERESULT;

/*
 * Receives one frame of at most cap bytes; *len is its length. Up to *fd_count descriptors go to
 * fds and belong to the caller, *fd_count is then how many came; a frame with more is refused.
 * fds may be NULL when none are expected. PIL_E_AGAIN when none is there and wait is false,
 * PIL_E_CLOSED at end of stream, PIL_E_MALFORMED for a cut frame.
 */
int pil_chan_recv(const struct pil_sysops *sys, int fd, void *buf, size_t cap, size_t *len,
                  int *fds, unsigned *fd_count, bool wait) PIL_USERESULT;

/*
 * The same, and tells who sent the frame: the process (not the thread) and, unless it names
 * another uid of its own, its real uid. Pid 0 and uid (uid_t)-1 when the kernel did not say.
 * sender may be NULL.
 */
int pil_chan_recv_from(const struct pil_sysops *sys, int fd, void *buf, size_t cap, size_t *len,
                       int *fds, unsigned *fd_count, struct ucred *sender, bool wait) PIL_USERESULT;

/* Waits until fd is readable: PIL_OK, PIL_E_TIMEOUT or PIL_E_SYSTEM. A signal does not shorten
 * or lengthen the wait; deadline_ns is CLOCK_MONOTONIC. */
int pil_chan_wait(const struct pil_sysops *sys, int fd, uint64_t deadline_ns) PIL_USERESULT;

/* CLOCK_MONOTONIC in nanoseconds; 0 if the clock fails. */
uint64_t pil_chan_now(const struct pil_sysops *sys);

#endif
