/*
 * read, write and their kin: connections whose records are ours take their own way, all other
 * descriptors go straight to libc's function, which is the cancellation point that it always was.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim/call.h"
#include "shim/conn.h"
#include "shim/io.h"
#include "shim/real.h"
#include "shim/shim.h"
#include "shim/state.h"

/* Called before anything of ours is bound, by an allocator or a constructor. */
static __attribute__((noinline, cold)) void bind_now(void)
{
    pil_state_boot(environ);
}

#define LIBC(name, ...)                                                                            \
    (PIL_LIKELY(pil_real_libc.name != NULL) || (bind_now(), pil_real_libc.name != NULL)            \
         ? pil_real_libc.name(__VA_ARGS__)                                                         \
         : pil_call_result(-ENOSYS))

int pil_io_wait(int fd, int flags)
{
    int result = pil_park_settle(fd), status;

    if (result == 0)
        return 0;
    if (result != -EAGAIN)
        return -pil_park_tell(fd);
    status = pil_real_sys.fcntl(fd, F_GETFL, 0);
    if ((flags & MSG_DONTWAIT) || status < 0 || (status & O_NONBLOCK))
        return -EAGAIN;
    return pil_park_wait(fd, pil_real_now_ns() + PIL_PARK_WAIT_NS);
}

/* The way of a connection, or libc's when it turns out to be none. */
#define WAY_BY(flags, fd, own, libc)                                                               \
    do {                                                                                           \
        int held_ = pil_io_hold(fd, flags);                                                        \
                                                                                                   \
        if (PIL_UNLIKELY(held_ != 0))                                                              \
            return pil_call_result(held_);                                                         \
        if (pil_conn_maybe(fd)) {                                                                  \
            ssize_t result_ = (own);                                                               \
                                                                                                   \
            if (result_ != PIL_CONN_NOT)                                                           \
                return pil_call_result(result_);                                                   \
        }                                                                                          \
        return libc;                                                                               \
    } while (0)

#define WAY(fd, own, libc) WAY_BY(0, fd, own, libc)

/* ---- reading ------------------------------------------------------------------------------- */

static ssize_t take(int fd, const struct iovec *iov, int count, int flags)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};

    return pil_conn_recvmsg(fd, &msg, flags);
}

static ssize_t take_one(int fd, void *buf, size_t len, int flags)
{
    return take(fd, &(struct iovec){buf, len}, 1, flags);
}

/* An array of more, or less than none, is refused as the kernel does. */
static ssize_t take_many(int fd, const struct iovec *iov, int count, int flags)
{
    return count < 0 || count > IOV_MAX ? -EINVAL : take(fd, iov, count, flags);
}

ssize_t pil_shim_read(int fd, void *buf, size_t len)
{
    WAY(fd, take_one(fd, buf, len, 0), LIBC(read, fd, buf, len));
}

ssize_t pil_shim_readv(int fd, const struct iovec *iov, int count)
{
    WAY(fd, take_many(fd, iov, count, 0), LIBC(readv, fd, iov, count));
}

ssize_t pil_shim_recv(int fd, void *buf, size_t len, int flags)
{
    WAY_BY(flags, fd, take_one(fd, buf, len, flags), LIBC(recv, fd, buf, len, flags));
}

static ssize_t take_from(int fd, void *buf, size_t len, int flags, const struct sockaddr *addr,
                         socklen_t *addr_len)
{
    ssize_t result = take_one(fd, buf, len, flags);

    if (result >= 0 && addr && addr_len)
        *addr_len = 0;
    return result;
}

ssize_t pil_shim_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
                          socklen_t *addr_len)
{
    WAY_BY(flags, fd, take_from(fd, buf, len, flags, addr, addr_len),
           LIBC(recvfrom, fd, buf, len, flags, addr, addr_len));
}

ssize_t pil_shim_recvmsg(int fd, struct msghdr *msg, int flags)
{
    WAY_BY(flags, fd, pil_conn_recvmsg(fd, msg, flags), LIBC(recvmsg, fd, msg, flags));
}

/* On a stream: as many as come without waiting, but for the first. The time limit is looked at
 * between messages, as the kernel does. */
