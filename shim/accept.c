/* listen and accept: judged, then made, or left to policyd. */
#include <string.h>

#include "shim/bound.h"
#include "shim/call.h"
#include "shim/decide.h"
#include "shim/delegate.h"
#include "shim/real.h"
#include "shim/secure.h"
#include "shim/shim.h"
#include "shim/state.h"

/* A question about a socket's own address. */
struct own {
    struct pil_query query;
    struct pil_call_room room;
    struct pil_verdict verdict;
    bool standin; /* policyd has the socket; this one stands in for it */
};

/* What the socket says, or what it stands in for. */
static void read_own(struct pil_copied *own, struct own *about)
{
    struct pil_standin standin;

    about->standin = own->sa.ss_family == AF_UNIX &&
                     pil_standin_read((struct sockaddr *)&own->sa, own->len, &standin) &&
                     standin.kind == PIL_STANDIN_LISTEN;
    if (!about->standin)
        return;
    own->len = pil_standin_len(&standin.own);
    memcpy(&own->sa, &standin.own, own->len);
}

/* Judges what is asked about a socket's own address, which the socket `bound` was given. What the
 * kernel calls no socket it will refuse by itself; an address that a filter keeps from us is not
 * known, and so refused. */
static int judge_own(unsigned action, int fd, int bound, const struct pil_ip *source,
                     const void *caller, struct own *about)
{
    struct pil_copied own = {.len = sizeof(own.sa)};
    int err = pil_real_sys.getsockname(fd, (struct sockaddr *)&own.sa, &own.len);

    if (err == -EACCES)
        return action == PIL_ACTION_ACCEPT ? ECONNABORTED : EACCES;
    if (err)
        return 0;
    read_own(&own, about);
    pil_bound_complete(bound, &own);
    if (!pil_call_query(&about->query, action, (struct sockaddr *)&own.sa, own.len, &about->room))
        return 0;
    about->query.source = *source;
    return pil_decide(&about->query, caller, &about->verdict);
}

int pil_shim_listen(int fd, int backlog, const void *caller)
{
    struct own about = {0};
    int error;

    pil_state_ready();
    error = judge_own(PIL_ACTION_LISTEN, fd, fd, &(struct pil_ip){{0}}, caller, &about);
    if (error)
        return (int)pil_call_result(-error);
    if (PIL_UNLIKELY(about.standin))
        return 0;
    if (PIL_UNLIKELY(pil_secure_wanted(&about.query, &about.verdict)))
        return (int)pil_call_result(pil_delegate_listen(fd, backlog, &about.query, caller));
    return (int)pil_call_result(pil_real_host.listen(fd, backlog));
}

/* The peer of a refused connection sees a reset, as if the port were closed. */
static void reset(int fd)
{
    struct linger now = {.l_onoff = 1};

    pil_real_sys.setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    pil_real_sys.close(fd);
}

static int judge_accept(int fd, int listener, const struct sockaddr_storage *peer, socklen_t len,
                        const void *caller, struct own *about)
{
    struct pil_addr source;

    if (pil_addr_from((const struct sockaddr *)peer, len, &source))
        memset(&source.ip, 0, sizeof(source.ip));
    return judge_own(PIL_ACTION_ACCEPT, fd, listener, &source.ip, caller, about);
}

/* Where the kernel could not write the peer's address it refuses, having taken the connection. */
static bool room_for_peer(const struct sockaddr *addr, const socklen_t *len)
{
    if (!addr)
        return true;
    return pil_call_readable(len, sizeof(*len)) &&
           (*len == 0 || pil_call_readable(addr, *len < sizeof(struct sockaddr_storage)
                                                     ? *len
                                                     : sizeof(struct sockaddr_storage)));
}

/*
 * A socket that listened before this program had it, by socket activation say, goes to policyd now.
 * The connection that came by it is in the clear: its peer will have to come again.
 */
static int inherited(int listener, const struct own *about, const void *caller)
{
    struct pil_query q = about->query;

    q.action = PIL_ACTION_LISTEN;
    memset(&q.source, 0, sizeof(q.source));
    (void)pil_delegate_listen(listener, SOMAXCONN, &q, caller);
    return ECONNABORTED;
}

/* What the kernel gave: judged, and then given to the program or taken from it. */
static int admit(int got, int listener, const struct sockaddr_storage *peer, socklen_t peer_len,
                 struct sockaddr *addr, socklen_t *len, const void *caller)
{
    struct own about = {0};
    int error;

    if (got < 0)
        return (int)pil_call_result(got);
    error = room_for_peer(addr, len) ? judge_accept(got, listener, peer, peer_len, caller, &about)
                                     : EFAULT;
    if (!error && PIL_UNLIKELY(pil_secure_wanted(&about.query, &about.verdict)))
        error = inherited(listener, &about, caller);
    if (error) {
        reset(got);
        return (int)pil_call_result(-error);
    }
    pil_call_give(peer, peer_len, addr, len);
    return got;
}

/*
 * A stand-in is connected, which the kernel answers with EINVAL to whoever accepts on it. policyd
 * has judged what comes by it.
 */
static int admit_secured(int fd, int flags, struct sockaddr *addr, socklen_t *len)
{
    union pil_standin_addr peer;
    struct sockaddr_storage storage = {0};
    struct pil_standin standin;
    int got;

    if (!pil_delegate_reads(fd, &standin) || standin.kind != PIL_STANDIN_LISTEN)
        return (int)pil_call_result(-EINVAL);
    if (!room_for_peer(addr, len))
        return (int)pil_call_result(-EFAULT);
    got = pil_delegate_accept(fd, flags, &peer);
    if (got < 0)
        return (int)pil_call_result(got);
    memcpy(&storage, &peer, sizeof(peer));
    pil_call_give(&storage, pil_standin_len(&peer), addr, len);
    return got;
}

/* Two system calls, because a program's seccomp filter may know only the one that it makes. */
int pil_shim_accept(int fd, struct sockaddr *addr, socklen_t *len, const void *caller)
{
    struct sockaddr_storage peer;
    socklen_t peer_len = sizeof(peer);
    int got;

    pil_state_ready();
    got = pil_real_host.accept(fd, (struct sockaddr *)&peer, &peer_len);
    if (PIL_UNLIKELY(got == -EINVAL))
        return admit_secured(fd, 0, addr, len);
    return admit(got, fd, &peer, peer_len, addr, len, caller);
}

int pil_shim_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags, const void *caller)
{
    struct sockaddr_storage peer;
    socklen_t peer_len = sizeof(peer);
    int got;

    pil_state_ready();
    got = pil_real_host.accept4(fd, (struct sockaddr *)&peer, &peer_len, flags);
    if (PIL_UNLIKELY(got == -EINVAL) && !(flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)))
        return admit_secured(fd, flags, addr, len);
    return admit(got, fd, &peer, peer_len, addr, len, caller);
}
