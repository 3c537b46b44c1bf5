/* Sockets: connect, bind, listen, accept, and sends that can name a destination. */
#include "preload/hook.h"

int __sendmmsg(int fd, struct mmsghdr *vec, unsigned count, int flags);
int __connect(int fd, const struct sockaddr *addr, socklen_t len);

HOOK int socket(int domain, int type, int protocol)
{
    return pil_shim_socket(domain, type, protocol);
}

/* In C, glibc declares the address as a transparent union; the binary interface is a pointer. */
HOOK int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    return pil_shim_connect(fd, addr, len, CALLER);
}

HOOK int __connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    return pil_shim_connect(fd, addr, len, CALLER);
}

HOOK int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    return pil_shim_bind(fd, addr, len, CALLER);
}

HOOK int listen(int fd, int backlog)
{
    return pil_shim_listen(fd, backlog, CALLER);
}

HOOK int accept(int fd, struct sockaddr *addr, socklen_t *len)
{
    return pil_shim_accept(fd, addr, len, CALLER);
}

HOOK int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    return pil_shim_accept4(fd, addr, len, flags, CALLER);
}

HOOK ssize_t sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr,
                    socklen_t len)
{
    return pil_shim_sendto(fd, buf, n, flags, addr, len, CALLER);
}

HOOK ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    return pil_shim_sendmsg(fd, msg, flags, CALLER);
}

HOOK int sendmmsg(int fd, struct mmsghdr *vec, unsigned count, int flags)
{
    return pil_shim_sendmmsg(fd, vec, count, flags, CALLER);
}

HOOK int __sendmmsg(int fd, struct mmsghdr *vec, unsigned count, int flags)
{
    return pil_shim_sendmmsg(fd, vec, count, flags, CALLER);
}

#if defined(__i386__)
/* What these are in a program that counts time in 64 bits. */
ssize_t __sendmsg64(int fd, const struct msghdr *msg, int flags);
int __sendmmsg64(int fd, struct mmsghdr *vec, unsigned count, int flags);

HOOK ssize_t __sendmsg64(int fd, const struct msghdr *msg, int flags)
{
    return pil_shim_sendmsg(fd, msg, flags, CALLER);
}

HOOK int __sendmmsg64(int fd, struct mmsghdr *vec, unsigned count, int flags)
{
    return pil_shim_sendmmsg(fd, vec, count, flags, CALLER);
}
#endif
