// flags: -I.
// deny> daemon: ok
// deny> connect: ok
// deny> denied: EACCES
// deny> covered as its parent: yes
// deny> double fork: ok
// deny> connect: ok
// deny> denied: EACCES
// deny> covered as its parent: yes
// calls> vary: they are its children's
/* daemon(3), and the double fork that programs write themselves: what is left over is governed. */
#include "tests/victims/victim.h"

#include <sys/stat.h>

static bool parent_covered;

/* The daemon's report, by the pipe that its starter reads to the end. */
static void report(int out, int port)
{
    int fd = dial("127.0.0.1", port);

    dprintf(out, "connect: %s\n", fd < 0 ? strerrorname_np(errno) : "ok");
    close(fd);
    fd = dial("127.0.0.2", port);
    dprintf(out, "denied: %s\n", fd < 0 ? strerrorname_np(errno) : "ok");
    dprintf(out, "covered as its parent: %s\n", covered() == parent_covered ? "yes" : "no");
    _exit(0);
}

static int by_daemon(void)
{
    return daemon(0, 0);
}

/* As in the books: leave the session, leave the folder, close everything, stand on /dev/null. */
static int by_hand(void)
{
    if (fork() > 0)
        _exit(0);
    setsid();
    if (fork() > 0)
        _exit(0);
    umask(0);
    if (chdir("/"))
        return -1;
    for (int fd = 0; fd < 256; fd++)
        if (fd != 200)
            close(fd);
    return open("/dev/null", O_RDWR) == 0 && dup(0) == 1 && dup(0) == 2 ? 0 : -1;
}

static void start(const char *what, int (*become)(void), int port)
{
    int ends[2], status;
    char text[256];
    ssize_t got;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC))
        die("pipe2");
    pid = fork();
    if (pid == 0) {
        dup2(ends[1], 200);
        close(ends[1]);
        if (become() == 0)
            report(200, port);
        _exit(1);
    }
    close(ends[1]);
    waitpid(pid, &status, 0);
    say(what, status ? -1 : 0);
    while ((got = read(ends[0], text, sizeof(text))) > 0)
        fwrite(text, 1, (size_t)got, stdout);
    close(ends[0]);
}

int main(void)
{
    int port;

    parent_covered = covered();
    serve(SOCK_STREAM, &port);
    start("daemon", by_daemon, port);
    start("double fork", by_hand, port);
    return 0;
}