static ssize_t take_messages(int fd, struct mmsghdr *vec, unsigned count, int flags)
{
    unsigned done = 0;

    while (done < count && done < IOV_MAX) {
        bool wait = done == 0 || !(flags & MSG_WAITFORONE);
        ssize_t n = pil_conn_recvmsg(fd, &vec[done].msg_hdr,
                                     (flags & ~MSG_WAITFORONE) | (wait ? 0 : MSG_DONTWAIT));

        if (n < 0)
            return done ? (ssize_t)done : n;
        vec[done++].msg_len = (unsigned)n;
        if (n == 0)
            break;
    }
    return done;
}

int pil_shim_recvmmsg(int fd, struct mmsghdr *vec, unsigned count, int flags,
                      struct timespec *limit)
{
    int held = pil_io_hold(fd, flags);

    if (held)
        return (int)pil_call_result(held);
    if (pil_conn_maybe(fd)) {
        ssize_t result = take_messages(fd, vec, count, flags);

        if (result != PIL_CONN_NOT)
            return (int)pil_call_result(result);
    }
    return (int)LIBC(recvmmsg, fd, vec, count, flags, limit);
}

/* ---- writing ------------------------------------------------------------------------------- */

static ssize_t put(int fd, const struct iovec *iov, int count, int flags)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};

    return pil_conn_sendmsg(fd, &msg, flags);
}

static ssize_t put_one(int fd, const void *buf, size_t len, int flags)
{
    return put(fd, &(struct iovec){(void *)(uintptr_t)buf, len}, 1, flags);
}

static ssize_t put_many(int fd, const struct iovec *iov, int count, int flags)
{
    return count < 0 || count > IOV_MAX ? -EINVAL : put(fd, iov, count, flags);
}

ssize_t pil_shim_write(int fd, const void *buf, size_t len)
{
    WAY(fd, put_one(fd, buf, len, 0), LIBC(write, fd, buf, len));
}

ssize_t pil_shim_writev(int fd, const struct iovec *iov, int count)
{
    WAY(fd, put_many(fd, iov, count, 0), LIBC(writev, fd, iov, count));
}

ssize_t pil_shim_send(int fd, const void *buf, size_t len, int flags)
{
    WAY_BY(flags, fd, put_one(fd, buf, len, flags), LIBC(send, fd, buf, len, flags));
}

/* ---- both, with flags ------------------------------------------------------------------------ */

/* Only the position of streams, which is none, may be named. */
static int flags_of(int64_t offset, int flags)
{
    if (offset != -1)
        return -ESPIPE;
    if (flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT))
        return -EOPNOTSUPP;
    return flags & RWF_NOWAIT ? MSG_DONTWAIT : 0;
}

static ssize_t take_flagged(int fd, const struct iovec *iov, int count, int64_t offset, int flags)
{
    int own = flags_of(offset, flags);

    return own < 0 ? own : take_many(fd, iov, count, own);
}

static ssize_t put_flagged(int fd, const struct iovec *iov, int count, int64_t offset, int flags)
{
    int own = flags_of(offset, flags);

    return own < 0 ? own : put_many(fd, iov, count, own);
}

ssize_t pil_shim_preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
    WAY(fd, take_flagged(fd, iov, count, offset, flags),
        LIBC(preadv2, fd, iov, count, offset, flags));
}

ssize_t pil_shim_preadv64v2(int fd, const struct iovec *iov, int count, off64_t offset, int flags)
{
    WAY(fd, take_flagged(fd, iov, count, offset, flags),
        LIBC(preadv64v2, fd, iov, count, offset, flags));
}

ssize_t pil_shim_pwritev2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
    WAY(fd, put_flagged(fd, iov, count, offset, flags),
        LIBC(pwritev2, fd, iov, count, offset, flags));
}

ssize_t pil_shim_pwritev64v2(int fd, const struct iovec *iov, int count, off64_t offset, int flags)
{
    WAY(fd, put_flagged(fd, iov, count, offset, flags),
        LIBC(pwritev64v2, fd, iov, count, offset, flags));
}

/* ---- files and pipes ------------------------------------------------------------------------- */

/* What moves bytes inside the kernel, or in libc's streams, must not meet our records there. A
 * signal does not end the wait for a connection that is being secured: most of these know no EINTR.
 */
bool pil_io_leave(int fd)
{
    uint64_t end = pil_park_has(fd) ? pil_real_now_ns() + PIL_PARK_WAIT_NS : 0;
    int result;

    while (end && pil_park_wait(fd, end) == -EINTR)
        ;
    result = pil_conn_maybe(fd) ? pil_conn_demote(fd) : 0;
    return result == 0 || result == PIL_CONN_NOT;
}

