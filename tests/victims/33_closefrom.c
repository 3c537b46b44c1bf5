// flags: -I.
// deny> before: ok
// deny> closed: yes
// deny> next descriptor: 3
// deny> after: ok
// deny> denied: EACCES
/* closefrom(3), then work on. */
#include "tests/victims/victim.h"

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port);

    try_dial("before", "127.0.0.1", port);
    closefrom(3);
    printf("closed: %s\n", fcntl(server, F_GETFD) < 0 ? "yes" : "no");
    server = serve(SOCK_STREAM, &port);
    printf("next descriptor: %d\n", server);
    try_dial("after", "127.0.0.1", port);
    try_dial("denied", "127.0.0.2", port);
    close(server);
    return 0;
}
