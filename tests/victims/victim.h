/*
 * What the victims share: loopback servers and clients, and one way to say what happened.
 *
 * A victim is an ordinary program that walks into one trap. It prints what it saw, nothing that
 * differs from run to run, so that tests/victims/run.sh can compare a run under Pillion with one
 * without. The comment lines "// deny> ..." of a victim are what it must print under the policy
 * deny.conf: 127.0.0.2 may not be reached, 127.0.0.3 may not come in, and so on.
 *
 * Whoever includes this also leaves, at its end, how it leaves its process; see the last part.
 */
#ifndef PIL_TESTS_VICTIMS_VICTIM_H
#define PIL_TESTS_VICTIMS_VICTIM_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
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

/*
 * ---- the state at the end ---------------------------------------------------------------------
 *
 * VICTIM_STATE="PID FILE" has the process PID write, when it exits, what a program must find
 * unchanged: its descriptors as it can see them, its threads, its signals, errno at the start of
 * the program and at its end.
 */
static struct {
    const char *file;
    int first_errno;
} victim_state;

static __attribute__((constructor)) void victim_begin(void)
{
    const char *wish = getenv("VICTIM_STATE");
    char *file;

    victim_state.first_errno = errno;
    if (wish && strtol(wish, &file, 10) == getpid())
        victim_state.file = strdup(file + 1);
}

static inline void victim_socket(FILE *out, int fd)
{
    static const int options[] = {SO_DOMAIN, SO_TYPE, SO_ACCEPTCONN, SO_KEEPALIVE, SO_REUSEADDR};

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        int value = -1;
        socklen_t len = sizeof(value);

        if (getsockopt(fd, SOL_SOCKET, options[i], &value, &len) == 0)
            fprintf(out, " %d", value);
    }
}

/* What the program cannot even ask for is none of its descriptors. */
static inline void victim_descriptors(FILE *out)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        int fd = atoi(entry->d_name), flags;
        char kind[256];
        ssize_t len;

        if (entry->d_name[0] == '.' || fd == dirfd(dir) || fd == fileno(out) ||
            (flags = fcntl(fd, F_GETFD)) < 0)
            continue;
        len = readlinkat(dirfd(dir), entry->d_name, kind, sizeof(kind) - 1);
        kind[len < 0 ? 0 : len] = '\0';
        kind[kind[0] == '/' ? 1 : strcspn(kind, ":")] = '\0';
        fprintf(out, "descriptor %d %s %d %#x", fd, kind, flags, fcntl(fd, F_GETFL));
        victim_socket(out, fd);
        fprintf(out, "\n");
    }
    if (dir)
        closedir(dir);
}

/* A thread that was joined may be a moment away from being gone. */
static inline int victim_threads(void)
{
    int count = 0;

    for (int i = 0; i < 1000 && count != 1; i++) {
        DIR *dir = opendir("/proc/self/task");

        count = -2;
        while (dir && readdir(dir))
            count++;
        if (dir)
            closedir(dir);
        sched_yield();
    }
    return count;
}

static inline void victim_signals(FILE *out)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];

    while (status && fgets(line, sizeof(line), status))
        if (strncmp(line, "Sig", 3) == 0 && strncmp(line, "SigQ", 4) != 0)
            fprintf(out, "%s", line);
    if (status)
        fclose(status);
}

static __attribute__((destructor)) void victim_end(void)
{
    int last_errno = errno;
    FILE *out;

    if (!victim_state.file || !(out = fopen(victim_state.file, "we")))
        return;
    fprintf(out, "errno %d %d\n", victim_state.first_errno, last_errno);
    fprintf(out, "threads %d\n", victim_threads());
    victim_signals(out);
    victim_descriptors(out);
    fclose(out);
}

#endif
