// flags: -I.
/* What succeeds leaves errno alone. */
#include "tests/victims/victim.h"

#define KEPT(call)                                                                                 \
    do {                                                                                           \
        errno = 4711;                                                                              \
        if ((long)(call) < 0)                                                                      \
            printf("%s failed: %s\n", #call, strerrorname_np(errno));                              \
        else if (errno != 4711)                                                                    \
            printf("%s changed errno to %d\n", #call, errno);                                      \
    } while (0)

int main(void)
{
    struct sockaddr_in any = place("127.0.0.1", 0), in;
    socklen_t len = sizeof(in);
    int server = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0), fd, copy;
    struct iovec iov = {"x", 1};
    struct msghdr msg = {
        .msg_name = &in, .msg_namelen = sizeof(in), .msg_iov = &iov, .msg_iovlen = 1};
    struct mmsghdr vec = {.msg_hdr = msg};

    KEPT(bind(server, (struct sockaddr *)&any, sizeof(any)));
    KEPT(listen(server, 8));
    getsockname(server, (struct sockaddr *)&in, &len);
    for (int i = 0; i < 2; i++) { /* the second time everything is cached */
        fd = socket(AF_INET, SOCK_STREAM, 0);
        KEPT(connect(fd, (struct sockaddr *)&in, sizeof(in)));
        KEPT(copy = i ? accept(server, NULL, NULL) : accept4(server, NULL, NULL, SOCK_CLOEXEC));
        KEPT(close(copy));
        KEPT(copy = dup(fd));
        KEPT(dup2(fd, copy));
        KEPT(dup3(fd, copy, O_CLOEXEC));
        KEPT(fcntl(fd, F_DUPFD, 50));
        KEPT(fcntl(fd, F_GETFL));
        KEPT(close(fd));
    }
    KEPT(bind(udp, (struct sockaddr *)&any, sizeof(any)));
    len = sizeof(in);
    getsockname(udp, (struct sockaddr *)&in, &len);
    KEPT(sendto(udp, "x", 1, 0, (struct sockaddr *)&in, sizeof(in)));
    KEPT(sendmsg(udp, &msg, 0));
    KEPT(sendmmsg(udp, &vec, 1, 0));
    KEPT(close_range(100, 200, 0));
    closefrom(100);
    puts("done");
    return 0;
}
