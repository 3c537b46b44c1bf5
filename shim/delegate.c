#include "shim/delegate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "core/chan.h"
#include "core/err.h"
#include "core/wire_tls.h"
#include "shim/call.h"
#include "shim/decide.h"
#include "shim/link.h"
#include "shim/real.h"
#include "shim/secure.h"
#include "shim/watched.h"

#define SETS     4u
#define ALONE_MS 100 /* how often a program that accepts without policyd is told */

static const struct pil_sysops *const sys = &pil_real_sys;

bool pil_delegate_reads(int fd, struct pil_standin *out)
{
    struct sockaddr_un un;
    socklen_t len = sizeof(un);

    return sys->getsockname(fd, (struct sockaddr *)&un, &len) == 0 && len <= sizeof(un) &&
           pil_standin_read((struct sockaddr *)&un, len, out);
}

/* ---- listening ----------------------------------------------------------------------------- */

/* Epoll sets that a program put the socket into before it listened. */
struct registrations {
    unsigned count;
    struct {
        int set;
        struct epoll_event event;
    } of[SETS];
};

static void note(void *cookie, int set, uint32_t events, uint64_t data)
{
    struct registrations *r = cookie;

    if (r->count == SETS)
        return;
    r->of[r->count].set = set;
    r->of[r->count++].event = (struct epoll_event){.events = events, .data.u64 = data};
}

static void control(const struct registrations *r, int op, int fd)
{
    for (unsigned i = 0; i < r->count; i++)
        pil_sysops_call(SYS_epoll_ctl, r->of[i].set, op, fd, (long)&r->of[i].event, 0, 0);
}

/* The stand-in takes the number, with what the program set on its socket; status is of before the
 * hand-over, because policyd makes the socket non-blocking. */
static int take_place(int fd, int standin, int status)
{
    int flags = sys->fcntl(fd, F_GETFD, 0), result;
    struct registrations r = {0};

    if (status < 0 || flags < 0)
        return -EBADF;
    sys->fcntl(standin, F_SETFL, status & O_NONBLOCK);
    if (pil_watched_maybe(fd))
        pil_watched_find(fd, note, &r);
    control(&r, EPOLL_CTL_DEL, fd);
    result = sys->dup3(standin, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
    control(&r, EPOLL_CTL_ADD, fd);
    return result < 0 ? result : 0;
}

static void put_delegate(struct pil_writer *w, const void *what)
{
    pil_wire_put_delegate(w, what);
}

static int get_delegated(struct pil_reader *r, void *out)
{
    return pil_wire_get_delegated(r, out);
}

/* policyd's stand-in, a descriptor of the caller's, or -EACCES. */
static int hand_over(int fd, int backlog, const struct pil_query *q, const void *caller)
{
    struct pil_name room;
    struct pil_delegated answer = {.status = PIL_E_INTERNAL};
    struct pil_delegate what = {.query = *q, .backlog = backlog < 0 ? 0 : (uint32_t)backlog};
    int got[PIL_CHAN_FDS];
    struct pil_link_call call = {
        .type = PIL_WIRE_DELEGATE,
        .answer = PIL_WIRE_DELEGATED,
        .put = put_delegate,
        .message = &what,
        .get = get_delegated,
        .out = &answer,
        .fds = &fd,
        .fd_count = 1,
        .got = got,
        .got_count = PIL_CHAN_FDS,
    };
    int err;

    pil_decide_complete(&what.query, caller, &room);
    err = pil_link_call(&call, pil_link_deadline());
    if (!err && answer.status == PIL_OK && call.got_count == 1)
        return got[0];
    for (unsigned i = 0; i < call.got_count; i++)
        sys->close(got[i]);
    return -EACCES;
}

int pil_delegate_listen(int fd, int backlog, const struct pil_query *q, const void *caller)
{
    int result = pil_real_host.listen(fd, backlog), status = sys->fcntl(fd, F_GETFL, 0), standin;

    if (result < 0)
        return result;
    standin = hand_over(fd, backlog, q, caller);
    result = standin < 0 ? standin : take_place(fd, standin, status);
    if (standin >= 0)
        sys->close(standin);
    if (result < 0)
        sys->shutdown(fd, SHUT_RDWR); /* a listening socket ceases to listen */
    return result < 0 ? -EACCES : 0;
}

/* ---- accepting ----------------------------------------------------------------------------- */

/* How long accept waits on that socket: for ever, unless the program set a limit. */
static int patience_ms(int fd)
{
    struct timeval limit = {0};
    socklen_t len = sizeof(limit);

    if (sys->getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, &len) ||
        (!limit.tv_sec && !limit.tv_usec))
        return -1;
    return limit.tv_sec > INT32_MAX / 1000 - 1 ? -1
                                               : (int)(limit.tv_sec * 1000 + limit.tv_usec / 1000);
}

/* What is received without room for its descriptor is lost; so it is made sure that there is. */
static int room_for_one(int fd)
{
    int probe = sys->fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (probe < 0)
        return probe == -EINVAL ? -EMFILE : probe;
    sys->close(probe);
    return 0;
}

/* One connection, if there is one: its descriptor. */
static int take_one(int fd)
{
    int got = -1, result = room_for_one(fd);

    if (!result)
        result = pil_secure_receive(fd, &got);
    return result ? result : got;
}

/* policyd is gone, and nobody has kept its end: nothing will ever come here. A loop that is woken
 * by that, again and again, is held up a little each time, and goes on with what else it has. */
static int alone(int fd)
{
    int status = sys->fcntl(fd, F_GETFL, 0);

    sys->poll(NULL, 0, ALONE_MS);
    return status >= 0 && (status & O_NONBLOCK) ? -EAGAIN : -ECONNABORTED;
}

static int wait_for_one(int fd)
{
    bool waits = false;
    int limit = 0;

    for (;;) {
        int result = take_one(fd), status;

        if (result == -ENOTCONN)
            return alone(fd);
        if (result != -EAGAIN)
            return result;
        if (!waits) {
            status = sys->fcntl(fd, F_GETFL, 0);
            if (status < 0 || (status & O_NONBLOCK))
                return -EAGAIN;
            waits = true;
            limit = patience_ms(fd);
        }
        result = pil_call_wait(fd, limit);
        if (result <= 0)
            return result < 0 ? result : -EAGAIN;
    }
}

static int address_of(int fd, union pil_standin_addr *peer)
{
    struct pil_standin relay;
    socklen_t len = sizeof(*peer);

    if (sys->getpeername(fd, &peer->sa, &len) == 0 && peer->sa.sa_family != AF_UNIX)
        return 0;
    if (!pil_delegate_reads(fd, &relay) || relay.kind != PIL_STANDIN_RELAY)
        return -ECONNABORTED;
    *peer = relay.other;
    return 0;
}

int pil_delegate_accept(int fd, int flags, union pil_standin_addr *peer)
{
    int got = wait_for_one(fd), result;

    if (got < 0)
        return got;
    result = address_of(got, peer);
    if (result) {
        sys->close(got);
        return result;
    }
    if (!(flags & SOCK_CLOEXEC))
        sys->fcntl(got, F_SETFD, 0);
    if (flags & SOCK_NONBLOCK)
        sys->fcntl(got, F_SETFL, sys->fcntl(got, F_GETFL, 0) | O_NONBLOCK);
    return got;
}
