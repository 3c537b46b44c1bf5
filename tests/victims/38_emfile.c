// flags: -I.
// stateless> it has no descriptor left to tell with
/* No descriptor is left, for the program or for anybody inside it. */
#include "tests/victims/victim.h"

#include <sys/resource.h>

int main(void)
{
    struct rlimit limit = {32, 32};
    int port, server = serve(SOCK_STREAM, &port), fd = socket(AF_INET, SOCK_STREAM, 0), last = 0;
    struct sockaddr_in in = place("127.0.0.1", port);

    if (setrlimit(RLIMIT_NOFILE, &limit))
        die("setrlimit");
    while (last >= 0)
        last = open("/dev/null", O_RDONLY);
    say("open", last);
    say("connect", connect(fd, (struct sockaddr *)&in, sizeof(in)));
    say("accept", accept(server, NULL, NULL));
    close(20);
    say("accept with one free", accept(server, NULL, NULL));
    close(21);
    try_dial("another", "127.0.0.1", port);
    return 0;
}
