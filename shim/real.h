/*
 * The real calls: what the hooks stand in front of.
 *
 * Two tables of system calls, both with their network calls leading through the stub:
 * pil_real_sys for the shim's own business, pil_real_host for calls made on behalf of the
 * program, which are cancellation points as pthreads(7) lists them. And the libc functions that
 * have no system call of their own, bound once.
 *
 * Cost: an indirect call; for pil_real_host two changes of the cancellation type on top.
 * Errors: negated errno from the tables; the libc functions as libc has them.
 * Threads, fork, signals: everything is filled once at start and constant from then on, hence no
 * lock. Binding takes a lock of the loader and is not for signal handlers.
 */
#ifndef PIL_SHIM_REAL_H
#define PIL_SHIM_REAL_H

#include <dirent.h>
#include <poll.h>
#include <stdarg.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#include "core/sysops.h"

/*
 * The address at which the stub was linked, and whether the loader put it there. It lies where the
 * kernel puts nothing by itself (just below the lowest place of a position-independent program),
 * and where the sanitizers have no shadow: TSan and MSan end a program that has a mapping there.
 * The 32-bit one is below the place of programs that are linked to a fixed address, so that their
 * heap, which grows up from there, has all the room that it would have without us.
 */
#if defined(__x86_64__)
#define PIL_STUB_ADDRESS 0x552000000000u
#else
#define PIL_STUB_ADDRESS 0x07f00000u
#endif
bool pil_real_stub_in_place(void);

extern struct pil_sysops pil_real_sys;
extern struct pil_sysops pil_real_host;

/* Fills the tables and binds the libc functions. Idempotent; called once at start, before
 * anything else of the shim runs. */
void pil_real_bind(void);

struct dl_find_object;

struct pil_real_libc {
    int (*close)(int);
    ssize_t (*read)(int, void *, size_t);
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*readv)(int, const struct iovec *, int);
    ssize_t (*writev)(int, const struct iovec *, int);
    ssize_t (*preadv2)(int, const struct iovec *, int, off_t, int);
    ssize_t (*pwritev2)(int, const struct iovec *, int, off_t, int);
    ssize_t (*preadv64v2)(int, const struct iovec *, int, off64_t, int);
    ssize_t (*pwritev64v2)(int, const struct iovec *, int, off64_t, int);
    ssize_t (*recv)(int, void *, size_t, int);
    ssize_t (*recvfrom)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
    ssize_t (*recvmsg)(int, struct msghdr *, int);
    int (*recvmmsg)(int, struct mmsghdr *, unsigned, int, struct timespec *);
    ssize_t (*send)(int, const void *, size_t, int);
    int (*shutdown)(int, int);
    ssize_t (*sendfile)(int, int, off_t *, size_t);
    ssize_t (*sendfile64)(int, int, off64_t *, size_t);
    ssize_t (*splice)(int, off64_t *, int, off64_t *, size_t, unsigned);
    int (*ioctl)(int, unsigned long, ...);
    int (*poll)(struct pollfd *, nfds_t, int);
    FILE *(*fdopen)(int, const char *);
    int (*vdprintf)(int, const char *, va_list);
    ssize_t (*__read_chk)(int, void *, size_t, size_t);
    ssize_t (*__recv_chk)(int, void *, size_t, size_t, int);
    ssize_t (*__recvfrom_chk)(int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *);
    int (*__vdprintf_chk)(int, int, const char *, va_list);
    void (*_exit)(int);
    int (*fcntl)(int, int, ...);
    int (*fcntl64)(int, int, ...);
    int (*fstat)(int, struct stat *);
    int (*fstat64)(int, struct stat64 *);
    int (*__fstat64_time64)(int, void *);
    int (*__fxstat)(int, int, struct stat *);
    int (*__fxstat64)(int, int, struct stat64 *);
    struct dirent *(*readdir)(DIR *);
    struct dirent64 *(*readdir64)(DIR *);
    int (*readdir_r)(DIR *, struct dirent *, struct dirent **);
    int (*readdir64_r)(DIR *, struct dirent64 *, struct dirent64 **);
    int (*getaddrinfo)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    struct hostent *(*gethostbyname)(const char *);
    struct hostent *(*gethostbyname2)(const char *, int);
    int (*gethostbyname_r)(const char *, struct hostent *, char *, size_t, struct hostent **,
                           int *);
    int (*gethostbyname2_r)(const char *, int, struct hostent *, char *, size_t, struct hostent **,
                            int *);
    int (*ppoll)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
    int (*__poll_chk)(struct pollfd *, nfds_t, int, size_t);
    int (*__ppoll_chk)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *, size_t);
    int (*select)(int, fd_set *, fd_set *, fd_set *, struct timeval *);
    int (*pselect)(int, fd_set *, fd_set *, fd_set *, const struct timespec *, const sigset_t *);
    int (*getsockname)(int, struct sockaddr *, socklen_t *);
    int (*getpeername)(int, struct sockaddr *, socklen_t *);
    int (*getsockopt)(int, int, int, void *, socklen_t *);
    int (*setsockopt)(int, int, int, const void *, socklen_t);
    int (*epoll_ctl)(int, int, int, struct epoll_event *);
    int (*epoll_wait)(int, struct epoll_event *, int, int);
    int (*epoll_pwait)(int, struct epoll_event *, int, int, const sigset_t *);
    int (*epoll_pwait2)(int, struct epoll_event *, int, const struct timespec *, const sigset_t *);
    int (*execve)(const char *, char *const[], char *const[]);
    int (*execvpe)(const char *, char *const[], char *const[]);
    int (*fexecve)(int, char *const[], char *const[]);
    int (*execveat)(int, const char *, char *const[], char *const[], int);
    int (*posix_spawn)(pid_t *, const char *, const posix_spawn_file_actions_t *,
                       const posix_spawnattr_t *, char *const[], char *const[]);
    int (*posix_spawnp)(pid_t *, const char *, const posix_spawn_file_actions_t *,
                        const posix_spawnattr_t *, char *const[], char *const[]);
    int (*system)(const char *);
    int (*setuid)(uid_t);
    int (*seteuid)(uid_t);
    int (*setreuid)(uid_t, uid_t);
    int (*setresuid)(uid_t, uid_t, uid_t);
    FILE *(*popen)(const char *, const char *);
    int (*_dl_find_object)(void *, struct dl_find_object *); /* glibc 2.35 and later */
    int (*clock_gettime)(clockid_t, struct timespec *);      /* libc's own, never an interposer's */
};

/* The bound functions. Entries that libc does not have are NULL, and all of them are before
 * pil_real_bind: close has to cope with that, because allocators call it while they start. */
extern struct pil_real_libc pil_real_libc;

/* CLOCK_MONOTONIC in nanoseconds, by libc's own clock_gettime: no system call. */
uint64_t pil_real_now_ns(void);

/* CLOCK_REALTIME in nanoseconds, likewise. */
uint64_t pil_real_wall_ns(void);

/* CLOCK_MONOTONIC_COARSE in nanoseconds: steps of a few milliseconds, no system call. */
uint64_t pil_real_coarse_ns(void);

#endif
