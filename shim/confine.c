#include "shim/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/defs.h"
#include "shim/bpf.h"
#include "shim/real.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_I386
#endif

_Atomic uint32_t pil_confine_lost;

#define SOME_FD      960
#define SOME_ADDRESS 0x7fff1000u /* filters cannot look behind pointers */

/* Every way in which the shim makes a call; one that is not allowed costs the entry. */
struct use {
    enum pil_loss loss;
    uint16_t entry; /* offset in struct pil_sysops */
    int number;
    const char *name;
    uint64_t args[6];
};

#define AT SOME_ADDRESS
#define USE_OF(loss, entry, number, call, ...)                                                     \
    {                                                                                              \
        PIL_LOSS_##loss, (uint16_t)offsetof(struct pil_sysops, entry), number, #call,              \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define USE(loss, entry, call, ...) USE_OF(loss, entry, SYS_##call, call, __VA_ARGS__)

static const struct use uses[] = {
    USE_OF(CONNECT, connect, PIL_NR_CONNECT, connect, SOME_FD, AT, 30),
    USE_OF(SENDMSG, sendmsg, PIL_NR_SENDMSG, sendmsg, SOME_FD, AT, MSG_NOSIGNAL),
    USE_OF(RECVMSG, recvmsg, PIL_NR_RECVMSG, recvmsg, SOME_FD, AT, MSG_CMSG_CLOEXEC),
    USE_OF(SOCKET, socket, PIL_NR_SOCKET, socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0),
    USE_OF(GETSOCKOPT, getsockopt, PIL_NR_GETSOCKOPT, getsockopt, SOME_FD, SOL_SOCKET, SO_COOKIE,
           AT),
    USE_OF(GETSOCKOPT, getsockopt, PIL_NR_GETSOCKOPT, getsockopt, SOME_FD, SOL_SOCKET, SO_TYPE, AT),
    USE_OF(GETSOCKOPT, getsockopt, PIL_NR_GETSOCKOPT, getsockopt, SOME_FD, SOL_SOCKET, SO_DOMAIN,
           AT),
    USE_OF(GETSOCKOPT, getsockopt, PIL_NR_GETSOCKOPT, getsockopt, SOME_FD, SOL_SOCKET, SO_PROTOCOL,
           AT),
    USE_OF(GETSOCKOPT, getsockopt, PIL_NR_GETSOCKOPT, getsockopt, SOME_FD, SOL_SOCKET, SO_PEERCRED,
           AT),
    USE_OF(SETSOCKOPT, setsockopt, PIL_NR_SETSOCKOPT, setsockopt, SOME_FD, SOL_SOCKET, SO_SNDTIMEO,
           AT),
    USE_OF(SETSOCKOPT, setsockopt, PIL_NR_SETSOCKOPT, setsockopt, SOME_FD, SOL_SOCKET, SO_RCVTIMEO,
           AT),
    USE_OF(SETSOCKOPT, setsockopt, PIL_NR_SETSOCKOPT, setsockopt, SOME_FD, SOL_SOCKET, SO_LINGER,
           AT),
    USE_OF(GETSOCKNAME, getsockname, PIL_NR_GETSOCKNAME, getsockname, SOME_FD, AT, AT),
    USE(POLL, poll, poll, AT, 1, 0),
    USE(CLOSE, close, close, SOME_FD),
    USE_OF(FCNTL, fcntl, PIL_NR_FCNTL, fcntl, SOME_FD, F_DUPFD_CLOEXEC, SOME_FD),
    USE(OPENAT, openat, openat, (uint64_t)AT_FDCWD, AT, O_PATH | O_CLOEXEC),
    USE(OPENAT, openat, openat, (uint64_t)AT_FDCWD, AT, O_RDONLY | O_CLOEXEC),
    USE(PREAD, pread, pread64, SOME_FD, AT, 64, 0),
    USE(READLINKAT, readlinkat, readlinkat, (uint64_t)AT_FDCWD, AT, AT, 253),
    USE_OF(MMAP, mmap, PIL_NR_MMAP, mmap, 0, 4096, PROT_READ, MAP_SHARED, SOME_FD),
    USE_OF(MMAP, mmap, PIL_NR_MMAP, mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, SOME_FD),
    USE(MUNMAP, munmap, munmap, AT, 4096),
    USE(MADVISE, madvise, madvise, AT, 4096, MADV_WIPEONFORK),
    USE(GETRANDOM, getrandom, getrandom, AT, 16, 1),
    USE(PROCMASK, procmask, rt_sigprocmask, SIG_SETMASK, AT, AT, 8),
    USE(GETCWD, getcwd, getcwd, AT, 253),
    USE(GETPID, getpid, getpid, 0),
    USE(GETTID, gettid, gettid, 0),
    USE_OF(CLOCK, clock_gettime, PIL_NR_CLOCK_GETTIME, clock_gettime, CLOCK_REALTIME, AT),
    USE(FUTEX, futex, futex, AT, FUTEX_WAIT_PRIVATE, 0, AT),
    USE(FUTEX, futex, futex, AT, FUTEX_WAKE_PRIVATE, 1),
    USE(STATX, statx, statx, SOME_FD, AT, AT_EMPTY_PATH, STATX_INO, AT),
    USE(FGETXATTR, fgetxattr, fgetxattr, SOME_FD, AT, AT, 64),
    USE_OF(GETRESUID, getresuid, PIL_NR_GETRESUID, getresuid, AT, AT, AT),
    USE_OF(GETRESGID, getresgid, PIL_NR_GETRESGID, getresgid, AT, AT, AT),
    USE(GETLIMIT, getlimit, prlimit64, 0, RLIMIT_NOFILE, 0, AT),
    USE(FACCESSAT, faccessat, faccessat2, (uint64_t)AT_FDCWD, AT, X_OK),
    USE_OF(SHUTDOWN, shutdown, PIL_NR_SHUTDOWN, shutdown, SOME_FD, SHUT_RDWR),
    USE_OF(SOCKETPAIR, socketpair, PIL_NR_SOCKETPAIR, socketpair, AF_UNIX,
           SOCK_SEQPACKET | SOCK_CLOEXEC, 0, AT),
};

/* Stands for every entry that is lost. Its arguments are the caller's to clear away, in every
 * calling convention that we are built for, and every type that entries return is read from where
 * a long is. */
static long lost(void)
{
    return -EACCES;
}

static void **entry_of(const struct pil_sysops *table, const struct use *use)
{
    return (void **)((char *)table + use->entry);
}

static void set(const struct use *use, void *function)
{
    __atomic_store_n(entry_of(&pil_real_sys, use), function, __ATOMIC_RELEASE);
}

void pil_confine_lose(uint32_t losses)
{
    atomic_fetch_or(&pil_confine_lost, losses);
    for (size_t i = 0; i < PIL_NELEM(uses); i++)
        if (losses & UINT32_C(1) << uses[i].loss)
            set(&uses[i], (void *)lost);
}

void pil_confine_restore(uint32_t losses, const struct pil_sysops *from)
{
    for (size_t i = 0; i < PIL_NELEM(uses); i++)
        if (losses & UINT32_C(1) << uses[i].loss)
            set(&uses[i], *entry_of(from, &uses[i]));
    atomic_fetch_and(&pil_confine_lost, ~losses);
}

const char *pil_confine_name(enum pil_loss loss)
{
    for (size_t i = 0; i < PIL_NELEM(uses); i++)
        if (uses[i].loss == loss)
            return uses[i].name;
    return "";
}

static bool allows(const struct sock_fprog *filter, int number, const uint64_t args[6])
{
    struct seccomp_data call = {.nr = number, .arch = ARCH, .instruction_pointer = (uintptr_t)lost};
    uint32_t action;

    memcpy(call.args, args, sizeof(call.args));
#if defined(__i386__)
    if (number & PIL_SOCKETCALL) {
        call.nr = SYS_socketcall;
        call.args[0] = (uint64_t)(number & 0xff);
        call.args[1] = AT;
    }
#endif
    action = pil_bpf_run(filter->filter, filter->len, &call) & SECCOMP_RET_ACTION_FULL;
    return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

uint32_t pil_confine_cost(const struct sock_fprog *filter)
{
    uint32_t cost = 0;

    for (size_t i = 0; i < PIL_NELEM(uses); i++)
        if (!allows(filter, uses[i].number, uses[i].args))
            cost |= UINT32_C(1) << uses[i].loss;
    return cost;
}

bool pil_confine_leaves_network(const struct sock_fprog *filter)
{
    static const int calls[] = {PIL_NR_CONNECT, PIL_NR_BIND,   PIL_NR_LISTEN,  PIL_NR_ACCEPT,
                                PIL_NR_ACCEPT4, PIL_NR_SENDTO, PIL_NR_SENDMSG, PIL_NR_SENDMMSG};
    const uint64_t args[6] = {3, AT, 16};

    for (size_t i = 0; i < PIL_NELEM(calls); i++)
        if (allows(filter, calls[i], args))
            return true;
    return false;
}

uint32_t pil_confine_inherited(const char *value)
{
    uint32_t losses = 0;

    if (!value || strlen(value) != 8)
        return value ? PIL_LOSS_ALL : 0;
    for (; *value; value++) {
        const char *digits = "0123456789abcdef", *at = strchr(digits, *value);

        if (!at)
            return PIL_LOSS_ALL;
        losses = losses << 4 | (uint32_t)(at - digits);
    }
    return losses & PIL_LOSS_ALL;
}
