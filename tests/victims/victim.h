/*
 * What the victims share: loopback servers and clients, and one way to say what happened.
 *
 * A victim is an ordinary program that walks into one trap. It prints what it saw, nothing that
 * differs from run to run, so that tests/victims/run.sh can compare a run under Pillion with one
 * without. The comment lines "// deny> ..." of a victim are what it must print under the policy
 * deny.conf: 127.0.0.2 may not be reached, 127.0.0.3 may not come in, and so on.
 */
#ifndef PIL_TESTS_VICTIMS_VICTIM_H
#define PIL_TESTS_VICTIMS_VICTIM_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* "what: ok", or the name of errno when result is negative. errno is kept. */
static inline void say(const char *what, long result)
{
    int error = errno;

    printf("%s: %s\n", what, result < 0 ? strerrorname_np(error) : "ok");
    fflush(stdout);
    errno = error;
}

static inline void die(const char *what)
{
    perror(what);
    exit(3);
}

static inline struct sockaddr_in place(const char *ip, int port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    inet_pton(AF_INET, ip, &in.sin_addr);
    return in;
}

/* A socket of that type bound to any port of all addresses; listens when it is a stream. */
static inline int serve(int type, int *port)
{
    struct sockaddr_in in = place("0.0.0.0", 0);
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in)))
        die("serve");
    if (type == SOCK_STREAM && listen(fd, 4096))
        die("listen");
    if (getsockname(fd, (struct sockaddr *)&in, &len))
        die("getsockname");
    *port = ntohs(in.sin_port);
    return fd;
}

/* A connected socket, or -1 with errno. */
static inline int dial(const char *ip, int port)
{
    struct sockaddr_in in = place(ip, port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&in, sizeof(in))) {
        int error = errno;

        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* Connects, says so, and closes. */
static inline void try_dial(const char *what, const char *ip, int port)
{
    int fd = dial(ip, port);

    say(what, fd);
    if (fd >= 0)
        close(fd);
}

/* The preload library is mapped into this process. */
static inline bool covered(void)
{
    char line[512];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "re");

    while (maps && fgets(line, sizeof(line), maps))
        found = found || strstr(line, "libpillion.so");
    if (maps)
        fclose(maps);
    return found;
}

/* How a child ended, as one word and number. */
static inline void say_end(const char *what, int status)
{
    if (WIFEXITED(status))
        printf("%s: exit %d\n", what, WEXITSTATUS(status));
    else
        printf("%s: signal %d\n", what, WTERMSIG(status));
    fflush(stdout);
}

#endif
