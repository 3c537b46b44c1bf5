// flags: -I. -pthread
// stateless> how it leaves its process cannot be told without memory
// deny> connect: ok
// deny> denied: EACCES
// deny> again: ok
// deny> accept: ok
// deny> accept4: ok
// deny> listen: ok
// deny> bind, denied: EACCES
// deny> sendto: ok
// deny> sendto, denied: EACCES
// deny> sendmsg: ok
// deny> sendmmsg: ok
// deny> descriptors: ok
// deny> syscall: ok
// deny> thread: ok
// deny> thread, denied: EACCES
// deny> child: ok
// deny> child, denied: EACCES
// deny> exec: ok
/* From main on every use of memory ends the program: whatever the hooks do, they do without. */
#include "tests/victims/victim.h"

#include <sys/syscall.h>

static volatile bool forbidden;
static char room[4 << 20];
static size_t used;

static void *take(size_t size)
{
    void *at = room + used;

    if (forbidden)
        abort();
    used += (size + 31) & ~(size_t)15;
    return used <= sizeof(room) ? at : NULL;
}

void *malloc(size_t size)
{
    return take(size);
}

void *calloc(size_t count, size_t size)
{
    return take(count * size);
}

void *realloc(void *old, size_t size)
{
    void *at = take(size);

    return old && at ? memcpy(at, old, size) : at;
}

void free(void *at)
{
    if (at && forbidden)
        abort();
}

/* Without stdio, which has a buffer of its own. */
static void tell(const char *what, long result)
{
    char line[128];
    int len =
        snprintf(line, sizeof(line), "%s: %s\n", what, result < 0 ? strerrorname_np(errno) : "ok");

    if (write(1, line, (size_t)len) != len)
        _exit(4);
}

static void reach(const char *what, const char *ip, int port)
{
    int fd = dial(ip, port);

    tell(what, fd);
    if (fd >= 0)
        close(fd);
}

static struct sockaddr_in good, bad;

static void datagrams(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct iovec iov = {(char[]){"x"}, 1};
    struct msghdr msg = {
        .msg_name = &good, .msg_namelen = sizeof(good), .msg_iov = &iov, .msg_iovlen = 1};
    struct mmsghdr vec = {.msg_hdr = msg};

    tell("sendto", sendto(fd, "x", 1, 0, (struct sockaddr *)&good, sizeof(good)));
    tell("sendto, denied", sendto(fd, "x", 1, 0, (struct sockaddr *)&bad, sizeof(bad)));
    tell("sendmsg", sendmsg(fd, &msg, 0));
    tell("sendmmsg", sendmmsg(fd, &vec, 1, 0));
    close(fd);
}

static void descriptors(int server)
{
    int copy = dup(server), other = fcntl(copy, F_DUPFD_CLOEXEC, 50);
    bool good_ones = dup2(server, copy) == copy && dup3(server, other, O_CLOEXEC) == other;

    tell("descriptors", good_ones && close(copy) == 0 && close_range(50, 60, 0) == 0 ? 0 : -1);
}

static void *work(void *arg)
{
    (void)arg;
    reach("thread", "127.0.0.1", ntohs(good.sin_port));
    reach("thread, denied", "127.0.0.2", ntohs(good.sin_port));
    return NULL;
}

static volatile int go;

static void *wait_and_work(void *arg)
{
    while (!go)
        sched_yield();
    return work(arg);
}

static void child(void)
{
    char *const args[] = {"exec", "again", NULL}, *const none[] = {NULL};

    reach("child", "127.0.0.1", ntohs(good.sin_port));
    reach("child, denied", "127.0.0.2", ntohs(good.sin_port));
    execve("/proc/self/exe", args, none);
    _exit(9);
}

int main(int argc, char **argv)
{
    int port, server, fd, status;
    struct sockaddr_in in;
    pthread_t thread;
    pid_t pid;

    (void)argv;
    if (argc == 2) {
        tell("exec", 0);
        return 0;
    }
    if (pthread_create(&thread, NULL, wait_and_work, NULL)) /* which takes memory of its own */
        return 1;
    server = serve(SOCK_STREAM, &port);
    good = place("127.0.0.1", port), bad = in = place("127.0.0.2", port);
    forbidden = true;
    reach("connect", "127.0.0.1", port);
    reach("denied", "127.0.0.2", port);
    reach("again", "127.0.0.1", port);
    tell("accept", fd = accept(server, NULL, NULL));
    close(fd);
    tell("accept4", fd = accept4(server, NULL, NULL, SOCK_CLOEXEC));
    close(fd);
    tell("listen", listen(server, 64));
    in.sin_port = htons((uint16_t)(port ^ 1));
    tell("bind, denied",
         bind(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), (struct sockaddr *)&in, sizeof(in)));
    datagrams();
    descriptors(server);
    fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    tell("syscall", syscall(SYS_connect, fd, &good, sizeof(good)));
    go = 1;
    while (pthread_tryjoin_np(thread, NULL)) /* giving its stack back takes no memory */
        sched_yield();
    pid = fork();
    if (pid == 0)
        child();
    waitpid(pid, &status, 0);
    _exit(status ? 5 : 0);
}
