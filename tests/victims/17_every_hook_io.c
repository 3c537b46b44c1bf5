// flags: -I. -ldl
/*
 * Every function that is hooked, the second part: bytes, waiting, names and options of sockets.
 * What each returns and leaves in errno; the run without Pillion says what is right
 * (17_every_hook.c).
 */
#include "tests/victims/victim.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#define MARK 4711

static void tell(const char *name, const char *what, long result)
{
    int error = errno;

    printf("%s, %s: %s, errno %s\n", name, what, result < 0 ? "fails" : "succeeds",
           error == MARK ? "kept"
           : error       ? strerrorname_np(error)
                         : "0");
    fflush(stdout);
}

#define CALL(name, what, call)                                                                     \
    do {                                                                                           \
        long call_result;                                                                          \
                                                                                                   \
        errno = MARK;                                                                              \
        call_result = (long)(call);                                                                \
        tell(#name, what, call_result);                                                            \
    } while (0)
#define POINTER(name, what, call) CALL(name, what, (call) ? 0 : -1)
#define OLD(type, name, parameters)                                                                \
    type(*old##name) parameters = (type(*) parameters)dlsym(RTLD_DEFAULT, #name)

static int pair[2]; /* what one end writes the other reads */
static char room[64];
static void *volatile nowhere = (void *)16;
static volatile int too_many = 4096;

static void connected(int domain)
{
    if (pair[0] > 0)
        close(pair[0]), close(pair[1]);
    if (domain == AF_UNIX) {
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
    } else {
        int port, server = serve(SOCK_STREAM, &port);

        pair[0] = dial("127.0.0.1", port);
        pair[1] = accept4(server, NULL, NULL, SOCK_CLOEXEC);
        close(server);
    }
    fcntl(pair[1], F_SETFL, O_NONBLOCK);
}

/* One byte is on its way, and has come. */
static void feed(void)
{
    struct pollfd pfd = {pair[1], POLLIN, 0};

    if (write(pair[0], "x", 1) != 1)
        die("feed");
    poll(&pfd, 1, -1);
}

#define TWICE(name, call, in_vain)                                                                 \
    do {                                                                                           \
        feed();                                                                                    \
        CALL(name, "a byte", call);                                                                \
        CALL(name, "nothing there", call);                                                         \
        CALL(name, "no descriptor", in_vain);                                                      \
    } while (0)

static void incoming(void)
{
    OLD(ssize_t, __read, (int, void *, size_t));
    OLD(ssize_t, __read_chk, (int, void *, size_t, size_t));
    OLD(ssize_t, __recv, (int, void *, size_t, int));
    OLD(ssize_t, __recv_chk, (int, void *, size_t, size_t, int));
    OLD(ssize_t, __recvfrom_chk,
        (int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *));
    struct iovec iov = {room, 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    struct mmsghdr vec[2] = {{.msg_hdr = msg}, {.msg_hdr = msg}};
    struct sockaddr_storage from;
    socklen_t len = sizeof(from);

    TWICE(read, read(pair[1], room, 1), read(-1, room, 1));
    TWICE(__read, old__read(pair[1], room, 1), old__read(-1, room, 1));
    TWICE(__read_chk, old__read_chk(pair[1], room, 1, 64), old__read_chk(-1, room, 1, 64));
    TWICE(readv, readv(pair[1], &iov, 1), readv(-1, &iov, 1));
    TWICE(preadv2, preadv2(pair[1], &iov, 1, -1, 0), preadv2(-1, &iov, 1, -1, 0));
    TWICE(preadv64v2, preadv64v2(pair[1], &iov, 1, -1, 0), preadv64v2(-1, &iov, 1, -1, 0));
    TWICE(recv, recv(pair[1], room, 1, 0), recv(-1, room, 1, 0));
    TWICE(__recv, old__recv(pair[1], room, 1, 0), old__recv(-1, room, 1, 0));
    TWICE(__recv_chk, old__recv_chk(pair[1], room, 1, 64, 0), old__recv_chk(-1, room, 1, 64, 0));
    TWICE(recvfrom, recvfrom(pair[1], room, 1, 0, (struct sockaddr *)&from, &len),
          recvfrom(-1, room, 1, 0, NULL, NULL));
    printf("recvfrom: an address of %u\n", (unsigned)len);
    TWICE(__recvfrom_chk, old__recvfrom_chk(pair[1], room, 1, 64, 0, NULL, NULL),
          old__recvfrom_chk(-1, room, 1, 64, 0, NULL, NULL));
    TWICE(recvmsg, recvmsg(pair[1], &msg, 0), recvmsg(-1, &msg, 0));
    TWICE(recvmmsg, recvmmsg(pair[1], vec, 2, MSG_WAITFORONE, NULL), recvmmsg(-1, vec, 2, 0, NULL));
    CALL(read, "bad address", read(open("/dev/zero", O_RDONLY | O_CLOEXEC), nowhere, 1));
    CALL(readv, "too many", readv(pair[1], &iov, too_many));
    CALL(recvmsg, "no header", recvmsg(pair[1], nowhere, 0));
}

static int print_to(int fd, const char *format, ...)
{
    va_list list;
    int result;

    va_start(list, format);
    result = vdprintf(fd, format, list);
    va_end(list);
    return result;
}

static int print_checked(int fd, const char *format, ...)
{
    OLD(int, __vdprintf_chk, (int, int, const char *, va_list));
    va_list list;
    int result;

    va_start(list, format);
    result = old__vdprintf_chk(fd, 1, format, list);
    va_end(list);
    return result;
}

#define OUT(name, good, bad)                                                                       \
    do {                                                                                           \
        CALL(name, "a byte", good);                                                                \
        CALL(name, "no descriptor", bad);                                                          \
    } while (0)

static void outgoing(void)
{
    OLD(ssize_t, __write, (int, const void *, size_t));
    OLD(ssize_t, __send, (int, const void *, size_t, int));
    OLD(int, __sendmmsg, (int, struct mmsghdr *, unsigned, int));
    OLD(int, __dprintf_chk, (int, int, const char *, ...));
    struct iovec iov = {room, 1};
    struct mmsghdr vec[1] = {{.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}}};
    int file = open("/etc/passwd", O_RDONLY | O_CLOEXEC), pipes[2];
    off_t at = 0;
    off64_t at64 = 0;

    OUT(write, write(pair[0], "x", 1), write(-1, "x", 1));
    OUT(__write, old__write(pair[0], "x", 1), old__write(-1, "x", 1));
    OUT(writev, writev(pair[0], &iov, 1), writev(-1, &iov, 1));
    OUT(pwritev2, pwritev2(pair[0], &iov, 1, -1, 0), pwritev2(-1, &iov, 1, -1, 0));
    OUT(pwritev64v2, pwritev64v2(pair[0], &iov, 1, -1, 0), pwritev64v2(-1, &iov, 1, -1, 0));
    OUT(send, send(pair[0], "x", 1, 0), send(-1, "x", 1, 0));
    OUT(__send, old__send(pair[0], "x", 1, 0), old__send(-1, "x", 1, 0));
    OUT(__sendmmsg, old__sendmmsg(pair[0], vec, 1, 0), old__sendmmsg(-1, vec, 1, 0));
    OUT(sendfile, sendfile(pair[0], file, &at, 3), sendfile(-1, file, &at, 3));
    OUT(sendfile64, sendfile64(pair[0], file, &at64, 3), sendfile64(pair[0], -1, &at64, 3));
    printf("offsets %ld %ld\n", (long)at, (long)at64);
    if (pipe2(pipes, O_CLOEXEC) || write(pipes[1], "x", 1) != 1)
        die("pipe");
    OUT(splice, splice(pipes[0], NULL, pair[0], NULL, 1, 0), splice(pair[1], NULL, -1, NULL, 1, 0));
    OUT(dprintf, dprintf(pair[0], "%d", 1), dprintf(-1, "%d", 1));
    OUT(__dprintf_chk, old__dprintf_chk(pair[0], 1, "%d", 1), old__dprintf_chk(-1, 1, "%d", 1));
    OUT(vdprintf, print_to(pair[0], "%d", 1), print_to(-1, "%d", 1));
    OUT(__vdprintf_chk, print_checked(pair[0], "%d", 1), print_checked(-1, "%d", 1));
    CALL(write, "bad address", write(pair[0], nowhere, 1));
    close(file), close(pipes[0]), close(pipes[1]);
}

static void waiting(void)
{
    OLD(int, __poll, (struct pollfd *, nfds_t, int));
    OLD(int, __poll_chk, (struct pollfd *, nfds_t, int, size_t));
    OLD(int, __ppoll_chk,
        (struct pollfd *, nfds_t, const struct timespec *, const sigset_t *, size_t));
    OLD(int, __select, (int, fd_set *, fd_set *, fd_set *, struct timeval *));
    struct pollfd pfd = {pair[0], POLLOUT, 0};
    struct epoll_event event = {.events = EPOLLOUT}, got[2];
    int set = epoll_create1(EPOLL_CLOEXEC);
    struct timespec none = {0};
    struct timeval never = {0};
    fd_set out;

#define WAIT(name, call)                                                                           \
    do {                                                                                           \
        FD_ZERO(&out);                                                                             \
        FD_SET(pair[0], &out);                                                                     \
        CALL(name, "writable", call);                                                              \
    } while (0)
    WAIT(poll, poll(&pfd, 1, -1));
    CALL(poll, "bad address", poll(nowhere, 1, 0));
    CALL(poll, "nothing", poll(NULL, 0, 0));
    WAIT(__poll, old__poll(&pfd, 1, 0));
    WAIT(__poll_chk, old__poll_chk(&pfd, 1, 0, sizeof(pfd)));
    WAIT(ppoll, ppoll(&pfd, 1, &none, NULL));
    WAIT(__ppoll_chk, old__ppoll_chk(&pfd, 1, &none, NULL, sizeof(pfd)));
    WAIT(select, select(pair[0] + 1, NULL, &out, NULL, NULL));
    CALL(select, "bad count", select(-1, NULL, NULL, NULL, &never));
    WAIT(__select, old__select(pair[0] + 1, NULL, &out, NULL, &never));
    WAIT(pselect, pselect(pair[0] + 1, NULL, &out, NULL, &none, NULL));
    CALL(epoll_ctl, "add", epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &event));
    CALL(epoll_ctl, "again", epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &event));
    CALL(epoll_ctl, "no event", epoll_ctl(set, EPOLL_CTL_MOD, pair[0], NULL));
    CALL(epoll_ctl, "no descriptor", epoll_ctl(set, EPOLL_CTL_ADD, -1, &event));
    CALL(epoll_ctl, "no set", epoll_ctl(pair[0], EPOLL_CTL_ADD, pair[1], &event));
    WAIT(epoll_wait, epoll_wait(set, got, 2, -1));
    CALL(epoll_wait, "no room", epoll_wait(set, got, 0, 0));
    CALL(epoll_wait, "no set", epoll_wait(-1, got, 2, 0));
    WAIT(epoll_pwait, epoll_pwait(set, got, 2, 0, NULL));
    WAIT(epoll_pwait2, epoll_pwait2(set, got, 2, &none, NULL));
    CALL(epoll_ctl, "delete", epoll_ctl(set, EPOLL_CTL_DEL, pair[0], NULL));
    close(set);
}

