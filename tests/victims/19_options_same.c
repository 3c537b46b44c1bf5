// flags: -I.
/* Every socket option that a program can ask for, and all addresses, on each kind of socket. */
#include "tests/victims/victim.h"

#include <netinet/ip.h>

static const struct {
    int level, name;
    const char *text;
} options[] = {
#define OPTION(level, name)                                                                        \
    {                                                                                              \
        level, name, #name                                                                         \
    }
    OPTION(SOL_SOCKET, SO_ACCEPTCONN),   OPTION(SOL_SOCKET, SO_BROADCAST),
    OPTION(SOL_SOCKET, SO_DOMAIN),       OPTION(SOL_SOCKET, SO_DONTROUTE),
    OPTION(SOL_SOCKET, SO_ERROR),        OPTION(SOL_SOCKET, SO_INCOMING_NAPI_ID),
    OPTION(SOL_SOCKET, SO_KEEPALIVE),    OPTION(SOL_SOCKET, SO_LINGER),
    OPTION(SOL_SOCKET, SO_MARK),         OPTION(SOL_SOCKET, SO_OOBINLINE),
    OPTION(SOL_SOCKET, SO_PRIORITY),     OPTION(SOL_SOCKET, SO_PROTOCOL),
    OPTION(SOL_SOCKET, SO_RCVBUF),       OPTION(SOL_SOCKET, SO_RCVLOWAT),
    OPTION(SOL_SOCKET, SO_RCVTIMEO),     OPTION(SOL_SOCKET, SO_REUSEADDR),
    OPTION(SOL_SOCKET, SO_REUSEPORT),    OPTION(SOL_SOCKET, SO_SNDBUF),
    OPTION(SOL_SOCKET, SO_SNDTIMEO),     OPTION(SOL_SOCKET, SO_TIMESTAMP),
    OPTION(SOL_SOCKET, SO_TYPE),         OPTION(IPPROTO_IP, IP_TOS),
    OPTION(IPPROTO_IP, IP_TTL),          OPTION(IPPROTO_IP, IP_RECVERR),
    OPTION(IPPROTO_IP, IP_FREEBIND),     OPTION(IPPROTO_TCP, TCP_NODELAY),
    OPTION(IPPROTO_TCP, TCP_CORK),       OPTION(IPPROTO_TCP, TCP_DEFER_ACCEPT),
    OPTION(IPPROTO_TCP, TCP_KEEPIDLE),   OPTION(IPPROTO_TCP, TCP_KEEPINTVL),
    OPTION(IPPROTO_TCP, TCP_LINGER2),    OPTION(IPPROTO_TCP, TCP_MAXSEG),
    OPTION(IPPROTO_TCP, TCP_QUICKACK),   OPTION(IPPROTO_TCP, TCP_SYNCNT),
    OPTION(IPPROTO_TCP, TCP_FASTOPEN),   OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT),
    OPTION(IPPROTO_TCP, TCP_CONGESTION), OPTION(IPPROTO_TCP, TCP_FASTOPEN_CONNECT),
};

static void show(const char *what, int fd)
{
    printf("%s:", what);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        unsigned char value[64] = {0};
        socklen_t len = sizeof(value);

        if (getsockopt(fd, options[i].level, options[i].name, value, &len)) {
            printf(" %s=%s", options[i].text, strerrorname_np(errno));
            continue;
        }
        printf(" %s=", options[i].text);
        for (socklen_t at = 0; at < len; at++)
            printf("%02x", value[at]);
    }
    printf("\n");
}

static void show_unix(const char *what, int (*name)(int, struct sockaddr *, socklen_t *), int fd)
{
    struct sockaddr_un un = {0};
    socklen_t len = sizeof(un);

    if (name(fd, (struct sockaddr *)&un, &len))
        printf("%s: %s\n", what, strerrorname_np(errno));
    else
        printf("%s: %u \"%s\"\n", what, len, un.sun_path);
}

static char folder[] = "/tmp/pillion-victim-XXXXXX";

/* A path is what the program bound, relative or not, and so is the peer's. */
static void by_path(void)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "short"};
    socklen_t len = offsetof(struct sockaddr_un, sun_path) + sizeof("short");
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), end;

    if (!mkdtemp(folder) || chdir(folder))
        die("mkdtemp");
    say("bind", bind(server, (struct sockaddr *)&un, len));
    show_unix("bound", getsockname, server);
    say("listen", listen(server, 1));
    say("connect", connect(fd, (struct sockaddr *)&un, len));
    end = accept(server, NULL, NULL);
    show_unix("peer", getpeername, fd);
    show_unix("accepted", getsockname, end);
    show_unix("client", getpeername, end);
    unlink("short");
    if (chdir("/") || rmdir(folder))
        die("rmdir");
}

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port), fd = dial("127.0.0.1", port);
    int end = accept(server, NULL, NULL), udp = serve(SOCK_DGRAM, &port), on = 1;
    struct linger linger = {1, 7};
    struct timeval wait = {5, 250000};

    show("listening", server);
    show("connected", fd);
    show("accepted", end);
    show("datagrams", udp);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int[]){77}, sizeof(int));
    show("set", fd);
    by_path();
    return 0;
}
