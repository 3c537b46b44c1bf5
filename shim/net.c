/* connect, bind, listen, accept: judged, then made. */
#include <netinet/in.h>
#include <string.h>

#include "shim/bound.h"
#include "shim/call.h"
#include "shim/decide.h"
#include "shim/env.h"
#include "shim/fresh.h"
#include "shim/link.h"
#include "shim/real.h"
#include "shim/shim.h"
#include "shim/site.h"
#include "shim/state.h"

void pil_shim_start(char *const envp[])
{
    pil_state_boot(envp);
    pil_state_ready();
    if (pil_env.greets)
        pil_link_greet();
}

int pil_shim_socket(int domain, int type, int protocol)
{
    int fd = pil_sysops_kernel.socket(domain, type, protocol);

    if (fd >= 0)
        pil_fresh_note(fd, type);
    return (int)pil_call_result(fd);
}

static bool stream(int type)
{
    return type == SOCK_STREAM || type == SOCK_SEQPACKET;
}

/* Setting the destination of a datagram socket is judged as what it is for: sending there. */
static int judge_connect(int fd, const struct pil_copied *copy, const void *caller)
{
    struct pil_call_room room;
    struct pil_query q;
    int type;

    if (!pil_call_query(&q, PIL_ACTION_CONNECT, (const struct sockaddr *)&copy->sa, copy->len,
                        &room))
        return 0;
    if (q.kind == PIL_KIND_UNIX && pil_site_names(caller))
        return 0;
    type = pil_call_connect_type(fd);
    if (type < 0)
        return -type;
    if (!stream(type))
        q.action = PIL_ACTION_SEND;
    return pil_decide(&q, caller, NULL);
}

int pil_shim_connect(int fd, const struct sockaddr *addr, socklen_t len, const void *caller)
{
    struct pil_copied copy;
    int error;

    pil_state_ready();
    if (!pil_call_copy(&copy, addr, len))
        return (int)pil_call_result(pil_real_host.connect(fd, pil_call_nowhere(addr), len));
    error = judge_connect(fd, &copy, caller);
    if (error)
        return (int)pil_call_result(-error);
    return (int)pil_call_result(
        pil_real_host.connect(fd, (const struct sockaddr *)&copy.sa, copy.len));
}

/* A stream socket is judged when it listens; a datagram socket receives from here on. */
static int judge_bind(int fd, int type, struct pil_copied *copy, const void *caller)
{
    struct pil_call_room room;
    struct pil_query q;

    if (type < 0)
        return -type;
    if (stream(type))
        return 0;
    pil_call_settle_family(fd, copy, type, true);
    if (!pil_call_query(&q, PIL_ACTION_LISTEN, (const struct sockaddr *)&copy->sa, copy->len,
                        &room))
        return 0;
    if (q.kind == PIL_KIND_UNIX || (q.kind == PIL_KIND_INET && q.port == 0))
        return 0;
    return pil_decide(&q, caller, NULL);
}

static int bind_to(int fd, const struct pil_copied *copy)
{
    return pil_real_host.bind(fd, (const struct sockaddr *)&copy->sa, copy->len);
}

/* The path is bound as it was given, and a note says what it led to. Without room for a note it is
 * bound as what it leads to; but a program may stand in a folder that it could not enter from
 * above. */
static int bind_relative(int fd, const struct pil_copied *given, const struct pil_copied *absolute)
{
    bool noted = pil_bound_note(fd, absolute);
    int result = bind_to(fd, noted ? given : absolute);

    if (noted && result < 0)
        pil_bound_forget(fd);
    if (!noted && (result == -EACCES || result == -ENOENT))
        result = bind_to(fd, given);
    return result;
}

int pil_shim_bind(int fd, const struct sockaddr *addr, socklen_t len, const void *caller)
{
    struct pil_copied copy, absolute;
    int type, error;

    pil_state_ready();
    if (!pil_call_copy(&copy, addr, len))
        return (int)pil_call_result(pil_real_host.bind(fd, pil_call_nowhere(addr), len));
    type = pil_call_socket_type(fd);
    error = judge_bind(fd, type, &copy, caller);
    if (error)
        return (int)pil_call_result(-error);
    absolute = copy;
    if (stream(type) && pil_call_settle_path(&absolute))
        return (int)pil_call_result(bind_relative(fd, &copy, &absolute));
    return (int)pil_call_result(bind_to(fd, &copy));
}

/* Judges what is asked about a socket's own address, which the socket `bound` was given. What the
 * kernel calls no socket it will refuse by itself; an address that a filter keeps from us is not
 * known, and so refused. */
static int judge_own(unsigned action, int fd, int bound, const struct pil_ip *source,
                     const void *caller)
{
    struct pil_copied own = {.len = sizeof(own.sa)};
    int err = pil_real_sys.getsockname(fd, (struct sockaddr *)&own.sa, &own.len);
    struct pil_call_room room;
    struct pil_query q;

    if (err == -EACCES)
        return action == PIL_ACTION_ACCEPT ? ECONNABORTED : EACCES;
    if (err)
        return 0;
    pil_bound_complete(bound, &own);
    if (!pil_call_query(&q, action, (struct sockaddr *)&own.sa, own.len, &room))
        return 0;
    q.source = *source;
    return pil_decide(&q, caller, NULL);
}

int pil_shim_listen(int fd, int backlog, const void *caller)
{
    int error;

    pil_state_ready();
    error = judge_own(PIL_ACTION_LISTEN, fd, fd, &(struct pil_ip){{0}}, caller);
    if (error)
        return (int)pil_call_result(-error);
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
                        const void *caller)
{
    struct pil_addr source;

    if (pil_addr_from((const struct sockaddr *)peer, len, &source))
        memset(&source.ip, 0, sizeof(source.ip));
    return judge_own(PIL_ACTION_ACCEPT, fd, listener, &source.ip, caller);
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

/* What the kernel gave: judged, and then given to the program or taken from it. */
static int admit(int got, int listener, const struct sockaddr_storage *peer, socklen_t peer_len,
                 struct sockaddr *addr, socklen_t *len, const void *caller)
{
    int error;

    if (got < 0)
        return (int)pil_call_result(got);
    error = room_for_peer(addr, len) ? judge_accept(got, listener, peer, peer_len, caller) : EFAULT;
    if (error) {
        reset(got);
        return (int)pil_call_result(-error);
    }
    pil_call_give(peer, peer_len, addr, len);
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
    return admit(got, fd, &peer, peer_len, addr, len, caller);
}

int pil_shim_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags, const void *caller)
{
    struct sockaddr_storage peer;
    socklen_t peer_len = sizeof(peer);
    int got;

    pil_state_ready();
    got = pil_real_host.accept4(fd, (struct sockaddr *)&peer, &peer_len, flags);
    return admit(got, fd, &peer, peer_len, addr, len, caller);
}
