// flags: -I.
// deny> before: ok
// deny> child's calls: as they should be
// deny> memory of libraries: unchanged
// deny> a socket that the child closed: ok
// deny> a denied one: EACCES
// deny> child that connects: exit 0
// deny> after: ok
// deny> denied after: EACCES
/*
 * A vfork child shares its parent's memory, not its descriptors: it closes, copies and marks them
 * before exec, through hooks that must not believe that the parent did. What the child did leaves
 * the writable memory of the preloaded library as it was, and the parent's sockets as they were.
 */
#include "tests/victims/victim.h"

#include <linux/close_range.h>

#define REGIONS 16

struct region {
    unsigned char *from;
    size_t len;
};

static struct region region[REGIONS];
static unsigned char *copy[REGIONS];
static int regions;

/* The writable mappings of the library, and the unnamed one (its zeroes) behind the last. */
static void find_memory(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512], *behind = NULL;

    while (maps && fgets(line, sizeof(line), maps)) {
        char *from, *to, mode[8], name[256] = "";

        if (sscanf(line, "%p-%p %7s %*s %*s %*s %255s", (void **)&from, (void **)&to, mode, name) <
            3)
            continue;
        if (mode[1] == 'w' && mode[3] == 'p' && regions < REGIONS &&
            (strstr(name, "libpillion.so") || (from == behind && !name[0])))
            region[regions++] = (struct region){(unsigned char *)from, (size_t)(to - from)};
        behind = strstr(name, "libpillion.so") || from == behind ? to : NULL;
    }
    if (maps)
        fclose(maps);
}

static void keep_memory(void)
{
    for (int i = 0; i < regions; i++) {
        copy[i] = malloc(region[i].len);
        memcpy(copy[i], region[i].from, region[i].len);
    }
}

static bool same_memory(void)
{
    for (int i = 0; i < regions; i++)
        if (memcmp(copy[i], region[i].from, region[i].len) != 0)
            return false;
    return true;
}

static int connect_to(int fd, const char *ip, int port)
{
    struct sockaddr_in in = place(ip, port);

    return connect(fd, (struct sockaddr *)&in, sizeof(in));
}

/* What subprocess modules do between vfork and exec, and then a program that says it went well. */
static void child_calls(int keep, char *const argv[])
{
    bool good = dup2(keep, 400) == 400 && fcntl(400, F_GETFD) == 0 &&
                fcntl(keep, F_DUPFD_CLOEXEC, 401) == 401 && close(401) == 0 && close(401) < 0;

    good = good && close_range(500, ~0U, 0) == 0 && close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
    closefrom(3);
    execv(good ? "/bin/true" : "/bin/false", argv);
    _exit(9);
}

static int vforked_calls(int keep)
{
    char *const argv[] = {(char *)"child", NULL};
    int status = -1;
    pid_t pid = vfork();

    if (pid == 0)
        child_calls(keep, argv);
    waitpid(pid, &status, 0);
    return status;
}

static int vforked_close(int fd)
{
    int status = -1;
    pid_t pid = vfork();

    if (pid == 0)
        _exit(close(fd) == 0 && dup2(2, fd) == fd ? 0 : 1);
    waitpid(pid, &status, 0);
    return status;
}

static int vforked_connect(int port)
{
    int status = -1;
    pid_t pid = vfork();

    if (pid == 0) {
        int fd = dial("127.0.0.1", port);

        _exit(fd >= 0 && close(fd) == 0 ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    return status;
}

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port), status, a, b;

    try_dial("before", "127.0.0.1", port);
    /* What is noted of a fresh socket is given up with its number, the child's number too: that
     * costs a question to the kernel, and is no change to look for here. */
    dup2(server, 50);
    close(server);
    server = 50;
    find_memory();
    keep_memory();
    status = vforked_calls(server);
    printf("child's calls: %s\n", status == 0 ? "as they should be" : "not as they should be");
    printf("memory of libraries: %s\n",
           same_memory() && (regions > 0) == covered() ? "unchanged" : "changed");
    a = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    b = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (vforked_close(a) || vforked_close(b))
        die("vforked_close");
    say("a socket that the child closed", connect_to(a, "127.0.0.1", port));
    say("a denied one", connect_to(b, "127.0.0.2", port));
    say_end("child that connects", vforked_connect(port));
    try_dial("after", "127.0.0.1", port);
    try_dial("denied after", "127.0.0.2", port);
    return 0;
}
