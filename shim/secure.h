/*
 * A connection is made secure: policyd is asked, its answer is put into force.
 *
 * policyd gets a copy of the socket, handshakes on it, and answers on a channel of its own (a
 * SEQPACKET pair made for this one answer), because a handshake may take longer than any deadline
 * of a decision. From before the connection is made until the answer is in force the socket is
 * parked (park.h): nothing is read from it or written to it.
 *
 * Cost: a message with two descriptors; the handshake. Errors: negated errno, as connect(2) gives
 * them. Threads, signals, fork: as for link.h.
 */
#ifndef PIL_SHIM_SECURE_H
#define PIL_SHIM_SECURE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/query.h"

struct pil_copied;

/* The verdict wants this connection encrypted by us. */
static inline bool pil_secure_wanted(const struct pil_query *q, const struct pil_verdict *v)
{
    return (v->encrypt == PIL_ENCRYPT_REQUIRED || v->encrypt == PIL_ENCRYPT_PERMISSIVE) &&
           q->kind == PIL_KIND_INET && q->action != PIL_ACTION_SEND;
}

/* connect(2) with all that: a blocking socket returns when the connection is secure or has failed,
 * another one gets -EINPROGRESS. q is what was decided. */
int pil_secure_connect(int fd, const struct pil_copied *to, const struct pil_query *q,
                       const void *caller);

/* Takes the answer from a channel and puts it into force on fd. -EAGAIN when there is none yet,
 * -ECONNREFUSED when policyd went away; the channel stays open. */
int pil_secure_take(int channel, int fd);

/* Takes a connection that policyd has accepted from a stand-in: *got is its descriptor, fresh and
 * the caller's, in force. -EAGAIN when there is none, -ENOTCONN when policyd is gone. */
int pil_secure_receive(int standin, int *got);

#endif
