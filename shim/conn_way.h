/*
 * The two directions of a connection, as conn*.c see each other. Private to them.
 *
 * All of this is called with the locks that are named held, and signals blocked. Errors: negated
 * errno. Nothing waits for the peer. Threads, fork: as the locks say. Signals: blocked.
 */
#ifndef PIL_SHIM_CONN_WAY_H
#define PIL_SHIM_CONN_WAY_H

#include <sys/socket.h>

#include "shim/conn_slot.h"

/* A place in the program's buffers. */
struct pil_walk {
    const struct iovec *iov;
    size_t count; /* of iov, from the current one on */
    size_t at;    /* in the current one */
    size_t left;  /* of all of them */
};

void pil_walk_start(struct pil_walk *w, const struct iovec *iov, size_t count);

/* The bytes that lie together here, at most `most`; zero at the end. */
size_t pil_walk_here(struct pil_walk *w, size_t most, uint8_t **at);

/* Goes on by len, which is not more than what is left. */
void pil_walk_go(struct pil_walk *w, size_t len);

/* recv and send on the kernel's socket, which never wait. */
ssize_t pil_way_recv(int fd, void *buf, size_t len, int flags);
ssize_t pil_way_send(int fd, const void *buf, size_t len, int flags);
int pil_way_shutdown(int fd, int how);

/* ---- out (conn_out.c), out_lock is held ------------------------------------------------------ */

/* Sends what was sealed and not taken: 1 when nothing is left of it, 0 when the kernel is full. */
int pil_way_flush(struct pil_slot *slot, int fd, int flags);

/* Seals an alert behind what is unsent, once, and tries to send it: as pil_way_flush. */
int pil_way_alert(struct pil_slot *slot, int fd, enum pil_alert alert);

/* ---- in (conn_in.c), in_lock is held --------------------------------------------------------- */

/* Takes records that are no data from the kernel's queue, and keeps the first that is. */
void pil_way_settle(struct pil_slot *slot, int fd, uint64_t cookie);

/* Takes the byte that was left in the kernel, whose record is opened already. */
void pil_way_take_tail(struct pil_slot *slot, int fd);

#endif