static void names(void)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof(at), none = 0;
    int value = 0, count = 0, null = open("/dev/null", O_RDWR | O_CLOEXEC);
    socklen_t size = sizeof(value);

    CALL(getsockname, "own", getsockname(pair[0], (struct sockaddr *)&at, &len));
    printf("family %d, %u\n", at.ss_family, (unsigned)len);
    CALL(getsockname, "no room", getsockname(pair[0], (struct sockaddr *)&at, &none));
    CALL(getsockname, "bad address", getsockname(pair[0], nowhere, &len));
    CALL(getsockname, "no socket", getsockname(null, (struct sockaddr *)&at, &len));
    len = sizeof(at);
    CALL(getpeername, "peer", getpeername(pair[0], (struct sockaddr *)&at, &len));
    printf("family %d, %u\n", at.ss_family, (unsigned)len);
    CALL(getpeername, "bad length", getpeername(pair[0], (struct sockaddr *)&at, nowhere));
    CALL(getpeername, "no peer",
         getpeername(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&at, &len));
#define OPTION(what, level, name)                                                                  \
    CALL(getsockopt, what, getsockopt(pair[0], level, name, &value, &size));                       \
    printf(what " %d, %u\n", value, (unsigned)size)
    OPTION("type", SOL_SOCKET, SO_TYPE);
    OPTION("domain", SOL_SOCKET, SO_DOMAIN);
    OPTION("protocol", SOL_SOCKET, SO_PROTOCOL);
    OPTION("listening", SOL_SOCKET, SO_ACCEPTCONN);
    OPTION("error", SOL_SOCKET, SO_ERROR);
    OPTION("nodelay", IPPROTO_TCP, TCP_NODELAY);
    CALL(getsockopt, "no such", getsockopt(pair[0], 250, 1, &value, &size));
    CALL(getsockopt, "bad address", getsockopt(pair[0], SOL_SOCKET, SO_TYPE, nowhere, &size));
    value = 1;
    CALL(setsockopt, "keep", setsockopt(pair[0], SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value)));
    CALL(setsockopt, "nodelay",
         setsockopt(pair[0], IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value)));
    CALL(setsockopt, "no such", setsockopt(pair[0], IPPROTO_TCP, 250, &value, sizeof(value)));
    CALL(setsockopt, "no socket",
         setsockopt(null, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value)));
    CALL(ioctl, "readable", ioctl(pair[1], FIONREAD, &count));
    CALL(ioctl, "no terminal", ioctl(pair[1], TIOCGWINSZ, room));
    CALL(ioctl, "no descriptor", ioctl(-1, FIONREAD, &count));
    close(null);
}

