/*
 * syscall(2), the libc function: network and descriptor calls made through it are judged like the
 * functions of their name; everything else is forwarded with all six arguments.
 *
 * io_uring_setup is refused, because a ring would make network calls that nobody sees; programs
 * fall back to ordinary calls when the kernel has no rings.
 */
#include <fcntl.h>
#include <linux/net.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include "shim/call.h"
#include "shim/conn.h"
#include "shim/ownfd.h"
#include "shim/reach.h"
#include "shim/real.h"
#include "shim/shim.h"
#include "shim/state.h"

#define P(n) ((void *)(uintptr_t)a[n])

static long raw(long number, const long a[6])
{
    return pil_call_result(pil_sysops_call(number, a[0], a[1], a[2], a[3], a[4], a[5]));
}

int pil_shim_io_uring(void)
{
    pil_reach_closed(PIL_EVENT_URING, NULL);
    return -EPERM;
}

/* Neither layout of a lock is ours to know; the kernel's call gets what it was given. */
static long control(long number, const long a[6])
{
    if (a[1] == F_DUPFD || a[1] == F_DUPFD_CLOEXEC || pil_ownfd_has((int)a[0]))
        return pil_shim_fcntl((int)a[0], (int)a[1], a[2]);
    return raw(number, a);
}

#if defined(__i386__)
/*
 * The one call that all socket calls were before Linux 4.3 (net/socket.c): a number of its own for
 * each and a pointer to the arguments, which are copied once, like any address.
 */
static long socket_call(const long a[6], const void *caller)
{
    static const struct {
        short number, arguments;
    } row[] = {
        [SYS_SOCKET] = {SYS_socket, 3},     [SYS_BIND] = {SYS_bind, 3},
        [SYS_CONNECT] = {SYS_connect, 3},   [SYS_LISTEN] = {SYS_listen, 2},
        [SYS_ACCEPT] = {SYS_accept4, 3},    [SYS_SENDTO] = {SYS_sendto, 6},
        [SYS_SENDMSG] = {SYS_sendmsg, 3},   [SYS_ACCEPT4] = {SYS_accept4, 4},
        [SYS_SENDMMSG] = {SYS_sendmmsg, 4},
    };
    unsigned long which = (unsigned long)a[0];
    long copy[6] = {0};

    if (which >= PIL_NELEM(row) || row[which].arguments == 0)
        return raw(SYS_socketcall, a);
    if (!pil_call_readable(P(1), (size_t)row[which].arguments * sizeof(long)))
        return pil_call_result(-EFAULT);
    memcpy(copy, P(1), (size_t)row[which].arguments * sizeof(long));
    return pil_shim_syscall(row[which].number, copy, caller);
}
#endif

/* On connections whose records are ours; everything else makes the call as it is. */
static long bytes(long number, const long a[6])
{
    switch (number) {
    case SYS_read:
        return pil_shim_read((int)a[0], P(1), (size_t)a[2]);
    case SYS_write:
        return pil_shim_write((int)a[0], P(1), (size_t)a[2]);
    case SYS_readv:
        return pil_shim_readv((int)a[0], P(1), (int)a[2]);
    case SYS_writev:
        return pil_shim_writev((int)a[0], P(1), (int)a[2]);
    case SYS_recvfrom:
        return pil_shim_recvfrom((int)a[0], P(1), (size_t)a[2], (int)a[3], P(4), P(5));
    case SYS_recvmsg:
        return pil_shim_recvmsg((int)a[0], P(1), (int)a[2]);
    case SYS_recvmmsg:
        return pil_shim_recvmmsg((int)a[0], P(1), (unsigned)a[2], (int)a[3], P(4));
    case SYS_shutdown:
        return pil_shim_shutdown((int)a[0], (int)a[1]);
    case SYS_sendfile:
        return pil_shim_sendfile((int)a[0], (int)a[1], P(2), (size_t)a[3]);
    case SYS_ioctl:
        return pil_shim_ioctl((int)a[0], (unsigned long)a[1], P(2));
    default:
        return raw(number, a);
    }
}

long pil_shim_syscall(long number, const long a[6], const void *caller)
{
    switch (number) {
    case SYS_connect:
        return pil_shim_connect((int)a[0], P(1), (socklen_t)a[2], caller);
    case SYS_socket:
        return pil_shim_socket((int)a[0], (int)a[1], (int)a[2]);
    case SYS_bind:
        return pil_shim_bind((int)a[0], P(1), (socklen_t)a[2], caller);
    case SYS_listen:
        return pil_shim_listen((int)a[0], (int)a[1], caller);
#if defined(__i386__)
    case SYS_socketcall:
        return socket_call(a, caller);
#else
    case SYS_accept:
        return pil_shim_accept((int)a[0], P(1), P(2), caller);
#endif
    case SYS_accept4:
        return pil_shim_accept4((int)a[0], P(1), P(2), (int)a[3], caller);
    case SYS_sendto:
        return pil_shim_sendto((int)a[0], P(1), (size_t)a[2], (int)a[3], P(4), (socklen_t)a[5],
                               caller);
    case SYS_sendmsg:
        return pil_shim_sendmsg((int)a[0], P(1), (int)a[2], caller);
    case SYS_sendmmsg:
        return pil_shim_sendmmsg((int)a[0], P(1), (unsigned)a[2], (int)a[3], caller);
    case SYS_close:
        return pil_shim_close((int)a[0]);
    case SYS_close_range:
        return pil_shim_close_range((unsigned)a[0], (unsigned)a[1], (int)a[2]);
    case SYS_dup:
        return pil_shim_dup((int)a[0]);
    case SYS_dup2:
        return pil_shim_dup2((int)a[0], (int)a[1]);
    case SYS_dup3:
        return pil_shim_dup3((int)a[0], (int)a[1], (int)a[2]);
    case SYS_fcntl:
#if defined(__i386__)
    case SYS_fcntl64:
#endif
        return control(number, a);
    case SYS_execve:
        return pil_shim_execve(P(0), P(1), P(2));
    case SYS_execveat:
        return pil_shim_execveat((int)a[0], P(1), P(2), P(3), (int)a[4]);
    case SYS_chroot:
        return pil_shim_chroot(P(0));
    case SYS_pivot_root:
        return pil_shim_pivot_root(P(0), P(1));
    case SYS_unshare:
        return pil_shim_unshare((int)a[0]);
    case SYS_setns:
        return pil_shim_setns((int)a[0], (int)a[1]);
    case SYS_prctl:
        return pil_shim_prctl((int)a[0], a + 1);
    case SYS_seccomp:
        return pil_shim_seccomp((unsigned)a[0], (unsigned)a[1], P(2));
    case SYS_io_uring_setup:
        return pil_call_result(pil_shim_io_uring());
    case SYS_splice:
        if (pil_conn_maybe((int)a[0]) || pil_conn_maybe((int)a[2]))
            return pil_shim_splice((int)a[0], P(1), (int)a[2], P(3), (size_t)a[4], (unsigned)a[5]);
        return raw(number, a);
    default:
        return pil_conn_maybe((int)a[0]) ? bytes(number, a) : raw(number, a);
    }
}
