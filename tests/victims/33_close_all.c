// flags: -I.
/* The daemon's habit: close everything from 3 on, one by one, twice; then go on working. */
#include "tests/victims/victim.h"

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port), closed = 0;

    try_dial("before", "127.0.0.1", port);
    for (int fd = 3; fd < 1024; fd++)
        closed += close(fd) == 0;
    printf("closed: %d\n", closed);
    for (int fd = 3; fd < 1024; fd++)
        closed += close(fd) == 0;
    printf("closed: %d\n", closed);
    server = serve(SOCK_STREAM, &port);
    printf("next descriptor: %d\n", server);
    try_dial("after", "127.0.0.1", port);
    close(server);
    return 0;
}
