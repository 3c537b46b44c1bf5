/*
 * Connections whose records this process protects itself: the record path "process".
 *
 * A connection lives in a slot that all processes which hold its descriptor share, so that two of
 * them never use a sequence number twice; which number has which slot is each process' own table.
 * A number may be closed and used again behind the hooks, so the socket's cookie is looked at
 * whenever a slot is used. A direction is taken by a lock, for which signals are blocked and which
 * is never held while the peer is waited for.
 *
 * What is read is opened at once into what the program gave room for, so nothing that could be
 * delivered lies in a slot unseen by poll: of a record that is larger than the room, the last byte
 * stays in the kernel's queue until all of it has been taken. What is written and not all taken by
 * the kernel is answered with one byte less, so that the program comes back for it.
 *
 * Cost: one load for descriptors that are no such connection; else four system calls besides the
 * call's own. Errors: negated errno, as the call has them on a plain socket, and PIL_CONN_NOT.
 * Threads: any. Signals: from handlers, too. Fork: children share slots; vfork children leave them
 * alone. Memory: 128 KiB of address space a connection, of which is used what is needed.
 */
#ifndef PIL_SHIM_CONN_H
#define PIL_SHIM_CONN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/wire_tls.h"

#define PIL_CONN_FDS 65536u /* numbers from here on are given to a relay */

/* Not a connection of ours (any more): make the plain call. */
#define PIL_CONN_NOT (-4096)

/* Slot + 1 of each number; 0: none. */
extern _Atomic uint16_t pil_conn_table[PIL_CONN_FDS];

/* May fd be such a connection? No means no. */
static inline bool pil_conn_maybe(int fd)
{
    return PIL_UNLIKELY((unsigned)fd < PIL_CONN_FDS &&
                        atomic_load_explicit(&pil_conn_table[fd], memory_order_relaxed) != 0);
}

/* Has this process had any at all? */
bool pil_conn_any(void);

/* False where this library cannot protect records: PIL_SECURE_NO_PROCESS is to be said then. */
bool pil_conn_possible(void);

/*
 * Makes fd, a connected TCP socket for which policyd has said SECURED with path process, one of
 * ours. From here on it must not be used but through this header. PIL_OK, or an enum pil_err, and
 * then nothing has changed: the caller closes it. The keys are copied; the caller wipes its own.
 */
int pil_conn_install(int fd, const struct pil_secured *s) PIL_USERESULT;

/* recvmsg and sendmsg, from which read, recv, readv, write, send and the others are made. */
ssize_t pil_conn_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t pil_conn_sendmsg(int fd, const struct msghdr *msg, int flags);

/* sendfile; offset NULL stands for the file's own. */
ssize_t pil_conn_sendfile(int fd, int in, int64_t *offset, size_t count);

int pil_conn_shutdown(int fd, int how);

/* FIONREAD: bytes that a read would give, as far as they have come. */
int pil_conn_pending(int fd, int *bytes);

/* Before the numbers first..last are closed, or something else is put there. */
void pil_conn_release(unsigned first, unsigned last);

/* `to` has become a copy of `from`. */
void pil_conn_copied(int from, int to);

/*
 * Hands the connection to policyd's relay, and puts the relay's socket under every number of this
 * process that had it. PIL_CONN_NOT when it is none, 0, or a negated errno: then it stays as it is.
 */
int pil_conn_demote(int fd);

/* Before an exec that replaces this process. Connections that the new program would get are given
 * to the relay, those that end with this program are said to have ended. */
void pil_conn_before_exec(void);

/* Around a spawn, whose child does not get connections: numbers without close-on-exec have it
 * meanwhile. What the child shall have as another number is demoted first. */
void pil_conn_before_spawn(void);
void pil_conn_after_spawn(void);

/* The process ends in order: says so to peers of connections that nobody else has. */
void pil_conn_farewell(void);

#endif
