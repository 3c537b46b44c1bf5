// flags: -I.
/* Started with 0, 1 and 2 closed, the first open gives 0: nothing of ours may sit there. */
#include "tests/victims/victim.h"

int main(int argc, char **argv)
{
    char *const args[] = {argv[0], "again", NULL};
    int port, first, server;

    if (argc == 1) {
        if (dup2(1, 9) != 9)
            die("dup2");
        closefrom(10);
        for (int fd = 0; fd < 9; fd++)
            close(fd);
        execv("/proc/self/exe", args);
        _exit(9);
    }
    first = open("/dev/null", O_RDWR);
    dprintf(9, "first: %d\n", first);
    server = serve(SOCK_STREAM, &port);
    dprintf(9, "second: %d\n", server);
    first = dial("127.0.0.1", port);
    dprintf(9, "third: %d\n", first);
    return 0;
}
