// flags: -I.
// deny> accept from 127.0.0.3: ECONNABORTED
// deny> its client sees the end: ok
// deny> accept from 127.0.0.1: ok
/* A connection that may not come in is gone before the program sees it; the next one is served. */
#include "tests/victims/victim.h"

static int dial_from(const char *ip, int port)
{
    struct sockaddr_in from = place(ip, 0), to = place("127.0.0.1", port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(fd, (struct sockaddr *)&from, sizeof(from)) ||
        connect(fd, (struct sockaddr *)&to, sizeof(to)))
        die("dial_from");
    return fd;
}

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port), client = dial_from("127.0.0.3", port), fd;
    char c;

    fd = accept(server, NULL, NULL);
    say("accept from 127.0.0.3", fd);
    if (fd >= 0)
        close(fd);
    errno = 0;
    say("its client sees the end", read(client, &c, 1) == 0 || errno == ECONNRESET ? 0 : -1);
    close(client);
    client = dial_from("127.0.0.1", port);
    fd = accept(server, NULL, NULL);
    say("accept from 127.0.0.1", fd);
    close(fd);
    close(client);
    close(server);
    return 0;
}
