/*
 * Bytes: what reads and writes, because a connection may be one whose records are protected here. A
 * 32-bit program has no such connections, and no such hooks.
 */
#include "preload/hook.h"

#if defined(__x86_64__)
#include <stdarg.h>

ssize_t __read_chk(int fd, void *buf, size_t len, size_t room);
ssize_t __recv_chk(int fd, void *buf, size_t len, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *buf, size_t len, size_t room, int flags, struct sockaddr *addr,
                       socklen_t *addr_len);
ssize_t __read(int fd, void *buf, size_t len);
ssize_t __recv(int fd, void *buf, size_t len, int flags);
ssize_t __write(int fd, const void *buf, size_t len);
ssize_t __send(int fd, const void *buf, size_t len, int flags);
ssize_t read(int fd, void *buf, size_t len);
ssize_t write(int fd, const void *buf, size_t len);
ssize_t preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags);
ssize_t preadv64v2(int fd, const struct iovec *iov, int count, off64_t offset, int flags);
ssize_t pwritev2(int fd, const struct iovec *iov, int count, off_t offset, int flags);
ssize_t pwritev64v2(int fd, const struct iovec *iov, int count, off64_t offset, int flags);
ssize_t sendfile(int fd, int in, off_t *offset, size_t count);
ssize_t sendfile64(int fd, int in, off64_t *offset, size_t count);
ssize_t splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t len,
               unsigned flags);
int ioctl(int fd, unsigned long request, ...);
FILE *_IO_fdopen(int fd, const char *mode);
int __dprintf_chk(int fd, int flag, const char *format, ...);
int __vdprintf_chk(int fd, int flag, const char *format, va_list list);
void _exit(int status) __attribute__((noreturn));
void _Exit(int status) __attribute__((noreturn));

/* ---- reading ------------------------------------------------------------------------------- */

HOOK ssize_t read(int fd, void *buf, size_t len)
{
    return pil_shim_read(fd, buf, len);
}

HOOK ssize_t __read(int fd, void *buf, size_t len)
{
    return pil_shim_read(fd, buf, len);
}

HOOK ssize_t __read_chk(int fd, void *buf, size_t len, size_t room)
{
    return pil_shim___read_chk(fd, buf, len, room);
}

HOOK ssize_t readv(int fd, const struct iovec *iov, int count)
{
    return pil_shim_readv(fd, iov, count);
}

HOOK ssize_t preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
    return pil_shim_preadv2(fd, iov, count, offset, flags);
}

HOOK ssize_t preadv64v2(int fd, const struct iovec *iov, int count, off64_t offset, int flags)
{
    return pil_shim_preadv64v2(fd, iov, count, offset, flags);
}

HOOK ssize_t recv(int fd, void *buf, size_t len, int flags)
{
    return pil_shim_recv(fd, buf, len, flags);
}

HOOK ssize_t __recv_chk(int fd, void *buf, size_t len, size_t room, int flags)
{
    return pil_shim___recv_chk(fd, buf, len, room, flags);
}

/* In C, glibc declares addresses as a transparent union; the binary interface is a pointer. */
HOOK ssize_t __recv(int fd, void *buf, size_t len, int flags)
{
    return pil_shim_recv(fd, buf, len, flags);
}

HOOK ssize_t recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
                      socklen_t *addr_len)
{
    return pil_shim_recvfrom(fd, buf, len, flags, addr, addr_len);
}

HOOK ssize_t __recvfrom_chk(int fd, void *buf, size_t len, size_t room, int flags,
                            struct sockaddr *addr, socklen_t *addr_len)
{
    return pil_shim___recvfrom_chk(fd, buf, len, room, flags, addr, addr_len);
}

HOOK ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
    return pil_shim_recvmsg(fd, msg, flags);
}

HOOK int recvmmsg(int fd, struct mmsghdr *vec, unsigned count, int flags, struct timespec *limit)
{
    return pil_shim_recvmmsg(fd, vec, count, flags, limit);
}

/* ---- writing ------------------------------------------------------------------------------- */

HOOK ssize_t write(int fd, const void *buf, size_t len)
{
    return pil_shim_write(fd, buf, len);
}

HOOK ssize_t __write(int fd, const void *buf, size_t len)
{
    return pil_shim_write(fd, buf, len);
}

HOOK ssize_t writev(int fd, const struct iovec *iov, int count)
{
    return pil_shim_writev(fd, iov, count);
}

HOOK ssize_t pwritev2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
    return pil_shim_pwritev2(fd, iov, count, offset, flags);
}

HOOK ssize_t pwritev64v2(int fd, const struct iovec *iov, int count, off64_t offset, int flags)
{
    return pil_shim_pwritev64v2(fd, iov, count, offset, flags);
}

HOOK ssize_t send(int fd, const void *buf, size_t len, int flags)
{
    return pil_shim_send(fd, buf, len, flags);
}

HOOK ssize_t __send(int fd, const void *buf, size_t len, int flags)
{
    return pil_shim_send(fd, buf, len, flags);
}

HOOK ssize_t sendfile(int fd, int in, off_t *offset, size_t count)
{
    return pil_shim_sendfile(fd, in, offset, count);
}

HOOK ssize_t sendfile64(int fd, int in, off64_t *offset, size_t count)
{
    return pil_shim_sendfile64(fd, in, offset, count);
}

HOOK ssize_t splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t len,
                    unsigned flags)
{
    return pil_shim_splice(in, in_offset, out, out_offset, len, flags);
}

/* ---- the rest ------------------------------------------------------------------------------ */

HOOK int shutdown(int fd, int how)
{
    return pil_shim_shutdown(fd, how);
}

/* The third argument is there or not by the request; reading it covers both, as libc does. */
HOOK int ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    void *argument;

    va_start(list, request);
    argument = va_arg(list, void *);
    va_end(list);
    return pil_shim_ioctl(fd, request, argument);
}

HOOK FILE *_IO_fdopen(int fd, const char *mode)
{
    return pil_shim_fdopen(fd, mode);
}

HOOK FILE *fdopen(int fd, const char *mode)
{
    return pil_shim_fdopen(fd, mode);
}

HOOK int vdprintf(int fd, const char *format, va_list list)
{
    return pil_shim_vdprintf(fd, format, list);
}

HOOK int dprintf(int fd, const char *format, ...)
{
    va_list list;
    int result;

    va_start(list, format);
    result = pil_shim_vdprintf(fd, format, list);
    va_end(list);
    return result;
}

HOOK int __vdprintf_chk(int fd, int flag, const char *format, va_list list)
{
    return pil_shim___vdprintf_chk(fd, flag, format, list);
}

HOOK int __dprintf_chk(int fd, int flag, const char *format, ...)
{
    va_list list;
    int result;

    va_start(list, format);
    result = pil_shim___vdprintf_chk(fd, flag, format, list);
    va_end(list);
    return result;
}

HOOK void _exit(int status)
{
    pil_shim_exit(status);
}

HOOK void _Exit(int status)
{
    pil_shim_exit(status);
}
#endif
