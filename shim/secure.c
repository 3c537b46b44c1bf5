#include "shim/secure.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "core/chan.h"
#include "core/err.h"
#include "core/wire_tls.h"
#include "shim/call.h"
#include "shim/conn.h"
#include "shim/decide.h"
#include "shim/link.h"
#include "shim/park.h"
#include "shim/real.h"
#include "shim/watched.h"

/* Hooks of poll and its kin, which a connection that is secured behind the program's back needs,
 * are there in 64-bit programs; in others the call waits. */
#if defined(__x86_64__)
#define MAY_LEAVE true
#else
#define MAY_LEAVE false
#endif

#define FRAME_MAX 640u /* of a SECURED, with its longest text */

static const struct pil_sysops *const sys = &pil_real_sys;

/* ---- asking -------------------------------------------------------------------------------- */

static void put_secure(struct pil_writer *w, const void *what)
{
    pil_wire_put_secure(w, what);
}

/* channel is policyd's end. */
static int ask(int fd, const struct pil_query *q, bool nonblocking, int channel, const void *caller)
{
    struct pil_name room;
    struct pil_secure what = {.query = *q, .flags = nonblocking ? PIL_SECURE_NONBLOCK : 0};
    int fds[] = {fd, channel};
    struct pil_link_call call = {
        .type = PIL_WIRE_SECURE,
        .put = put_secure,
        .message = &what,
        .fds = fds,
        .fd_count = 2,
    };

    if (!pil_conn_possible())
        what.flags |= PIL_SECURE_NO_PROCESS;
    pil_decide_complete(&what.query, caller, &room);
    return pil_link_call(&call, pil_link_deadline()) ? -EACCES : 0;
}

static bool is_nonblocking(int fd)
{
    int flags = sys->fcntl(fd, F_GETFL, 0);

    return flags >= 0 && (flags & O_NONBLOCK);
}

/* ---- connecting ---------------------------------------------------------------------------- */

/* It cannot be told that it was refused, so it is made unusable. */
static int give_up(int fd, int result)
{
    pil_park_close(fd);
    sys->shutdown(fd, SHUT_RDWR);
    return result;
}

/* A signal leaves the connection going on, as it would leave a connect in the kernel. */
static int wait_for_answer(int fd)
{
    int result = pil_park_wait(fd, pil_real_now_ns() + PIL_PARK_WAIT_NS);

    if (result == 0 || result == -EINTR)
        return result;
    return give_up(fd, result == -EAGAIN ? -ETIMEDOUT : result);
}

static int connect_parked(int fd, const struct pil_copied *to, const struct pil_query *q,
                          int channel, const void *caller)
{
    bool nonblocking = is_nonblocking(fd);
    int result = pil_real_host.connect(fd, (const struct sockaddr *)&to->sa, to->len), refused;

    if (result < 0 && result != -EINPROGRESS && result != -EINTR) {
        pil_park_close(fd);
        return result;
    }
    refused = ask(fd, q, nonblocking, channel, caller);
    if (refused)
        return give_up(fd, refused);
    if (result == -EINTR)
        return result;
    return nonblocking && MAY_LEAVE ? -EINPROGRESS : wait_for_answer(fd);
}

int pil_secure_connect(int fd, const struct pil_copied *to, const struct pil_query *q,
                       const void *caller)
{
    int pair[2], result = sys->socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);

    if (result < 0)
        return result;
    result = pil_park_begin(fd, pair[0], pil_watched_maybe(fd));
    if (!result)
        result = connect_parked(fd, to, q, pair[1], caller);
    sys->close(pair[1]);
    return result;
}

/* ---- the answer ---------------------------------------------------------------------------- */

/* The relay's socket takes the place of the program's, with what the program set on it. */
static int replace(int fd, int relay)
{
    int status = sys->fcntl(fd, F_GETFL, 0), flags = sys->fcntl(fd, F_GETFD, 0), result;

    if (status < 0 || flags < 0)
        return -EBADF;
    sys->fcntl(relay, F_SETFL, status & O_NONBLOCK);
    result = sys->dup3(relay, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
    return result < 0 ? result : 0;
}

/* relay: the descriptor that is to stand in fd's place, or fd itself. */
static int put_into_force(int fd, const struct pil_secured *answer, int relay)
{
    if (answer->status != PIL_OK)
        return answer->error ? -(int)answer->error : -EACCES;
    switch (answer->path) {
    case PIL_PATH_PLAIN:
        return 0;
    case PIL_PATH_PROCESS:
    case PIL_PATH_KERNEL:
        return pil_conn_install(fd, answer) ? -EACCES : 0;
    case PIL_PATH_RELAY:
        return relay == fd ? 0 : relay >= 0 ? replace(fd, relay) : -EACCES;
    default:
        return -EACCES;
    }
}

/* One SECURED frame and what came with it, whose texts and keys lie in frame and *answer. */
static int receive(int channel, uint8_t frame[FRAME_MAX], struct pil_secured *answer, int *got)
{
    int fds[PIL_CHAN_FDS];
    unsigned fd_count = PIL_CHAN_FDS;
    struct pil_wire_head head;
    struct pil_reader r;
    size_t len = 0;
    int err = pil_chan_recv(sys, channel, frame, FRAME_MAX, &len, fds, &fd_count, false);

    *got = -1;
    if (!err)
        err = pil_wire_open(frame, len, &head, &r);
    if (!err && (head.type != PIL_WIRE_SECURED || fd_count > 1))
        err = PIL_E_MALFORMED;
    if (!err)
        err = pil_wire_get_secured(&r, answer);
    if (!err && fd_count == 1)
        *got = fds[0];
    for (unsigned i = 0; err && i < fd_count; i++)
        sys->close(fds[i]);
    return err;
}

/* What the compiler may not leave out. */
static void wipe(uint8_t frame[FRAME_MAX], struct pil_secured *answer)
{
    memset(frame, 0, FRAME_MAX);
    memset(answer, 0, sizeof(*answer));
    __asm__ volatile("" : : "r"(frame), "r"(answer) : "memory");
}

int pil_secure_take(int channel, int fd)
{
    uint8_t frame[FRAME_MAX];
    struct pil_secured answer = {0};
    int relay, err = receive(channel, frame, &answer, &relay), result;

    result = err == PIL_E_AGAIN ? -EAGAIN
             : err              ? -ECONNREFUSED
                                : put_into_force(fd, &answer, relay);
    if (relay >= 0)
        sys->close(relay);
    wipe(frame, &answer);
    return result;
}

int pil_secure_receive(int standin, int *got)
{
    uint8_t frame[FRAME_MAX];
    struct pil_secured answer = {0};
    int fd, err = receive(standin, frame, &answer, &fd), result;

    result = err == PIL_E_AGAIN    ? -EAGAIN
             : err == PIL_E_CLOSED ? -ENOTCONN
             : err || fd < 0       ? -ECONNABORTED
                                   : put_into_force(fd, &answer, fd);
    wipe(frame, &answer);
    if (result && fd >= 0)
        sys->close(fd);
    *got = result ? -1 : fd;
    return result;
}
