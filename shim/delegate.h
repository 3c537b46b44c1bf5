/*
 * Listening sockets whose connections are encrypted: policyd accepts, the program gets what is
 * finished and allowed.
 *
 * The socket goes to policyd, and a stand-in takes its number: one end of a SEQPACKET pair on which
 * each connection arrives with its keys. It is ready when a connection is, and blocks or not as the
 * program set it, so poll, epoll and prefork servers work by the kernel's means. Its name says
 * what it stands for (core/standin.h), so that no process needs a note of it.
 *
 * Cost: a message when listening; a message instead of accept. Errors: negated errno. Threads,
 * signals, fork: no state here.
 */
#ifndef PIL_SHIM_DELEGATE_H
#define PIL_SHIM_DELEGATE_H

#include <stdbool.h>

#include "core/query.h"
#include "core/standin.h"

/* listen(2) on fd, and the hand-over. When that fails nobody listens: -EACCES. */
int pil_delegate_listen(int fd, int backlog, const struct pil_query *q, const void *caller);

/* fd is a stand-in of either kind; false for every other descriptor. */
bool pil_delegate_reads(int fd, struct pil_standin *out);

/* accept4(2) on a stand-in for a listening socket; *peer is the client's address. */
int pil_delegate_accept(int fd, int flags, union pil_standin_addr *peer);

#endif
