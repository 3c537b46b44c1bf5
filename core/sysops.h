/*
 * The system calls that core/ and shim/ may make, as one table of function pointers.
 *
 * Why a table: inside a host process the network calls must leave through one stub whose address
 * is known, and nothing of ours may run through a hooked name; in unit tests the same code runs
 * against fakes that fail on demand. One seam serves re-entrancy, tests and fault injection.
 *
 * Cost: one indirect call on top of the system call.
 * Errors: every entry returns what the kernel returns, a value >= 0 or a negated errno. errno
 * itself is never read and never written, so a hook cannot leak ours into the host.
 * Threads, fork, signals: as safe as the system call itself; no entry allocates or locks.
 */
#ifndef PIL_CORE_SYSOPS_H
#define PIL_CORE_SYSOPS_H

#if defined(__i386__)
#include <linux/net.h>
#endif
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>

/*
 * Which call we make where there are several, the same as libc. On i386 the first editions of some
 * are for 16-bit users, 32-bit files and the years until 2038; and all but one of the socket calls
 * are a number of the one call socketcall, which is what programs' seccomp filters expect.
 */
#if defined(__i386__)
#define PIL_SOCKETCALL       0x10000
#define PIL_NR_CLOCK_GETTIME SYS_clock_gettime64
#define PIL_NR_FCNTL         SYS_fcntl64
#define PIL_NR_GETRESGID     SYS_getresgid32
#define PIL_NR_GETRESUID     SYS_getresuid32
#define PIL_NR_MMAP          SYS_mmap2
#define PIL_NR_CONNECT       (PIL_SOCKETCALL | SYS_CONNECT)
#define PIL_NR_BIND          (PIL_SOCKETCALL | SYS_BIND)
#define PIL_NR_LISTEN        (PIL_SOCKETCALL | SYS_LISTEN)
#define PIL_NR_ACCEPT        (PIL_SOCKETCALL | SYS_ACCEPT)
#define PIL_NR_ACCEPT4       (PIL_SOCKETCALL | SYS_ACCEPT4)
#define PIL_NR_SENDTO        (PIL_SOCKETCALL | SYS_SENDTO)
#define PIL_NR_SENDMSG       (PIL_SOCKETCALL | SYS_SENDMSG)
#define PIL_NR_SOCKET        (PIL_SOCKETCALL | SYS_SOCKET)
#define PIL_NR_RECVMSG       (PIL_SOCKETCALL | SYS_RECVMSG)
#define PIL_NR_GETSOCKOPT    (PIL_SOCKETCALL | SYS_GETSOCKOPT)
#define PIL_NR_SETSOCKOPT    (PIL_SOCKETCALL | SYS_SETSOCKOPT)
#define PIL_NR_GETSOCKNAME   (PIL_SOCKETCALL | SYS_GETSOCKNAME)
#define PIL_NR_GETPEERNAME   (PIL_SOCKETCALL | SYS_GETPEERNAME)
#define PIL_NR_SHUTDOWN      (PIL_SOCKETCALL | SYS_SHUTDOWN)
#define PIL_NR_SOCKETPAIR    (PIL_SOCKETCALL | SYS_SOCKETPAIR)
#else
#define PIL_NR_CLOCK_GETTIME SYS_clock_gettime
#define PIL_NR_FCNTL         SYS_fcntl
#define PIL_NR_GETRESGID     SYS_getresgid
#define PIL_NR_GETRESUID     SYS_getresuid
#define PIL_NR_MMAP          SYS_mmap
#define PIL_NR_CONNECT       SYS_connect
#define PIL_NR_BIND          SYS_bind
#define PIL_NR_LISTEN        SYS_listen
#define PIL_NR_ACCEPT        SYS_accept
#define PIL_NR_ACCEPT4       SYS_accept4
#define PIL_NR_SENDTO        SYS_sendto
#define PIL_NR_SENDMSG       SYS_sendmsg
#define PIL_NR_SOCKET        SYS_socket
#define PIL_NR_RECVMSG       SYS_recvmsg
#define PIL_NR_GETSOCKOPT    SYS_getsockopt
#define PIL_NR_SETSOCKOPT    SYS_setsockopt
#define PIL_NR_GETSOCKNAME   SYS_getsockname
#define PIL_NR_GETPEERNAME   SYS_getpeername
#define PIL_NR_SHUTDOWN      SYS_shutdown
#define PIL_NR_SOCKETPAIR    SYS_socketpair
#endif
#define PIL_NR_SENDMMSG SYS_sendmmsg

