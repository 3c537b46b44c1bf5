// flags: -I.
// steered> by 05_daemon.sh
/*
 * Does what it is told on stdin, one line at a time: an address to connect to, or "resolve". It
 * connects to a server of its own, or, with a port as argument, to that.
 */
#include "tests/victims/victim.h"

#include <netdb.h>
#include <time.h>

/* Far over any deadline of policyd's, far under a hang. */
#define LATE_SECONDS 3

static void resolve(void)
{
    struct addrinfo *list = NULL;
    int err = getaddrinfo("localhost", NULL, NULL, &list);

    printf("%s\n", err == EAI_FAIL ? "EAI_FAIL" : err ? gai_strerror(err) : "ok");
    if (!err)
        freeaddrinfo(list);
}

static void reach(const char *ip, int port)
{
    struct timespec from, to;
    int fd;

    clock_gettime(CLOCK_MONOTONIC, &from);
    fd = dial(ip, port);
    clock_gettime(CLOCK_MONOTONIC, &to);
    printf("%s%s\n", fd < 0 ? strerrorname_np(errno) : "ok",
           to.tv_sec - from.tv_sec > LATE_SECONDS ? " late" : "");
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    char line[128];
    int port = argc > 1 ? atoi(argv[1]) : 0, server = port ? -1 : serve(SOCK_STREAM, &port);

    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "resolve") == 0)
            resolve();
        else
            reach(line, port);
        fflush(stdout);
        if (server < 0)
            continue;
        fcntl(server, F_SETFL, O_NONBLOCK);
        close(accept(server, NULL, NULL));
    }
    return 0;
}
