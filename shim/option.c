/*
 * getsockname, getpeername, getsockopt, setsockopt: of a socket that is being secured, and of one
 * that stands in for another, they say what the program's own socket would.
 *
 * The kernel is asked first, and its answer stands wherever it is not of a unix socket of ours; so
 * nothing is added to calls on other sockets.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/call.h"
#include "shim/delegate.h"
#include "shim/park.h"
#include "shim/real.h"
#include "shim/shim.h"
#include "shim/state.h"

/* ---- names --------------------------------------------------------------------------------- */

static void give(const union pil_standin_addr *from, struct sockaddr *addr, socklen_t room,
                 socklen_t *len)
{
    struct sockaddr_storage storage = {0};

    memcpy(&storage, from, sizeof(*from));
    *len = room;
    pil_call_give(&storage, pil_standin_len(from), addr, len);
}

static bool says_unix(int result, const struct sockaddr *addr, socklen_t room, const socklen_t *len)
{
    return result == 0 && room >= sizeof(addr->sa_family) && *len >= sizeof(addr->sa_family) &&
           addr->sa_family == AF_UNIX;
}

static socklen_t room_of(const socklen_t *len)
{
    return pil_call_readable(len, sizeof(*len)) ? *len : 0;
}

int pil_shim_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
    socklen_t room = room_of(len);
    int result = PIL_BOUND(getsockname)(fd, addr, len);
    struct pil_standin standin;

    if (says_unix(result, addr, room, len) && pil_delegate_reads(fd, &standin))
        give(&standin.own, addr, room, len);
    return result;
}

int pil_shim_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
    socklen_t room = room_of(len);
    struct pil_standin standin;
    int result;

    if (PIL_UNLIKELY(pil_park_has(fd)) && pil_park_settle(fd))
        return (int)pil_call_result(-ENOTCONN);
    result = PIL_BOUND(getpeername)(fd, addr, len);
    if (!says_unix(result, addr, room, len) || !pil_delegate_reads(fd, &standin))
        return result;
    if (standin.kind == PIL_STANDIN_LISTEN)
        return (int)pil_call_result(-ENOTCONN);
    give(&standin.other, addr, room, len);
    return 0;
}

/* ---- options ------------------------------------------------------------------------------- */

/* What an option would be on the program's socket where the stand-in's is another. */
static bool own_option(const struct pil_standin *standin, int name, int *value)
{
    switch (name) {
    case SO_TYPE:
        *value = SOCK_STREAM;
        return true;
    case SO_DOMAIN:
        *value = standin->own.sa.sa_family;
        return true;
    case SO_PROTOCOL:
        *value = IPPROTO_TCP;
        return true;
    case SO_ACCEPTCONN:
        *value = standin->kind == PIL_STANDIN_LISTEN;
        return true;
    default:
        return false;
    }
}

/* Whether the kernel's answer can be one of a unix socket of ours. */
static bool is_suspect(int result, int level, int name, const int *value)
{
    if (level == SOL_SOCKET)
        return result == 0 && ((name == SO_TYPE && *value == SOCK_SEQPACKET) ||
                               ((name == SO_DOMAIN || name == SO_TYPE) && *value == AF_UNIX) ||
                               ((name == SO_PROTOCOL || name == SO_ACCEPTCONN) && *value == 0));
    return (level == IPPROTO_TCP || level == IPPROTO_IP || level == IPPROTO_IPV6) &&
           (result == -EOPNOTSUPP || result == -ENOPROTOOPT);
}

/* What is not known of the connection is what it would be on a fresh one: TCP_NODELAY and such are
 * off, and a TCP_INFO tells nothing. */
static bool standin_option(int fd, int level, int name, void *value, socklen_t room, socklen_t *len)
{
    struct pil_standin standin;
    int own = 0;

    if (!pil_delegate_reads(fd, &standin))
        return false;
    if (level == SOL_SOCKET && !own_option(&standin, name, &own))
        return false;
    if (level == IPPROTO_IP && name == IP_OPTIONS) {
        *len = 0; /* none; sshd refuses whoever has some */
        return true;
    }
    *len = level == SOL_SOCKET || room < sizeof(own) ? (room < sizeof(own) ? room : sizeof(own))
                                                     : room;
    memset(value, 0, *len);
    memcpy(value, &own, *len < sizeof(own) ? *len : sizeof(own));
    return true;
}

/* The error of a connection that could not be secured is told once, like the kernel's own. */
static int told_error(int fd, void *value, socklen_t *len)
{
    int error = pil_park_tell(fd);
    socklen_t room = *len < sizeof(error) ? *len : (socklen_t)sizeof(error);

    if (error) {
        memcpy(value, &error, room);
        *len = room;
    }
    return error;
}

int pil_shim_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    socklen_t room = room_of(len);
    int saved = errno, result = PIL_BOUND(getsockopt)(fd, level, name, value, len), seen = 0;

    if (PIL_UNLIKELY(pil_park_has(fd)) && level == SOL_SOCKET && name == SO_ERROR && result == 0)
        (void)told_error(fd, value, len);
    if (result == 0)
        memcpy(&seen, value, *len < sizeof(seen) ? *len : sizeof(seen));
    if (PIL_LIKELY(!is_suspect(result ? -errno : 0, level, name, &seen)) ||
        !standin_option(fd, level, name, value, room, len))
        return result;
    errno = saved;
    return 0;
}

/* Options of TCP and IP on a stand-in are taken and change nothing: they are policyd's to choose.
 */
int pil_shim_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    int saved = errno, result = PIL_BOUND(setsockopt)(fd, level, name, value, len), none = 0;
    struct pil_standin standin;

    if (PIL_LIKELY(result == 0 || level == SOL_SOCKET) || !is_suspect(-errno, level, name, &none) ||
        !pil_delegate_reads(fd, &standin))
        return result;
    errno = saved;
    return 0;
}
