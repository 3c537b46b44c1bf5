/*
 * What the files behind shim.h share: errno at the edge, addresses copied once, queries made.
 *
 * Private to net.c, send.c, resolve.c, fd.c, exec.c and raw.c. Nothing here blocks or allocates.
 */
#ifndef PIL_SHIM_CALL_H
#define PIL_SHIM_CALL_H

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/addr.h"
#include "core/query.h"

/* The one place where errno is written: turns a negated errno into libc's convention. */
static inline long pil_call_result(long result)
{
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

/*
 * False when the kernel would answer EFAULT to reading len bytes (at least one) there: our copy
 * must not crash a program that the kernel would only have refused. Free for what lies on the
 * stack just above, else one system call of 60 ns; the first and last byte stand for all.
 */
bool pil_call_readable(const void *at, size_t len);

/* A copy of a socket address, taken once; judged and handed on, so that another thread cannot
 * change it in between. */
struct pil_copied {
    struct sockaddr_storage sa;
    socklen_t len;
};

/* False when there is nothing sensible to copy (NULL, too long, unreadable): the kernel then
 * refuses the original, which is handed to it as it is. */
bool pil_call_copy(struct pil_copied *copy, const struct sockaddr *addr, socklen_t len);

/* SO_TYPE of a socket, or a negated errno. */
int pil_call_socket_type(int fd);

/* SO_PROTOCOL of a socket, or a negated errno. */
int pil_call_socket_protocol(int fd);

/* The type again, for connect, where a fresh socket needs no asking and a type that is wrong picks
 * the wrong action, but never leaves a call unjudged. */
int pil_call_connect_type(int fd);

/* What the kernel gets for an address that could not be copied: it must not read what nobody
 * judged, and refuses this as it would have refused the original. */
static inline const struct sockaddr *pil_call_nowhere(const struct sockaddr *addr)
{
    return addr ? (const struct sockaddr *)(uintptr_t)-4096 : NULL;
}

/*
 * On an IPv4 socket the kernel takes AF_UNSPEC for AF_INET when it sends a datagram, and when it
 * binds to the wildcard address; on a raw IPv6 socket it takes it for AF_INET6 (udp_sendmsg,
 * inet_bind, rawv6_sendmsg). Writes the family that is meant into the copy, so that it is judged,
 * and handed on, as that.
 */
void pil_call_settle_family(int fd, struct pil_copied *copy, int type, bool only_wildcard);

/* Makes a relative unix path absolute in the copy, where that fits: the working directory may be
 * another one when it is judged. True when it did. */
bool pil_call_settle_path(struct pil_copied *copy);

/* The query for an address. False when there is nothing to judge. The path that rules know is
 * written into room, which must live as long as the query. */
struct pil_call_room {
    struct pil_addr addr;
    char path[PIL_NAME_MAX + 1];
};
bool pil_call_query(struct pil_query *q, unsigned action, const struct sockaddr *addr,
                    socklen_t len, struct pil_call_room *room);

/* Waits until fd is readable, ms at most (-1: for ever), by libc's poll, because that is a
 * cancellation point: 1, 0 when the time was over, or a negated errno. */
int pil_call_wait(int fd, int ms);

/* Copies a kernel-style address out to the caller's buffer, as accept and getpeername do. */
void pil_call_give(const struct sockaddr_storage *from, socklen_t from_len, struct sockaddr *to,
                   socklen_t *to_len);

#endif
