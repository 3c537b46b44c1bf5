// flags: -I.
// deny> sendto: ok
// deny> sendto, denied: EACCES
// deny> sendmsg, denied: EACCES
// deny> option, denied: EACCES
/* MSG_FASTOPEN connects by sending. */
#include "tests/victims/victim.h"

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port), on = 1, fd;
    struct sockaddr_in good = place("127.0.0.1", port), bad = place("127.0.0.2", port);
    struct iovec iov = {"x", 1};
    struct msghdr msg = {
        .msg_name = &bad, .msg_namelen = sizeof(bad), .msg_iov = &iov, .msg_iovlen = 1};

    fd = socket(AF_INET, SOCK_STREAM, 0);
    say("sendto", sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&good, sizeof(good)));
    fd = socket(AF_INET, SOCK_STREAM, 0);
    say("sendto, denied", sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&bad, sizeof(bad)));
    fd = socket(AF_INET, SOCK_STREAM, 0);
    say("sendmsg, denied", sendmsg(fd, &msg, MSG_FASTOPEN));
    fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on));
    say("option, denied", connect(fd, (struct sockaddr *)&bad, sizeof(bad)));
    close(server);
    return 0;
}
