// flags: -I.
/* EINPROGRESS, poll, SO_ERROR; and the same to a port where nobody listens. */
#include "tests/victims/victim.h"

static void try_one(const char *what, int port)
{
    struct sockaddr_in in = place("127.0.0.1", port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), error = -1;
    socklen_t len = sizeof(error);
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};

    say(what, connect(fd, (struct sockaddr *)&in, sizeof(in)));
    say("again", connect(fd, (struct sockaddr *)&in, sizeof(in)));
    printf("poll: %d\n", poll(&pfd, 1, 10000));
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    printf("SO_ERROR: %s\n", error ? strerrorname_np(error) : "none");
    close(fd);
}

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port);

    try_one("connect", port);
    close(server);
    try_one("connect to nobody", port);
    return 0;
}
