/*
 * Waiting for descriptors: a connection that is being secured is not ready yet. In 32-bit programs
 * the call that secures one waits for it, and there is nothing to hook.
 */
#if defined(__x86_64__)
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "preload/hook.h"

int __poll(struct pollfd *fds, nfds_t count, int timeout);
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t room);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                const sigset_t *mask, size_t room);
int __select(int count, fd_set *in, fd_set *out, fd_set *other, struct timeval *timeout);

HOOK int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    return pil_shim_poll(fds, count, timeout);
}

HOOK int __poll(struct pollfd *fds, nfds_t count, int timeout)
{
    return pil_shim_poll(fds, count, timeout);
}

HOOK int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
               const sigset_t *mask)
{
    return pil_shim_ppoll(fds, count, timeout, mask);
}

HOOK int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t room)
{
    return pil_shim___poll_chk(fds, count, timeout, room);
}

HOOK int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                     const sigset_t *mask, size_t room)
{
    return pil_shim___ppoll_chk(fds, count, timeout, mask, room);
}

HOOK int select(int count, fd_set *in, fd_set *out, fd_set *other, struct timeval *timeout)
{
    return pil_shim_select(count, in, out, other, timeout);
}

HOOK int __select(int count, fd_set *in, fd_set *out, fd_set *other, struct timeval *timeout)
{
    return pil_shim_select(count, in, out, other, timeout);
}

HOOK int pselect(int count, fd_set *in, fd_set *out, fd_set *other, const struct timespec *timeout,
                 const sigset_t *mask)
{
    return pil_shim_pselect(count, in, out, other, timeout, mask);
}

HOOK int epoll_ctl(int set, int op, int fd, struct epoll_event *event)
{
    return pil_shim_epoll_ctl(set, op, fd, event);
}

HOOK int epoll_wait(int set, struct epoll_event *events, int max, int timeout)
{
    return pil_shim_epoll_wait(set, events, max, timeout);
}

HOOK int epoll_pwait(int set, struct epoll_event *events, int max, int timeout,
                     const sigset_t *mask)
{
    return pil_shim_epoll_pwait(set, events, max, timeout, mask);
}

HOOK int epoll_pwait2(int set, struct epoll_event *events, int max, const struct timespec *timeout,
                      const sigset_t *mask)
{
    return pil_shim_epoll_pwait2(set, events, max, timeout, mask);
}
#endif
