// flags: -I.
// deny> allowed: ok
// deny> blocking: EACCES
// deny> non-blocking: EACCES
// deny> mapped: EACCES
// deny> the same socket elsewhere: ok
// deny> allowed again: ok
/* Denied connects fail with the policy's errno, and leave the socket as it was. */
#include "tests/victims/victim.h"

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port), fd;
    struct sockaddr_in in = place("127.0.0.2", port), good = place("127.0.0.1", port);
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    int result;

    try_dial("allowed", "127.0.0.1", port);
    try_dial("blocking", "127.0.0.2", port);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    result = connect(fd, (struct sockaddr *)&in, sizeof(in));
    say("non-blocking", result && errno == EINPROGRESS ? 0 : result);
    close(fd);
    fd = socket(AF_INET6, SOCK_STREAM, 0);
    inet_pton(AF_INET6, "::ffff:127.0.0.2", &in6.sin6_addr);
    say("mapped", connect(fd, (struct sockaddr *)&in6, sizeof(in6)));
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0) {
        struct sockaddr none = {.sa_family = AF_UNSPEC};

        connect(fd, &none, sizeof(none)); /* natively it is connected: undo that */
    }
    say("the same socket elsewhere", connect(fd, (struct sockaddr *)&good, sizeof(good)));
    close(fd);
    try_dial("allowed again", "127.0.0.1", port);
    close(server);
    return 0;
}
