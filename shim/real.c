#include "shim/real.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "core/defs.h"
#include "shim/call.h"
#include "shim/symbol.h"

long pil_stub(long number, long a, long b, long c, long d, long e, long f) PIL_HIDDEN;

bool pil_real_stub_in_place(void)
{
    return (uintptr_t)pil_stub == PIL_STUB_ADDRESS;
}

/*
 * A bare system call is no cancellation point. With the asynchronous type a thread that is
 * cancelled while it waits in the kernel unwinds from the stub; nothing of ours is held there.
 */
static long cancellable(long number, long a, long b, long c, long d, long e, long f)
{
    int type;
    long result;

    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type);
    result = pil_sysops_through(pil_stub, number, a, b, c, d, e, f);
    pthread_setcanceltype(type, NULL);
    return result;
}

/* A network call as we make it ourselves. */
#define PLAIN(type, name, parameters, number, a, b, c, d, e, f)                                    \
    static type sys_##name parameters                                                              \
    {                                                                                              \
        return (type)pil_sysops_through(pil_stub, number, (long)(a), (long)(b), (long)(c),         \
                                        (long)(d), (long)(e), (long)(f));                          \
    }

/* And as the program makes it, where pthreads(7) lists it as a cancellation point. */
#define BOTH(type, name, parameters, number, a, b, c, d, e, f)                                     \
    PLAIN(type, name, parameters, number, a, b, c, d, e, f)                                        \
    static type host_##name parameters                                                             \
    {                                                                                              \
        return (type)cancellable(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e),    \
                                 (long)(f));                                                       \
    }

PLAIN(int, bind, (int fd, const struct sockaddr *sa, socklen_t len), PIL_NR_BIND, fd, sa, len, 0, 0,
      0)
PLAIN(int, listen, (int fd, int backlog), PIL_NR_LISTEN, fd, backlog, 0, 0, 0, 0)
BOTH(int, connect, (int fd, const struct sockaddr *sa, socklen_t len), PIL_NR_CONNECT, fd, sa, len,
     0, 0, 0)
BOTH(int, accept, (int fd, struct sockaddr *sa, socklen_t *len), PIL_NR_ACCEPT, fd, sa, len, 0, 0,
     0)
BOTH(int, accept4, (int fd, struct sockaddr *sa, socklen_t *len, int flags), PIL_NR_ACCEPT4, fd, sa,
     len, flags, 0, 0)
BOTH(ssize_t, sendto,
     (int fd, const void *buf, size_t len, int flags, const struct sockaddr *sa, socklen_t salen),
     PIL_NR_SENDTO, fd, buf, len, flags, sa, salen)
BOTH(ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags), PIL_NR_SENDMSG, fd, msg,
     flags, 0, 0, 0)
BOTH(int, sendmmsg, (int fd, struct mmsghdr *vec, unsigned count, int flags), PIL_NR_SENDMMSG, fd,
     vec, count, flags, 0, 0)

struct pil_sysops pil_real_sys;
struct pil_sysops pil_real_host;
struct pil_real_libc pil_real_libc;

/* pthreads(7) makes bind and listen no cancellation points, so both tables have the plain ones. */
#define FILL(table, prefix)                                                                        \
    do {                                                                                           \
        (table) = pil_sysops_kernel;                                                               \
        (table).connect = prefix##_connect;                                                        \
        (table).bind = sys_bind;                                                                   \
        (table).listen = sys_listen;                                                               \
        (table).accept = prefix##_accept;                                                          \
        (table).accept4 = prefix##_accept4;                                                        \
        (table).sendto = prefix##_sendto;                                                          \
        (table).sendmsg = prefix##_sendmsg;                                                        \
        (table).sendmmsg = prefix##_sendmmsg;                                                      \
    } while (0)

/* POSIX lets the address of a function be stored like this. */
#define BIND(name) (*(void **)&pil_real_libc.name = pil_symbol_next(#name))

/* What libc gained with 2.34. */
static int kernel_execveat(int dir, const char *path, char *const argv[], char *const envp[],
                           int flags)
{
    return (int)pil_call_result(
        pil_sysops_call(SYS_execveat, dir, (long)path, (long)argv, (long)envp, flags, 0));
}

void pil_real_bind(void)
{
    FILL(pil_real_sys, sys);
    FILL(pil_real_host, host);
    BIND(close);
    BIND(read);
    BIND(write);
    BIND(readv);
    BIND(writev);
    BIND(preadv2);
    BIND(pwritev2);
    BIND(preadv64v2);
    BIND(pwritev64v2);
    BIND(recv);
    BIND(recvfrom);
    BIND(recvmsg);
    BIND(recvmmsg);
    BIND(send);
    BIND(shutdown);
    BIND(sendfile);
    BIND(sendfile64);
    BIND(splice);
    BIND(ioctl);
    BIND(poll);
    BIND(fdopen);
    BIND(vdprintf);
    BIND(__read_chk);
    BIND(__recv_chk);
    BIND(__recvfrom_chk);
    BIND(__vdprintf_chk);
    BIND(_exit);
    BIND(fcntl);
    BIND(fcntl64);
    BIND(fstat);
    BIND(fstat64);
    BIND(__fstat64_time64);
    BIND(__fxstat);
    BIND(__fxstat64);
    BIND(readdir);
    BIND(readdir64);
    BIND(readdir_r);
    BIND(readdir64_r);
    BIND(getaddrinfo);
    BIND(gethostbyname);
    BIND(gethostbyname2);
    BIND(gethostbyname_r);
    BIND(gethostbyname2_r);
    BIND(ppoll);
    BIND(__poll_chk);
    BIND(__ppoll_chk);
    BIND(select);
    BIND(pselect);
    BIND(getsockname);
    BIND(getpeername);
    BIND(getsockopt);
    BIND(setsockopt);
    BIND(epoll_ctl);
    BIND(epoll_wait);
    BIND(epoll_pwait);
    BIND(epoll_pwait2);
    BIND(execve);
    BIND(execvpe);
    BIND(fexecve);
    BIND(execveat);
    if (!pil_real_libc.execveat)
        pil_real_libc.execveat = kernel_execveat;
    BIND(posix_spawn);
    BIND(posix_spawnp);
    BIND(system);
    BIND(popen);
    BIND(setuid);
    BIND(seteuid);
    BIND(setreuid);
    BIND(setresuid);
    BIND(_dl_find_object);
    /* The clock must be libc's own: an interposer that bends time must not bend our TTLs. */
    *(void **)&pil_real_libc.clock_gettime = pil_symbol_in("libc.so.6", "clock_gettime");
}

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now = {0};

    if (PIL_LIKELY(pil_real_libc.clock_gettime != NULL))
        pil_real_libc.clock_gettime(clock, &now);
    else
        pil_real_sys.clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t pil_real_now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t pil_real_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

uint64_t pil_real_coarse_ns(void)
{
    return read_clock(CLOCK_MONOTONIC_COARSE);
}
