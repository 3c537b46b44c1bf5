// flags: -I.
// deny> dup: EACCES, then ok
// deny> dup2: EACCES, then ok
// deny> dup3: EACCES, then ok
// deny> F_DUPFD: EACCES, then ok
// deny> F_DUPFD_CLOEXEC: EACCES, then ok
// deny> pidfd: EACCES, then ok
// deny> cloexec: 0 0 1 0 1
// deny> fdopen: hello
// deny> onto every number: ok
// deny> then: ok
// deny> denied then: EACCES
/*
 * A copy of a descriptor is judged as the descriptor: a socket that was copied in every way there
 * is reaches what the policy allows, and nothing else, through each copy. And copies onto every
 * number, ours among them, leave a working program.
 */
#include "tests/victims/victim.h"

#include <sys/syscall.h>

static int port, flags[6], made;

static void through(const char *how, int original, int copy)
{
    struct sockaddr_in denied = place("127.0.0.2", port), allowed = place("127.0.0.1", port);
    int first = connect(copy, (struct sockaddr *)&denied, sizeof(denied));
    const char *said = first ? strerrorname_np(errno) : "ok";

    /* What went through before cannot connect again: it is put back to where it was. */
    if (first == 0)
        connect(copy, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr));
    printf("%s: %s", how, said);
    printf(", then %s\n", connect(copy, (struct sockaddr *)&allowed, sizeof(allowed))
                              ? strerrorname_np(errno)
                              : "ok");
    fflush(stdout);
    flags[made++] = fcntl(copy, F_GETFD);
    close(copy);
    close(original);
}

static int fresh(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

/* Another process's way to the same descriptor; here it is our own. */
static int by_pidfd(int fd)
{
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    int copy = (int)syscall(SYS_pidfd_getfd, self, fd, 0);

    close(self);
    return copy < 0 ? dup(fd) : copy; /* where the kernel is older */
}

static void stream(int server)
{
    FILE *out = fdopen(dial("127.0.0.1", port), "w");
    char text[6] = "";
    int fd;

    fputs("hello", out);
    fclose(out);
    for (;;) { /* behind the connections of above */
        fd = accept(server, NULL, NULL);
        if (read(fd, text, 5) > 0)
            break;
        close(fd);
    }
    printf("fdopen: %s\n", text);
    close(fd);
}

static int onto_every_number(void)
{
    for (int fd = 3; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) < 0 && (dup2(2, fd) != fd || close(fd)))
            return -1;
    return 0;
}

int main(void)
{
    int server = serve(SOCK_STREAM, &port), fd;

    fd = fresh();
    through("dup", fd, dup(fd));
    fd = fresh();
    through("dup2", fd, dup2(fd, 300));
    fd = fresh();
    through("dup3", fd, dup3(fd, 300, O_CLOEXEC));
    fd = fresh();
    through("F_DUPFD", fd, fcntl(fd, F_DUPFD, 300));
    fd = fresh();
    through("F_DUPFD_CLOEXEC", fd, fcntl(fd, F_DUPFD_CLOEXEC, 300));
    fd = fresh();
    through("pidfd", fd, by_pidfd(fd));
    printf("cloexec: %d %d %d %d %d\n", flags[0], flags[1], flags[2], flags[3], flags[4]);
    stream(server);
    say("onto every number", onto_every_number());
    try_dial("then", "127.0.0.1", port);
    try_dial("denied then", "127.0.0.2", port);
    return 0;
}
