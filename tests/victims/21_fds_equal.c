// flags: -I.
/* The descriptors below 100 are the program's own, before and after it connects. */
#include "tests/victims/victim.h"

#include <dirent.h>

static void list(const char *when)
{
    DIR *dir = opendir("/proc/self/fd");
    bool have[100] = {false};
    struct dirent *entry;

    while ((entry = readdir(dir))) {
        int fd = atoi(entry->d_name);

        if (entry->d_name[0] != '.' && fd < 100 && fd != dirfd(dir))
            have[fd] = true;
    }
    printf("%s:", when);
    for (int fd = 0; fd < 100; fd++)
        if (have[fd])
            printf(" %d", fd);
    printf(" next %d\n", dirfd(dir));
    closedir(dir);
}

int main(void)
{
    int port, server;

    list("start");
    server = serve(SOCK_STREAM, &port);
    try_dial("connect", "127.0.0.1", port);
    list("with a server");
    close(server);
    list("end");
    return 0;
}