static ssize_t send_file32(int fd, int in, off_t *offset, size_t count)
{
    int64_t wide = offset ? *offset : 0;
    ssize_t result = pil_conn_sendfile(fd, in, offset ? &wide : NULL, count);

    if (offset)
        *offset = (off_t)wide;
    return result;
}

ssize_t pil_shim_sendfile(int fd, int in, off_t *offset, size_t count)
{
    WAY(fd, send_file32(fd, in, offset, count), LIBC(sendfile, fd, in, offset, count));
}

ssize_t pil_shim_sendfile64(int fd, int in, off64_t *offset, size_t count)
{
    WAY(fd, pil_conn_sendfile(fd, in, (int64_t *)offset, count),
        LIBC(sendfile64, fd, in, offset, count));
}

ssize_t pil_shim_splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t len,
                        unsigned flags)
{
    if (!pil_io_leave(in) || !pil_io_leave(out))
        return pil_call_result(-EINVAL);
    return LIBC(splice, in, in_offset, out, out_offset, len, flags);
}

/* ---- the rest ------------------------------------------------------------------------------ */

int pil_shim_shutdown(int fd, int how)
{
    if (pil_park_has(fd) && pil_park_settle(fd) == -EAGAIN)
        return (int)pil_call_result(-ENOTCONN);
    if (pil_conn_maybe(fd)) {
        int result = pil_conn_shutdown(fd, how);

        if (result != PIL_CONN_NOT)
            return (int)pil_call_result(result);
    }
    return (int)LIBC(shutdown, fd, how);
}

static int pending(int fd, int *bytes)
{
    if (!pil_call_readable(bytes, sizeof(*bytes)))
        return -EFAULT;
    return pil_conn_pending(fd, bytes);
}

int pil_shim_ioctl(int fd, unsigned long request, void *argument)
{
    if (pil_conn_maybe(fd) && request == FIONREAD) {
        int result = pending(fd, argument);

        if (result != PIL_CONN_NOT)
            return (int)pil_call_result(result);
    }
    return (int)LIBC(ioctl, fd, request, argument);
}

/* What libc's streams read and write no hook sees. */
FILE *pil_shim_fdopen(int fd, const char *mode)
{
    if (!pil_io_leave(fd)) {
        errno = EIO;
        return NULL;
    }
    if (!pil_real_libc.fdopen)
        bind_now();
    return pil_real_libc.fdopen(fd, mode);
}

int pil_shim_vdprintf(int fd, const char *format, va_list list)
{
    if (!pil_io_leave(fd))
        return (int)pil_call_result(-EIO);
    return (int)LIBC(vdprintf, fd, format, list);
}

int pil_shim___vdprintf_chk(int fd, int flag, const char *format, va_list list)
{
    if (!pil_io_leave(fd))
        return (int)pil_call_result(-EIO);
    return (int)LIBC(__vdprintf_chk, fd, flag, format, list);
}

/* ---- fortified ------------------------------------------------------------------------------- */

/* What does not fit is libc's to end the program for. */
ssize_t pil_shim___read_chk(int fd, void *buf, size_t len, size_t room)
{
    if (PIL_UNLIKELY(len > room))
        return LIBC(__read_chk, fd, buf, len, room);
    return pil_shim_read(fd, buf, len);
}

ssize_t pil_shim___recv_chk(int fd, void *buf, size_t len, size_t room, int flags)
{
    if (PIL_UNLIKELY(len > room))
        return LIBC(__recv_chk, fd, buf, len, room, flags);
    return pil_shim_recv(fd, buf, len, flags);
}

ssize_t pil_shim___recvfrom_chk(int fd, void *buf, size_t len, size_t room, int flags,
                                struct sockaddr *addr, socklen_t *addr_len)
{
    if (PIL_UNLIKELY(len > room))
        return LIBC(__recvfrom_chk, fd, buf, len, room, flags, addr, addr_len);
    return pil_shim_recvfrom(fd, buf, len, flags, addr, addr_len);
}

/* ---- the end ------------------------------------------------------------------------------- */

void pil_shim_exit(int status)
{
    pil_conn_farewell();
    if (pil_real_libc._exit)
        pil_real_libc._exit(status);
    for (;;)
        pil_sysops_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

void pil_shim_end(void)
{
    pil_conn_farewell();
}