static void ends(void)
{
    OLD(FILE *, _IO_fdopen, (int, const char *));

    POINTER(fdopen, "a socket", fdopen(dup(pair[0]), "r+"));
    POINTER(fdopen, "no descriptor", fdopen(-1, "r"));
    POINTER(fdopen, "bad mode", fdopen(pair[0], "?"));
    POINTER(_IO_fdopen, "a socket", old_IO_fdopen(dup(pair[0]), "r+"));
    CALL(shutdown, "out", shutdown(pair[0], SHUT_WR));
    CALL(shutdown, "bad", shutdown(pair[0], 7));
    CALL(shutdown, "no descriptor", shutdown(-1, SHUT_WR));
    signal(SIGPIPE, SIG_IGN);
    CALL(write, "after the end", write(pair[0], "x", 1));
}

static int leaves(void (*how)(int))
{
    int status;
    pid_t child = fork();

    if (child == 0)
        how(7);
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 7 ? 0 : -1;
}

int main(void)
{
    int domain[] = {AF_INET, AF_UNIX};

    for (int i = 0; i < 2; i++) {
        connected(domain[i]);
        incoming();
        outgoing();
        waiting();
        names();
        ends();
    }
    CALL(_exit, "7", leaves(_exit));
    CALL(_Exit, "7", leaves(_Exit));
    return 0;
}
