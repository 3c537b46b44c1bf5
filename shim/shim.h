/*
 * What the hooks call: one function per intercepted call, and nothing else of the shim.
 *
 * Contract, for all of them: the return value and errno are those of the call they stand for, as
 * its man page has them; on success errno is left alone. A refusal is reported as
 * docs/architecture.md lists it. `caller` is the return address of the hook, for the call site; it
 * may be NULL. They may be called from any thread, from signal handlers where the call itself may,
 * in forked and vforked children, and before main; they allocate nothing and use less than 2 KiB of
 * stack a frame.
 */
#ifndef PIL_SHIM_SHIM_H
#define PIL_SHIM_SHIM_H

#include <dirent.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

/* The constructor's work; argc, argv and envp are the loader's. */
void pil_shim_start(char *const envp[]);

/* Sockets (net.c, accept.c, send.c). */
int pil_shim_socket(int domain, int type, int protocol);
int pil_shim_connect(int fd, const struct sockaddr *addr, socklen_t len, const void *caller);
int pil_shim_bind(int fd, const struct sockaddr *addr, socklen_t len, const void *caller);
int pil_shim_listen(int fd, int backlog, const void *caller);
int pil_shim_accept(int fd, struct sockaddr *addr, socklen_t *len, const void *caller);
int pil_shim_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags, const void *caller);
ssize_t pil_shim_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                        socklen_t addr_len, const void *caller);
ssize_t pil_shim_sendmsg(int fd, const struct msghdr *msg, int flags, const void *caller);
int pil_shim_sendmmsg(int fd, struct mmsghdr *vec, unsigned count, int flags, const void *caller);

/* Bytes (io.c). */
ssize_t pil_shim_read(int fd, void *buf, size_t len);
ssize_t pil_shim_readv(int fd, const struct iovec *iov, int count);
ssize_t pil_shim_preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags);
ssize_t pil_shim_preadv64v2(int fd, const struct iovec *iov, int count, off64_t offset, int flags);
ssize_t pil_shim_recv(int fd, void *buf, size_t len, int flags);
ssize_t pil_shim_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
                          socklen_t *addr_len);
ssize_t pil_shim_recvmsg(int fd, struct msghdr *msg, int flags);
int pil_shim_recvmmsg(int fd, struct mmsghdr *vec, unsigned count, int flags,
                      struct timespec *limit);
ssize_t pil_shim_write(int fd, const void *buf, size_t len);
ssize_t pil_shim_writev(int fd, const struct iovec *iov, int count);
ssize_t pil_shim_pwritev2(int fd, const struct iovec *iov, int count, off_t offset, int flags);
ssize_t pil_shim_pwritev64v2(int fd, const struct iovec *iov, int count, off64_t offset, int flags);
ssize_t pil_shim_send(int fd, const void *buf, size_t len, int flags);
ssize_t pil_shim_sendfile(int fd, int in, off_t *offset, size_t count);
ssize_t pil_shim_sendfile64(int fd, int in, off64_t *offset, size_t count);
ssize_t pil_shim_splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t len,
                        unsigned flags);
int pil_shim_shutdown(int fd, int how);
int pil_shim_ioctl(int fd, unsigned long request, void *argument);
FILE *pil_shim_fdopen(int fd, const char *mode);
int pil_shim_vdprintf(int fd, const char *format, va_list list);
int pil_shim___vdprintf_chk(int fd, int flag, const char *format, va_list list);
ssize_t pil_shim___read_chk(int fd, void *buf, size_t len, size_t room);
ssize_t pil_shim___recv_chk(int fd, void *buf, size_t len, size_t room, int flags);
ssize_t pil_shim___recvfrom_chk(int fd, void *buf, size_t len, size_t room, int flags,
                                struct sockaddr *addr, socklen_t *addr_len);
/* Ends the process at once, as _exit; and what is to be done when it ends by exit. */
void pil_shim_exit(int status) __attribute__((noreturn));
void pil_shim_end(void);

/* Names and options (option.c). */
int pil_shim_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
int pil_shim_getpeername(int fd, struct sockaddr *addr, socklen_t *len);
int pil_shim_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int pil_shim_setsockopt(int fd, int level, int name, const void *value, socklen_t len);

/* Waiting (wait.c). */
int pil_shim_poll(struct pollfd *fds, nfds_t count, int timeout);
int pil_shim_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                   const sigset_t *mask);
int pil_shim___poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t room);
int pil_shim___ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                         const sigset_t *mask, size_t room);
int pil_shim_select(int count, fd_set *in, fd_set *out, fd_set *other, struct timeval *timeout);
int pil_shim_pselect(int count, fd_set *in, fd_set *out, fd_set *other,
                     const struct timespec *timeout, const sigset_t *mask);
