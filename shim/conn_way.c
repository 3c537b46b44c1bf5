#include "shim/conn_way.h"

#include <linux/net.h>
#include <sys/uio.h>

#include "shim/real.h"

void pil_walk_start(struct pil_walk *w, const struct iovec *iov, size_t count)
{
    *w = (struct pil_walk){.iov = iov, .count = count};
    for (size_t i = 0; i < count; i++)
        w->left += iov[i].iov_len;
}

size_t pil_walk_here(struct pil_walk *w, size_t most, uint8_t **at)
{
    while (w->count > 0 && w->at == w->iov->iov_len)
        w->iov++, w->count--, w->at = 0;
    if (w->count == 0)
        return 0;
    *at = (uint8_t *)w->iov->iov_base + w->at;
    return w->iov->iov_len - w->at < most ? w->iov->iov_len - w->at : most;
}

void pil_walk_go(struct pil_walk *w, size_t len)
{
    w->left -= len;
    while (len > 0) {
        size_t here = w->iov->iov_len - w->at;

        if (len < here) {
            w->at += len;
            return;
        }
        len -= here;
        w->iov++, w->count--, w->at = 0;
    }
}

ssize_t pil_way_recv(int fd, void *buf, size_t len, int flags)
{
    struct iovec iov = {buf, len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    return pil_real_sys.recvmsg(fd, &msg, flags | MSG_DONTWAIT);
}

ssize_t pil_way_send(int fd, const void *buf, size_t len, int flags)
{
    struct iovec iov = {(void *)(uintptr_t)buf, len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    return pil_real_sys.sendmsg(fd, &msg, flags | MSG_DONTWAIT);
}

int pil_way_shutdown(int fd, int how)
{
#if defined(__i386__)
    long number = PIL_SOCKETCALL | SYS_SHUTDOWN;
#else
    long number = SYS_shutdown;
#endif
    return (int)pil_sysops_through(pil_sysops_call, number, fd, how, 0, 0, 0, 0);
}
