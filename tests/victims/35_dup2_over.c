// flags: -I.
/* dup2 and dup3 onto every descriptor from 3 to 1000, whoever has it. */
#include "tests/victims/victim.h"

int main(void)
{
    int null = open("/dev/null", O_RDONLY), port, server, good = 0;

    server = serve(SOCK_STREAM, &port);
    try_dial("before", "127.0.0.1", port);
    for (int fd = 3; fd <= 1000; fd++)
        if (fd != null && fd != server)
            good += (fd % 2 ? dup2(null, fd) : dup3(null, fd, O_CLOEXEC)) == fd;
    printf("good: %d\n", good);
    try_dial("after", "127.0.0.1", port);
    for (int fd = 3; fd <= 1000; fd++) {
        char c;

        if (fd != server && read(fd, &c, 1) != 0)
            printf("descriptor %d is not what it was made\n", fd);
    }
    return 0;
}
