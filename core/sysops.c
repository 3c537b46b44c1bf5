#include "core/sysops.h"

#include <sys/syscall.h>

#if defined(__x86_64__)
long pil_sysops_call(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#define MMAP_UNIT 1

#define PREAD(fd, buf, len, offset) CALL4(SYS_pread64, fd, buf, len, offset)

#elif defined(__i386__)
/* Six arguments and the number take every register but the stack's, the frame pointer included;
 * where the sixth lies may be told by either of those, so it is moved first. */
long pil_sysops_call(long number, long a, long b, long c, long d, long e, long f)
{
    long result;

    __asm__ volatile("pushl %[f]\n\t"
                     "pushl %%ebp\n\t"
                     "movl 4(%%esp), %%ebp\n\t"
                     "int $0x80\n\t"
                     "popl %%ebp\n\t"
                     "addl $4, %%esp"
                     : "=a"(result)
                     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e), [f] "g"(f)
                     : "memory", "cc");
    return result;
}

#define MMAP_UNIT 4096

#define PREAD(fd, buf, len, offset) CALL5(SYS_pread64, fd, buf, len, offset, (offset) >> 32)
#else
#error "add the system call instruction of this machine, and which edition of each call it has"
#endif

#define CALL6(nr, a, b, c, d, e, f)                                                                \
    pil_sysops_through(pil_sysops_call, nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), \
                       (long)(f))
#define CALL5(nr, a, b, c, d, e) CALL6(nr, a, b, c, d, e, 0)
#define CALL4(nr, a, b, c, d)    CALL6(nr, a, b, c, d, 0, 0)
#define CALL3(nr, a, b, c)       CALL6(nr, a, b, c, 0, 0, 0)
#define CALL2(nr, a, b)          CALL6(nr, a, b, 0, 0, 0, 0)
#define CALL1(nr, a)             CALL6(nr, a, 0, 0, 0, 0, 0)
#define CALL0(nr)                CALL6(nr, 0, 0, 0, 0, 0, 0)

static int k_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    return (int)CALL3(PIL_NR_CONNECT, fd, addr, len);
}

static int k_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    return (int)CALL3(PIL_NR_BIND, fd, addr, len);
}

static int k_listen(int fd, int backlog)
{
    return (int)CALL2(PIL_NR_LISTEN, fd, backlog);
}

/* Not every machine has it apart from accept4. */
static int k_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
    return (int)CALL3(PIL_NR_ACCEPT, fd, addr, len);
}

static int k_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    return (int)CALL4(PIL_NR_ACCEPT4, fd, addr, len, flags);
}

static ssize_t k_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                        socklen_t addr_len)
{
    return CALL6(PIL_NR_SENDTO, fd, buf, len, flags, addr, addr_len);
}

static ssize_t k_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    return CALL3(PIL_NR_SENDMSG, fd, msg, flags);
}

static int k_sendmmsg(int fd, struct mmsghdr *vec, unsigned count, int flags)
{
    return (int)CALL4(PIL_NR_SENDMMSG, fd, vec, count, flags);
}

static int k_socket(int domain, int type, int protocol)
{
    return (int)CALL3(PIL_NR_SOCKET, domain, type, protocol);
}

static ssize_t k_recvmsg(int fd, struct msghdr *msg, int flags)
{
    return CALL3(PIL_NR_RECVMSG, fd, msg, flags);
}

static int k_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    return (int)CALL5(PIL_NR_GETSOCKOPT, fd, level, name, value, len);
}

static int k_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    return (int)CALL5(PIL_NR_SETSOCKOPT, fd, level, name, value, len);
}

static int k_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
    return (int)CALL3(PIL_NR_GETSOCKNAME, fd, addr, len);
}

static int k_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
    return (int)CALL3(PIL_NR_GETPEERNAME, fd, addr, len);
}

static int k_shutdown(int fd, int how)
{
    return (int)CALL2(PIL_NR_SHUTDOWN, fd, how);
}

static int k_socketpair(int domain, int type, int protocol, int pair[2])
{
    return (int)CALL4(PIL_NR_SOCKETPAIR, domain, type, protocol, pair);
}

static int k_poll(struct pollfd *fds, unsigned count, int timeout_ms)
{
    return (int)CALL3(SYS_poll, fds, count, timeout_ms);
}

static int k_close(int fd)
{
    return (int)CALL1(SYS_close, fd);
}

static int k_close_range(unsigned first, unsigned last, unsigned flags)
{
    return (int)CALL3(SYS_close_range, first, last, flags);
}

static int k_dup(int fd)
{
    return (int)CALL1(SYS_dup, fd);
}

static int k_dup2(int from, int to)
{
    return (int)CALL2(SYS_dup2, from, to);
}

static int k_dup3(int from, int to, int flags)
{
    return (int)CALL3(SYS_dup3, from, to, flags);
}

