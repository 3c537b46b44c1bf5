// flags: -I.
/* What sends and receives say when they do less than they were asked, or nothing. */
#include "tests/victims/victim.h"

#include <sys/uio.h>

static char big[1 << 22];

static void count(const char *what, ssize_t result)
{
    if (result < 0)
        printf("%s: %s\n", what, strerrorname_np(errno));
    else
        printf("%s: %zd\n", what, result);
}

/* A pair whose buffers are so small that a large send cannot be done at once. */
static void connected(int ends[2])
{
    int port, server = serve(SOCK_STREAM, &port), small = 4096;
    struct sockaddr_in in = place("127.0.0.1", port);

    setsockopt(server, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    if (connect(ends[0], (struct sockaddr *)&in, sizeof(in)))
        die("connect");
    ends[1] = accept(server, NULL, NULL);
    close(server);
}

/* Sends until nothing fits, by each call in turn; all that was said to be sent arrives. */
static void fill(int ends[2])
{
    struct iovec iov[2] = {{big, 1000}, {big, 3000}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    struct mmsghdr vec[2] = {{.msg_hdr = msg}, {.msg_hdr = msg}};
    size_t sent = 0, got = 0;
    ssize_t n = 0;

    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    for (int turn = 0; n >= 0; turn++) {
        switch (turn % 5) {
        case 0:
            n = send(ends[0], big, 5000, MSG_NOSIGNAL);
            break;
        case 1:
            n = sendto(ends[0], big, 5000, MSG_NOSIGNAL, NULL, 0);
            break;
        case 2:
            n = sendmsg(ends[0], &msg, MSG_NOSIGNAL);
            break;
        case 3:
            n = sendmmsg(ends[0], vec, 2, MSG_NOSIGNAL);
            if (n > 0)
                n = (ssize_t)vec[0].msg_len + (n > 1 ? (ssize_t)vec[1].msg_len : 0);
            break;
        case 4:
            n = writev(ends[0], iov, 2);
            break;
        }
        sent += n > 0 ? (size_t)n : 0;
    }
    count("full", n);
    shutdown(ends[0], SHUT_WR);
    while ((n = recv(ends[1], big, sizeof(big), 0)) > 0)
        got += (size_t)n;
    printf("all that was sent arrived: %s\n", got == sent && sent > 0 ? "yes" : "no");
    count("end", n);
}

static void datagrams(void)
{
    int port, in = serve(SOCK_DGRAM, &port), out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = place("127.0.0.1", port);
    struct sockaddr *sa = (struct sockaddr *)&to;
    struct iovec iov = {big, 4};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    char buf[16];

    count("send without a destination", send(out, "x", 1, 0));
    count("empty datagram", sendto(out, "", 0, 0, sa, sizeof(to)));
    count("received", recv(in, buf, sizeof(buf), 0));
    count("datagram", sendto(out, "0123456789", 10, 0, sa, sizeof(to)));
    count("cut", recv(in, buf, 4, MSG_TRUNC));
    count("another", sendto(out, "0123456789", 10, 0, sa, sizeof(to)));
    count("cut by recvmsg", recvmsg(in, &msg, 0));
    printf("flag: %s\n", msg.msg_flags & MSG_TRUNC ? "MSG_TRUNC" : "none");
    count("too large", sendto(out, big, 70000, 0, sa, sizeof(to)));
    count("nothing there", recv(in, buf, sizeof(buf), MSG_DONTWAIT));
    count("to port 0", sendto(out, "x", 1, 0,
                              (struct sockaddr *)&(struct sockaddr_in){
                                  .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
                              sizeof(to)));
    count("short address", sendto(out, "x", 1, 0, sa, 3));
    count("broadcast", sendto(out, "x", 1, 0,
                              (struct sockaddr *)&(struct sockaddr_in){.sin_family = AF_INET,
                                                                       .sin_port = htons(9),
                                                                       .sin_addr.s_addr =
                                                                           htonl(INADDR_BROADCAST)},
                              sizeof(to)));
}

int main(void)
{
    int ends[2];

    connected(ends);
    count("nothing", send(ends[0], "", 0, 0));
    count("a byte", send(ends[0], "x", 1, 0));
    count("looked at", recv(ends[1], big, 10, MSG_PEEK));
    count("read", recv(ends[1], big, 10, 0));
    count("urgent", send(ends[0], "u", 1, MSG_OOB));
    count("urgent read", recv(ends[1], big, 1, MSG_OOB));
    fill(ends);
    count("after shutdown", send(ends[0], "x", 1, MSG_NOSIGNAL));
    count("not connected",
          send(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "x", 1, MSG_NOSIGNAL));
    datagrams();
    return 0;
}
