// flags: -I.
// calls> vary: strace would see two million calls
// deny> before: ok
// deny> closed: 3
// deny> after: ok
// deny> denied: EACCES
// deny> and backwards: 3
// deny> after that: ok
// deny> denied after that: EACCES
/* Old daemons close every number that there may be: 2^20 of them, where the limit allows. */
#include "tests/victims/victim.h"

#include <sys/resource.h>

#define NUMBERS (1 << 20)

static int close_one(int fd, int keep)
{
    return fd != keep && close(fd) == 0;
}

static int up(int keep)
{
    int closed = 0;

    for (int fd = 3; fd < NUMBERS; fd++)
        closed += close_one(fd, keep);
    return closed;
}

static int down(int keep)
{
    int closed = 0;

    for (int fd = NUMBERS - 1; fd >= 3; fd--)
        closed += close_one(fd, keep);
    return closed;
}

/* Three of the program's own, one of them as high as may be. */
static void open_three(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    if (dup(2) < 0 || dup(2) < 0 || dup2(2, (int)limit.rlim_cur - 1) < 0)
        die("dup");
}

int main(void)
{
    struct rlimit limit = {NUMBERS, NUMBERS};
    int port, server;

    if (setrlimit(RLIMIT_NOFILE, &limit)) { /* not everybody may have so many */
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    closefrom(3); /* whatever was inherited */
    server = serve(SOCK_STREAM, &port);
    try_dial("before", "127.0.0.1", port);
    open_three();
    printf("closed: %d\n", up(server));
    try_dial("after", "127.0.0.1", port);
    try_dial("denied", "127.0.0.2", port);
    open_three();
    printf("and backwards: %d\n", down(server));
    try_dial("after that", "127.0.0.1", port);
    try_dial("denied after that", "127.0.0.2", port);
    return 0;
}