static int k_fcntl(int fd, int command, long argument)
{
    return (int)CALL3(PIL_NR_FCNTL, fd, command, argument);
}

static int k_openat(int dir, const char *path, int flags, unsigned mode)
{
    return (int)CALL4(SYS_openat, dir, path, flags, mode);
}

static ssize_t k_pread(int fd, void *buf, size_t len, int64_t offset)
{
    return PREAD(fd, buf, len, offset);
}

static ssize_t k_readlinkat(int dir, const char *path, char *buf, size_t len)
{
    return CALL4(SYS_readlinkat, dir, path, buf, len);
}

static uintptr_t k_mmap(void *at, size_t len, int prot, int flags, int fd, int64_t offset)
{
    return (uintptr_t)CALL6(PIL_NR_MMAP, at, len, prot, flags, fd, offset / MMAP_UNIT);
}

static int k_munmap(void *at, size_t len)
{
    return (int)CALL2(SYS_munmap, at, len);
}

static int k_madvise(void *at, size_t len, int advice)
{
    return (int)CALL3(SYS_madvise, at, len, advice);
}

static ssize_t k_getrandom(void *buf, size_t len, unsigned flags)
{
    return CALL3(SYS_getrandom, buf, len, flags);
}

static int k_procmask(int how, const uint64_t *set, uint64_t *old)
{
    return (int)CALL4(SYS_rt_sigprocmask, how, set, old, sizeof(*set));
}

static ssize_t k_getcwd(char *buf, size_t len)
{
    return CALL2(SYS_getcwd, buf, len);
}

static int k_getpid(void)
{
    return (int)CALL0(SYS_getpid);
}

static int k_gettid(void)
{
    return (int)CALL0(SYS_gettid);
}

/* The kernel's answer is 64-bit where the caller's may not be. */
static int k_clock_gettime(clockid_t clock, struct timespec *now)
{
    int64_t kernel[2] = {0, 0};
    int result = (int)CALL2(PIL_NR_CLOCK_GETTIME, clock, kernel);

    if (result == 0)
        *now = (struct timespec){.tv_sec = (time_t)kernel[0], .tv_nsec = (long)kernel[1]};
    return result;
}

static long k_futex(uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
    return CALL4(SYS_futex, word, op, value, timeout);
}

static int k_statx(int dir, const char *path, int flags, unsigned mask, struct statx *out)
{
    return (int)CALL5(SYS_statx, dir, path, flags, mask, out);
}

static ssize_t k_fgetxattr(int fd, const char *name, void *value, size_t len)
{
    return CALL4(SYS_fgetxattr, fd, name, value, len);
}

static int k_getresuid(uint32_t *real, uint32_t *effective, uint32_t *saved)
{
    return (int)CALL3(PIL_NR_GETRESUID, real, effective, saved);
}

static int k_getresgid(uint32_t *real, uint32_t *effective, uint32_t *saved)
{
    return (int)CALL3(PIL_NR_GETRESGID, real, effective, saved);
}

static int k_getlimit(int resource, uint64_t limit[2])
{
    return (int)CALL4(SYS_prlimit64, 0, resource, 0, limit);
}

static int k_faccessat(int dir, const char *path, int mode, int flags)
{
    return (int)CALL4(SYS_faccessat2, dir, path, mode, flags);
}

const struct pil_sysops pil_sysops_kernel = {
    .connect = k_connect,
    .bind = k_bind,
    .listen = k_listen,
    .accept = k_accept,
    .accept4 = k_accept4,
    .sendto = k_sendto,
    .sendmsg = k_sendmsg,
    .sendmmsg = k_sendmmsg,
    .socket = k_socket,
    .recvmsg = k_recvmsg,
    .getsockopt = k_getsockopt,
    .setsockopt = k_setsockopt,
    .getsockname = k_getsockname,
    .getpeername = k_getpeername,
    .shutdown = k_shutdown,
    .socketpair = k_socketpair,
    .poll = k_poll,
    .close = k_close,
    .close_range = k_close_range,
    .dup = k_dup,
    .dup2 = k_dup2,
    .dup3 = k_dup3,
    .fcntl = k_fcntl,
    .openat = k_openat,
    .pread = k_pread,
    .readlinkat = k_readlinkat,
    .mmap = k_mmap,
    .munmap = k_munmap,
    .madvise = k_madvise,
    .getrandom = k_getrandom,
    .procmask = k_procmask,
    .getcwd = k_getcwd,
    .getpid = k_getpid,
    .gettid = k_gettid,
    .clock_gettime = k_clock_gettime,
    .futex = k_futex,
    .statx = k_statx,
    .fgetxattr = k_fgetxattr,
    .getresuid = k_getresuid,
    .getresgid = k_getresgid,
    .getlimit = k_getlimit,
    .faccessat = k_faccessat,
};
