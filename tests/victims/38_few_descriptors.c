// flags: -I.
// deny> with one left: ok
// deny> and denied: EACCES
// deny> with none left: EMFILE
// deny> a socket of before: ok
// deny> a denied socket of before: EACCES
// deny> accept: EMFILE
// deny> resolve: 0
// deny> one again: ok
/*
 * `ulimit -n 8`: eight descriptors, all of them in use but one, then none. Calls fail as they fail
 * without Pillion, and verdicts come by a link that was there before.
 */
#include "tests/victims/victim.h"

#include <netdb.h>
#include <sys/resource.h>

static void say_connect(const char *what, int fd, const char *ip, int port)
{
    struct sockaddr_in in = place(ip, port);

    say(what, connect(fd, (struct sockaddr *)&in, sizeof(in)));
}

static int fill(int *fds)
{
    int count = 0;

    while ((fds[count] = dup(2)) >= 0)
        count++;
    return count;
}

int main(void)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *list = NULL;
    struct rlimit eight = {8, 8};
    int port, server, a, b, fds[16], count;

    closefrom(3);
    server = serve(SOCK_STREAM, &port);
    close(dial("127.0.0.1", port)); /* and policyd is known */
    a = socket(AF_INET, SOCK_STREAM, 0);
    b = socket(AF_INET, SOCK_STREAM, 0);
    if (setrlimit(RLIMIT_NOFILE, &eight))
        die("setrlimit");
    fds[0] = dup(2);
    try_dial("with one left", "127.0.0.1", port);
    try_dial("and denied", "127.0.0.2", port);
    close(fds[0]);
    count = fill(fds);
    say("with none left", dial("127.0.0.1", port));
    say_connect("a socket of before", a, "127.0.0.4", port);
    say_connect("a denied socket of before", b, "127.0.0.2", port);
    say("accept", accept(server, NULL, NULL));
    printf("resolve: %d\n", getaddrinfo("127.0.0.1", NULL, &hints, &list));
    freeaddrinfo(list);
    while (count-- > 0)
        close(fds[count]);
    try_dial("one again", "127.0.0.1", port);
    return 0;
}
