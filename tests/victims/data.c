// flags: -I.
// steered> by 24_system_calls.sh
/*
 * Connections and data, as often as it is told: data CONNECTIONS EXCHANGES. Each connection is
 * made, accepted and closed, and carries data both ways by eight calls.
 */
#include "tests/victims/victim.h"

#include <sys/uio.h>

static void exchange(int from, int to)
{
    struct iovec iov = {(char[]){"x"}, 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    char buf[8];

    if (write(from, "x", 1) != 1 || send(from, "x", 1, 0) != 1 || writev(from, &iov, 1) != 1 ||
        recv(to, buf, 3, MSG_WAITALL) != 3)
        die("exchange");
    if (write(from, "x", 1) != 1 || read(to, buf, 1) != 1 || write(from, "x", 1) != 1 ||
        recvmsg(to, &msg, 0) != 1)
        die("exchange");
}

int main(int argc, char **argv)
{
    int port, server = serve(SOCK_STREAM, &port), connections = argc > 1 ? atoi(argv[1]) : 1;
    int exchanges = argc > 2 ? atoi(argv[2]) : 1, on = 1;

    for (int i = 0; i < connections; i++) {
        int fd = dial("127.0.0.1", port), end = accept(server, NULL, NULL);

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        for (int j = 0; j < exchanges; j++)
            exchange(fd, end), exchange(end, fd);
        close(fd);
        close(end);
    }
    return 0;
}
