#include "policyd/mesh/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/chan.h"
#include "core/err.h"

#define FRAME_COST 1280  /* what the kernel counts for a SECURED frame: its buffer and its head */
#define DRAIN_MAX  4096u /* packets; a process that puts in more waits for nobody but itself */
#define FILL_MAX   64u   /* bytes that fill the smallest buffer; a few would do */

static int bind_name(int fd, const struct pil_standin *name)
{
    struct sockaddr_un un;
    socklen_t len;

    if (!pil_standin_name(name, &un, &len))
        return PIL_E_RANGE;
    if (bind(fd, (struct sockaddr *)&un, len) == 0)
        return PIL_OK;
    return errno == EADDRINUSE ? PIL_E_EXISTS : PIL_E_SYSTEM;
}

/* The kernel raises what is too small for it, and counts the bytes of the other end as ours. */
static int fill(int fd)
{
    int least = 1;

    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)))
        return PIL_E_SYSTEM;
    for (unsigned i = 0; i < FILL_MAX; i++)
        if (send(fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            return errno == EAGAIN ? PIL_OK : PIL_E_SYSTEM;
    return PIL_E_INTERNAL;
}

static int set_up(const struct pil_standin *name, unsigned room, const int ends[2])
{
    int size = (int)(room * FRAME_COST / 2); /* the kernel doubles it */
    int err = bind_name(ends[1], name);

    if (!err && (setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) ||
                 fcntl(ends[0], F_SETFL, O_NONBLOCK)))
        err = PIL_E_SYSTEM;
    return err ? err : fill(ends[1]);
}

int pil_pair_make(const struct pil_standin *name, unsigned room, int *ours, int *theirs)
{
    int ends[2], err;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        return PIL_E_SYSTEM;
    err = set_up(name, room, ends);
    if (err) {
        close(ends[0]);
        close(ends[1]);
        return err;
    }
    *ours = ends[0];
    *theirs = ends[1];
    return PIL_OK;
}

int pil_pair_put(int ours, const void *frame, size_t len, int fd)
{
    struct iovec iov = {(void *)frame, len};

    return pil_chan_send(&pil_sysops_kernel, ours, &iov, 1, &fd, fd >= 0 ? 1 : 0, false);
}

void pil_pair_drain(int ours)
{
    char byte;

    for (unsigned i = 0; i < DRAIN_MAX; i++)
        if (recv(ours, &byte, sizeof(byte), MSG_DONTWAIT) <= 0)
            return;
}

bool pil_pair_ended(int ours)
{
    struct pollfd pfd = {.fd = ours, .events = POLLRDHUP};

    return poll(&pfd, 1, 0) > 0 && (pfd.revents & (POLLRDHUP | POLLHUP | POLLERR));
}
