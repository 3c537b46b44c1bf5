// flags: -I.
/* The connection is the program's own: addresses, flags and options are what it set. */
#include "tests/victims/victim.h"

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port), fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in in = place("127.0.0.1", port), own = {0}, peer = {0}, seen = {0};
    socklen_t len = sizeof(own);
    int end, value = 0;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    say("connect", connect(fd, (struct sockaddr *)&in, sizeof(in)));
    end = accept(server, (struct sockaddr *)&seen, &len);
    len = sizeof(own);
    say("getsockname", getsockname(fd, (struct sockaddr *)&own, &len));
    say("getpeername", getpeername(fd, (struct sockaddr *)&peer, &len));
    printf("peer is the server: %d\n", memcmp(&peer, &in, sizeof(in)) == 0);
    printf("server sees us: %d\n", memcmp(&seen, &own, sizeof(own)) == 0);
    printf("flags: %d %d %d %d\n", fcntl(fd, F_GETFD), fcntl(fd, F_GETFL), fcntl(end, F_GETFD),
           fcntl(end, F_GETFL));
    len = sizeof(value);
    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len);
    printf("no delay: %d\n", value);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &len);
    printf("error: %d\n", value);
    return 0;
}
