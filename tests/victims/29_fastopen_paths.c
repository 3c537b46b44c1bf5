// flags: -I.
// calls> vary: whether data go with the first packet is the kernel's affair
// deny> sendto: 5, hello arrives
// deny> sendmsg: 5, hello arrives
// deny> sendmmsg: 5, hello arrives
// deny> option, connect and send: 5, hello arrives
// deny> not waiting: begun, hello arrives
// deny> denied by sendto: EACCES
// deny> denied by sendmsg: EACCES
// deny> denied by sendmmsg: EACCES
// deny> denied by the option: EACCES
// deny> connected already: EISCONN
// deny> without an address: EINVAL
/* TCP Fast Open, by each call that can ask for it; the data arrive, or nothing does. */
#include "tests/victims/victim.h"

#define FAST (MSG_FASTOPEN | MSG_NOSIGNAL)

static int server;
static struct sockaddr_in good, bad;

static int stream(int flags)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
}

static ssize_t by_sendto(int fd, struct sockaddr_in *to)
{
    return sendto(fd, "hello", 5, FAST, (struct sockaddr *)to, sizeof(*to));
}

static ssize_t by_sendmsg(int fd, struct sockaddr_in *to)
{
    struct iovec iov = {(char[]){"hello"}, 5};
    struct msghdr msg = {
        .msg_name = to, .msg_namelen = sizeof(*to), .msg_iov = &iov, .msg_iovlen = 1};

    return sendmsg(fd, &msg, FAST);
}

static ssize_t by_sendmmsg(int fd, struct sockaddr_in *to)
{
    struct iovec iov = {(char[]){"hello"}, 5};
    struct mmsghdr vec = {
        .msg_hdr = {.msg_name = to, .msg_namelen = sizeof(*to), .msg_iov = &iov, .msg_iovlen = 1}};

    return sendmmsg(fd, &vec, 1, FAST) == 1 ? (ssize_t)vec.msg_len : -1;
}

static ssize_t by_option(int fd, struct sockaddr_in *to)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on));
    if (connect(fd, (struct sockaddr *)to, sizeof(*to)))
        return -1;
    return send(fd, "hello", 5, MSG_NOSIGNAL);
}

/* What the server reads from the next connection. */
static const char *arrived(void)
{
    static char text[16];
    int end = accept(server, NULL, NULL);
    ssize_t len = recv(end, text, 5, MSG_WAITALL);

    text[len > 0 ? len : 0] = '\0';
    close(end);
    return text;
}

static void reaches(const char *what, ssize_t (*call)(int, struct sockaddr_in *))
{
    int fd = stream(0);
    ssize_t sent = call(fd, &good);

    printf("%s: %zd, %s arrives\n", what, sent, arrived());
    close(fd);
}

static void refused(const char *what, ssize_t (*call)(int, struct sockaddr_in *))
{
    int fd = stream(0);
    ssize_t sent = call(fd, &bad);

    say(what, sent);
    if (sent >= 0)
        arrived();
    close(fd);
}

int main(void)
{
    int port, queue = 16, fd;

    server = serve(SOCK_STREAM, &port);
    setsockopt(server, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof(queue));
    good = place("127.0.0.1", port), bad = place("127.0.0.2", port);
    reaches("sendto", by_sendto);
    reaches("sendmsg", by_sendmsg);
    reaches("sendmmsg", by_sendmmsg);
    reaches("option, connect and send", by_option);
    fd = stream(SOCK_NONBLOCK);
    if (by_sendto(fd, &good) < 0 && errno == EINPROGRESS) { /* without a cookie nothing was taken */
        struct pollfd pfd = {fd, POLLOUT, 0};

        poll(&pfd, 1, 10000);
        if (send(fd, "hello", 5, 0) != 5)
            die("send");
    }
    printf("not waiting: begun, %s arrives\n", arrived());
    close(fd);
    refused("denied by sendto", by_sendto);
    refused("denied by sendmsg", by_sendmsg);
    refused("denied by sendmmsg", by_sendmmsg);
    refused("denied by the option", by_option);
    fd = dial("127.0.0.1", port);
    say("connected already", by_sendto(fd, &good));
    close(fd);
    fd = stream(0);
    say("without an address", sendto(fd, "hello", 5, FAST, NULL, 0));
    close(fd);
    close(server);
    return 0;
}
