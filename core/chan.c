#include "core/chan.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "core/err.h"

#define FDS_ROOM CMSG_SPACE(sizeof(int) * PIL_CHAN_FDS)

/* Room for one SCM_RIGHTS and one SCM_CREDENTIALS message, aligned as the kernel wants it. */
union control {
    char room[FDS_ROOM + CMSG_SPACE(sizeof(struct ucred))];
    struct cmsghdr align;
};

static int error_of(long result)
{
    switch (-result) {
    case EAGAIN:
        return PIL_E_AGAIN;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
        return PIL_E_CLOSED;
    default:
        return PIL_E_SYSTEM;
    }
}

static void attach(struct msghdr *msg, union control *control, const int *fds, unsigned count)
{
    struct cmsghdr *head;

    memset(control, 0, sizeof(*control));
    msg->msg_control = control->room;
    msg->msg_controllen = CMSG_SPACE(sizeof(int) * count);
    head = CMSG_FIRSTHDR(msg);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(head), fds, sizeof(int) * count);
}

int pil_chan_send(const struct pil_sysops *sys, int fd, const struct iovec *iov, unsigned count,
                  const int *fds, unsigned fd_count, bool wait)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = count};
    union control control;
    ssize_t sent;

    if (fd_count > PIL_CHAN_FDS)
        return PIL_E_RANGE;
    if (fd_count > 0)
        attach(&msg, &control, fds, fd_count);
    do
        sent = sys->sendmsg(fd, &msg, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
    while (sent == -EINTR);
    return sent < 0 ? error_of(sent) : PIL_OK;
}

/* Moves the descriptors of a frame to out; whatever is over its room is closed. */
static unsigned take_fds(const struct pil_sysops *sys, struct msghdr *msg, int *out, unsigned room)
{
    unsigned taken = 0, seen = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        size_t bytes = c->cmsg_len - CMSG_LEN(0);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int), seen++) {
            int got;

            memcpy(&got, CMSG_DATA(c) + at, sizeof(got));
            if (taken < room)
                out[taken++] = got;
            else
                sys->close(got);
        }
    }
    return seen > taken ? UINT32_MAX : taken;
}

static void take_sender(struct msghdr *msg, struct ucred *out)
{
    *out = (struct ucred){.uid = (uid_t)-1, .gid = (gid_t)-1};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS &&
            c->cmsg_len == CMSG_LEN(sizeof(*out)))
            memcpy(out, CMSG_DATA(c), sizeof(*out));
}

int pil_chan_recv_from(const struct pil_sysops *sys, int fd, void *buf, size_t cap, size_t *len,
                       int *fds, unsigned *fd_count, struct ucred *sender, bool wait)
{
    struct iovec iov = {buf, cap};
    union control control;
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.room,
                         .msg_controllen = sender ? sizeof(control.room) : FDS_ROOM};
    unsigned room = fds ? *fd_count : 0, taken;
    ssize_t got;
    bool cut;

    if (room > PIL_CHAN_FDS)
        room = PIL_CHAN_FDS;
    do
        got = sys->recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    while (got == -EINTR);
    if (fds)
        *fd_count = 0;
    if (got < 0)
        return error_of(got);
    if (sender)
        take_sender(&msg, sender);
    taken = take_fds(sys, &msg, fds, room);
    cut = taken == UINT32_MAX || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
    if (cut || got == 0) { /* an empty frame may carry descriptors, the end of stream none */
        for (unsigned i = 0; i < room && i < taken; i++)
            sys->close(fds[i]);
        return cut ? PIL_E_MALFORMED : PIL_E_CLOSED;
    }
    if (fds)
        *fd_count = taken;
    *len = (size_t)got;
    return PIL_OK;
}

int pil_chan_recv(const struct pil_sysops *sys, int fd, void *buf, size_t cap, size_t *len,
                  int *fds, unsigned *fd_count, bool wait)
{
    return pil_chan_recv_from(sys, fd, buf, cap, len, fds, fd_count, NULL, wait);
}

uint64_t pil_chan_now(const struct pil_sysops *sys)
{
    struct timespec now;

    if (sys->clock_gettime(CLOCK_MONOTONIC, &now))
        return 0;
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Milliseconds until the deadline for poll, rounded up and bounded to what an int holds. */
static int left_ms(uint64_t now, uint64_t deadline)
{
    uint64_t left = now < deadline ? deadline - now : 0;
    uint64_t ms = left / 1000000u + (left % 1000000u > 0);

    return ms < INT_MAX ? (int)ms : INT_MAX;
}

int pil_chan_wait(const struct pil_sysops *sys, int fd, uint64_t deadline_ns)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};

    for (;;) {
        uint64_t now = pil_chan_now(sys);
        int ready;

        if (now == 0) /* without a clock the wait could not end in time */
            return PIL_E_SYSTEM;
        ready = sys->poll(&pfd, 1, left_ms(now, deadline_ns));
        if (ready > 0)
            return PIL_OK;
        if (ready == 0)
            return PIL_E_TIMEOUT;
        if (ready != -EINTR)
            return PIL_E_SYSTEM;
    }
}
