/* socket, connect, bind: judged, then made. */
#include <netinet/in.h>
#include <string.h>

#include "shim/bound.h"
#include "shim/call.h"
#include "shim/conn.h"
#include "shim/decide.h"
#include "shim/delegate.h"
#include "shim/env.h"
#include "shim/fresh.h"
#include "shim/link.h"
#include "shim/park.h"
#include "shim/real.h"
#include "shim/secure.h"
#include "shim/shim.h"
#include "shim/site.h"
#include "shim/state.h"
#include "shim/watched.h"

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

    if (fd >= 0) {
        pil_fresh_note(fd, type);
        pil_watched_wipe(fd);
    }
    return (int)pil_call_result(fd);
}

static bool stream(int type)
{
    return type == SOCK_STREAM || type == SOCK_SEQPACKET;
}

/* Setting the destination of a datagram socket is judged as what it is for: sending there. */
static int judge_connect(int fd, const struct pil_copied *copy, const void *caller,
                         struct pil_query *q, struct pil_call_room *room, struct pil_verdict *v)
{
    int type;

    if (!pil_call_query(q, PIL_ACTION_CONNECT, (const struct sockaddr *)&copy->sa, copy->len, room))
        return 0;
    if (q->kind == PIL_KIND_UNIX && pil_site_names(caller))
        return 0;
    type = pil_call_connect_type(fd);
    if (type < 0)
        return -type;
    if (!stream(type))
        q->action = PIL_ACTION_SEND;
    else
        q->flags = PIL_QUERY_PEER_LATER;
    return pil_decide(q, caller, v);
}

static int make_connect(int fd, const struct pil_copied *copy)
{
    return pil_real_host.connect(fd, (const struct sockaddr *)&copy->sa, copy->len);
}

/* A connection that was begun before: it is not made again. */
static int connect_again(int fd, const struct pil_copied *copy)
{
    int result = pil_park_settle(fd);

    if (result == -EAGAIN)
        return -EALREADY;
    return result ? -pil_park_tell(fd) : make_connect(fd, copy);
}

/* A connection that stands is not made again: programs ask by connect(2) whether it is there. The
 * kernel knows, but for a relay, whose socket is of another kind. */
static bool is_secured(int fd, int *error)
{
    struct pil_standin standin;
    int bytes;

    if (pil_conn_maybe(fd) && pil_conn_pending(fd, &bytes) != PIL_CONN_NOT)
        return true;
    if (!pil_delegate_reads(fd, &standin) || standin.kind != PIL_STANDIN_RELAY)
        return false;
    *error = -EISCONN;
    return true;
}

int pil_shim_connect(int fd, const struct sockaddr *addr, socklen_t len, const void *caller)
{
    struct pil_copied copy;
    struct pil_call_room room;
    struct pil_query q = {0};
    struct pil_verdict v = {0};
    int error;

    pil_state_ready();
    if (!pil_call_copy(&copy, addr, len))
        return (int)pil_call_result(pil_real_host.connect(fd, pil_call_nowhere(addr), len));
    if (PIL_UNLIKELY(pil_park_has(fd)))
        return (int)pil_call_result(connect_again(fd, &copy));
    if (PIL_UNLIKELY(copy.sa.ss_family == AF_UNSPEC && pil_conn_maybe(fd)))
        pil_conn_release((unsigned)fd, (unsigned)fd); /* dissolved (connect(2)) */
    error = judge_connect(fd, &copy, caller, &q, &room, &v);
    if (error)
        return (int)pil_call_result(-error);
    if (PIL_UNLIKELY(pil_secure_wanted(&q, &v)) && !is_secured(fd, &error))
        error = pil_secure_connect(fd, &copy, &q, caller);
    else if (!error)
        error = make_connect(fd, &copy);
    return (int)pil_call_result(error);
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
