// flags: -I.
// deny> first number: 0
// deny> connect: ok
// deny> denied: EACCES
// deny> second number: 0
// deny> none at start: ok
// deny> first number: 0
// deny> connect: ok
// deny> denied: EACCES
// deny> second number: 0
// deny> with 0 and 2 closed: ok
// deny> first number: 1
// deny> connect: ok
// deny> denied: EACCES
// deny> second number: 1
// deny> with 1 closed: ok
// calls> vary: they are its children's
/*
 * Programs that are started without some of the standard descriptors, as bad daemons start theirs:
 * the lowest free number is the program's, before a connect and after it.
 */
#include "tests/victims/victim.h"

/* Runs in the executed program; says by a descriptor of its own. */
static int started(int port, int out)
{
    int fd = dup(out), first = fd;

    close(fd);
    dprintf(out, "first number: %d\n", first);
    fd = dial("127.0.0.1", port);
    dprintf(out, "connect: %s\n", fd < 0 ? strerrorname_np(errno) : "ok");
    close(fd);
    fd = dial("127.0.0.2", port);
    dprintf(out, "denied: %s\n", fd < 0 ? strerrorname_np(errno) : "ok");
    if (fd >= 0)
        close(fd);
    fd = dup(out);
    dprintf(out, "second number: %d\n", fd);
    return 0;
}

static void start(const char *what, const int *closed, int port)
{
    char number[16];
    int status, out = fcntl(1, F_DUPFD, 100);
    pid_t pid = fork();

    if (pid == 0) {
        for (; *closed >= 0; closed++)
            close(*closed);
        snprintf(number, sizeof(number), "%d", port);
        execl("/proc/self/exe", "37_closed_start", number, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    close(out);
    say(what, status ? -1 : 0);
}

int main(int argc, char **argv)
{
    static const int all[] = {0, 1, 2, -1}, outer[] = {0, 2, -1}, middle[] = {1, -1};
    int port;

    if (argc > 1)
        return started(atoi(argv[1]), 100);
    serve(SOCK_STREAM, &port);
    start("none at start", all, port);
    start("with 0 and 2 closed", outer, port);
    start("with 1 closed", middle, port);
    return 0;
}
