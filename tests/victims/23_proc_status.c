// flags: -I.
/* One thread, the masks it had, no handlers, no locked memory: the house is as it was. */
#include "tests/victims/victim.h"

#include <sys/stat.h>

static void show(const char *when)
{
    static const char *const wanted[] = {"Threads:", "SigPnd:", "SigBlk:", "SigIgn:",    "SigCgt:",
                                         "VmLck:",   "Uid:",    "CapEff:", "NoNewPrivs:"};
    char line[256];
    FILE *status = fopen("/proc/self/status", "re");

    printf("%s\n", when);
    while (fgets(line, sizeof(line), status))
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
            if (strncmp(line, wanted[i], strlen(wanted[i])) == 0)
                printf("  %s", line);
    fclose(status);
}

int main(void)
{
    int port, server;

    show("start");
    server = serve(SOCK_STREAM, &port);
    try_dial("connect", "127.0.0.1", port);
    show("end");
    printf("umask %o\n", umask(022));
    close(server);
    return 0;
}
