// flags: -I.
/* What a program set on a socket before it connected is there afterwards, and so is its number. */
#include "tests/victims/victim.h"

#include <sys/stat.h>

static void show(const char *what, int fd)
{
    struct linger linger = {0};
    struct timeval wait = {0};
    int nodelay = -1, keep = -1;
    socklen_t len = sizeof(linger);

    getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len);
    len = sizeof(wait);
    getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, &len);
    len = sizeof(nodelay);
    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &len);
    getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &keep, &len);
    printf("%s: %d, flags %#x %#x, linger %d %d, nodelay %d, keepalive %d, timeout %ld.%06ld\n",
           what, fd, fcntl(fd, F_GETFD), fcntl(fd, F_GETFL), linger.l_onoff, linger.l_linger,
           nodelay, keep, (long)wait.tv_sec, (long)wait.tv_usec);
}

static void connects(const char *what, int flags, const char *ip, int port)
{
    struct sockaddr_in in = place(ip, port);
    struct linger linger = {1, 3};
    struct timeval wait = {9, 500000};
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0), on = 1, result;
    struct stat before, after;
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC);
    fstat(fd, &before);
    show(what, fd);
    result = connect(fd, (struct sockaddr *)&in, sizeof(in));
    say("connect", result);
    if (result && errno == EINPROGRESS)
        printf("poll: %d\n", poll(&pfd, 1, 10000));
    show(what, fd);
    fstat(fd, &after);
    printf("the same socket: %s\n", before.st_ino == after.st_ino ? "yes" : "no");
    linger = (struct linger){1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(fd);
}

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port);

    connects("plain", 0, "127.0.0.1", port);
    connects("close-on-exec", SOCK_CLOEXEC, "127.0.0.1", port);
    connects("non-blocking", SOCK_NONBLOCK, "127.0.0.1", port);
    connects("both", SOCK_NONBLOCK | SOCK_CLOEXEC, "127.0.0.1", port);
    close(server);
    connects("nobody there", 0, "127.0.0.1", port);
    connects("nobody there, non-blocking", SOCK_NONBLOCK, "127.0.0.1", port);
    return 0;
}