int pil_shim_epoll_ctl(int set, int op, int fd, struct epoll_event *event);
int pil_shim_epoll_wait(int set, struct epoll_event *events, int max, int timeout);
int pil_shim_epoll_pwait(int set, struct epoll_event *events, int max, int timeout,
                         const sigset_t *mask);
int pil_shim_epoll_pwait2(int set, struct epoll_event *events, int max,
                          const struct timespec *timeout, const sigset_t *mask);

/* Names (resolve.c). */
int pil_shim_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                         struct addrinfo **res, const void *caller);
struct hostent *pil_shim_gethostbyname(const char *name, const void *caller);
struct hostent *pil_shim_gethostbyname2(const char *name, int family, const void *caller);
int pil_shim_gethostbyname_r(const char *name, struct hostent *ret, char *buf, size_t len,
                             struct hostent **result, int *error, const void *caller);
int pil_shim_gethostbyname2_r(const char *name, int family, struct hostent *ret, char *buf,
                              size_t len, struct hostent **result, int *error, const void *caller);

/* Descriptors (fd.c). */
int pil_shim_close(int fd);
int pil_shim_close_range(unsigned first, unsigned last, int flags);
void pil_shim_closefrom(int first);
int pil_shim_dup(int fd);
int pil_shim_dup2(int from, int to);
int pil_shim_dup3(int from, int to, int flags);
int pil_shim_fcntl(int fd, int command, long argument);
int pil_shim_fcntl64(int fd, int command, long argument);

/* Looks at descriptors and lists of them (hide.c). */
int pil_shim_fstat(int fd, struct stat *st);
int pil_shim_fstat64(int fd, struct stat64 *st);
int pil_shim___fstat64_time64(int fd, void *st); /* i386 alone */
int pil_shim__fxstat(int version, int fd, struct stat *st);
int pil_shim__fxstat64(int version, int fd, struct stat64 *st);
struct dirent *pil_shim_readdir(DIR *dir);
struct dirent64 *pil_shim_readdir64(DIR *dir);
int pil_shim_readdir_r(DIR *dir, struct dirent *room, struct dirent **entry);
int pil_shim_readdir64_r(DIR *dir, struct dirent64 *room, struct dirent64 **entry);

/* Programs (exec.c). env NULL means the environment of the process. */
int pil_shim_execve(const char *path, char *const argv[], char *const envp[]);
int pil_shim_execvpe(const char *file, char *const argv[], char *const envp[]);
int pil_shim_fexecve(int fd, char *const argv[], char *const envp[]);
int pil_shim_execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags);
int pil_shim_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                         const posix_spawnattr_t *attr, char *const argv[], char *const envp[],
                         int search);

/* Shells that libc starts (shell.c). */
int pil_shim_system(const char *command);
FILE *pil_shim_popen(const char *command, const char *mode);

/* The loader (dl.c). The libc functions are filled in by pil_shim_bind_dl, which hooks_dl.S calls
 * when dlsym is not there yet; they are all there then, if only to return NULL. */
struct pil_shim_dl {
    void *(*dlsym)(void *handle, const char *name);
    void *(*dlvsym)(void *handle, const char *name, const char *version);
    void *dlopen, *dlmopen;
};
extern struct pil_shim_dl pil_shim_dl;
void pil_shim_bind_dl(void);
void *pil_shim_dlsym(void *handle, const char *name);
void *pil_shim_dlvsym(void *handle, const char *name, const char *version);
/* A library is being loaded with RTLD_DEEPBIND, which is taken away. */
void pil_shim_deepbind(const char *path);
/* A library is being loaded into another namespace: NULL, or what to load instead, and fail. */
const char *pil_shim_namespace(const char *path);

/* io_uring (raw.c): the negated errno of a refused ring. */
int pil_shim_io_uring(void);

/* Users (user.c). */
int pil_shim_setuid(uid_t uid);
int pil_shim_seteuid(uid_t uid);
int pil_shim_setreuid(uid_t real, uid_t effective);
int pil_shim_setresuid(uid_t real, uid_t effective, uid_t saved);

/* Places (place.c). */
int pil_shim_chroot(const char *path);
int pil_shim_pivot_root(const char *root, const char *old);
int pil_shim_unshare(int flags);
int pil_shim_setns(int fd, int type);

/* Sandboxes that a program makes for itself (sandbox.c); the arguments of prctl behind the first.
 */
long pil_shim_prctl(int option, const long argument[4]);
long pil_shim_seccomp(unsigned operation, unsigned flags, void *args);

/* syscall(2), the libc function (raw.c). */
long pil_shim_syscall(long number, const long argument[6], const void *caller);

#endif