/* Makes a call of these numbers by way of `gate`, which has the arguments of pil_sysops_call. */
static inline long pil_sysops_through(long (*gate)(long, long, long, long, long, long, long),
                                      long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__i386__)
    const long arguments[6] = {a, b, c, d, e, f};

    if (number & PIL_SOCKETCALL)
        return gate(SYS_socketcall, number & 0xff, (long)arguments, 0, 0, 0, 0);
#endif
    return gate(number, a, b, c, d, e, f);
}

struct statx;

struct pil_sysops {
    /* Network calls. In the shim these, and only these, lead through the stub. */
    int (*connect)(int fd, const struct sockaddr *addr, socklen_t len);
    int (*bind)(int fd, const struct sockaddr *addr, socklen_t len);
    int (*listen)(int fd, int backlog);
    int (*accept)(int fd, struct sockaddr *addr, socklen_t *len);
    int (*accept4)(int fd, struct sockaddr *addr, socklen_t *len, int flags);
    ssize_t (*sendto)(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                      socklen_t addr_len);
    ssize_t (*sendmsg)(int fd, const struct msghdr *msg, int flags);
    int (*sendmmsg)(int fd, struct mmsghdr *vec, unsigned count, int flags);

    /* Everything else. */
    int (*socket)(int domain, int type, int protocol);
    int (*socketpair)(int domain, int type, int protocol, int pair[2]);
    ssize_t (*recvmsg)(int fd, struct msghdr *msg, int flags);
    int (*getsockopt)(int fd, int level, int name, void *value, socklen_t *len);
    int (*setsockopt)(int fd, int level, int name, const void *value, socklen_t len);
    int (*getsockname)(int fd, struct sockaddr *addr, socklen_t *len);
    int (*getpeername)(int fd, struct sockaddr *addr, socklen_t *len);
    int (*shutdown)(int fd, int how);
    int (*poll)(struct pollfd *fds, unsigned count, int timeout_ms);
    int (*close)(int fd);
    int (*close_range)(unsigned first, unsigned last, unsigned flags);
    int (*dup)(int fd);
    int (*dup2)(int from, int to);
    int (*dup3)(int from, int to, int flags);
    int (*fcntl)(int fd, int command, long argument);
    int (*openat)(int dir, const char *path, int flags, unsigned mode);
    ssize_t (*pread)(int fd, void *buf, size_t len, int64_t offset);
    ssize_t (*readlinkat)(int dir, const char *path, char *buf, size_t len);
    /* Returns the address as an integer; a negated errno is above (uintptr_t)-4096. */
    uintptr_t (*mmap)(void *at, size_t len, int prot, int flags, int fd, int64_t offset);
    int (*munmap)(void *at, size_t len);
    int (*madvise)(void *at, size_t len, int advice);
    ssize_t (*getrandom)(void *buf, size_t len, unsigned flags);
    /* The kernel's signal mask: 64 bits, one per signal. */
    int (*procmask)(int how, const uint64_t *set, uint64_t *old);
    ssize_t (*getcwd)(char *buf, size_t len); /* length with the NUL */
    int (*getpid)(void);
    int (*gettid)(void);
    int (*clock_gettime)(clockid_t clock, struct timespec *now);
    long (*futex)(uint32_t *word, int op, uint32_t value, const struct timespec *timeout);
    int (*statx)(int dir, const char *path, int flags, unsigned mask, struct statx *out);
    ssize_t (*fgetxattr)(int fd, const char *name, void *value, size_t len);
    int (*getresuid)(uint32_t *real, uint32_t *effective, uint32_t *saved);
    int (*getresgid)(uint32_t *real, uint32_t *effective, uint32_t *saved);
    /* Soft and hard limit, as RLIMIT_... names them. */
    int (*getlimit)(int resource, uint64_t limit[2]);
    int (*faccessat)(int dir, const char *path, int mode, int flags);
};

/* The kernel itself, by system call instruction: no libc function, no errno, no PLT. */
extern const struct pil_sysops pil_sysops_kernel;

/* The raw system call the table above is made of; returns the value or a negated errno. */
long pil_sysops_call(long number, long a, long b, long c, long d, long e, long f);

#endif
