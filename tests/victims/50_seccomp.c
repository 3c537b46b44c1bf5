// flags: -I.
// deny> server: ok
// deny> before: ok
// deny> filter: ok
// deny> the same again: ok
// deny> another: ok
// deny> denied: EACCES
// deny> accept: ok
// deny> pair: ok
// deny> dup: ok
// deny> dup2: ok
// deny> shut in: ok
// deny> closed: ok
// deny> by seccomp(2): ok
// deny> another there: ok
// deny> denied there: EACCES
// deny> child: exit 0
// calls> vary: the link is asked for verdicts within
/*
 * A program puts filters on itself that kill at every call it does not make: first one that leaves
 * it the network, then one that leaves it next to nothing. It lives.
 */
#include "tests/victims/victim.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define ALLOW(name)                                                                                \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                                         \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define NUMBER BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define KILL   BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

/* What a small server makes; no fcntl, no poll, no statx, no rt_sigprocmask, no clock. */
static struct sock_filter network[] = {
    NUMBER,
    ALLOW(socket),
    ALLOW(connect),
    ALLOW(accept),
    ALLOW(close),
    ALLOW(dup),
    ALLOW(dup2),
    ALLOW(sendmsg),
    ALLOW(recvmsg),
    ALLOW(getsockopt),
    ALLOW(write),
    ALLOW(newfstatat),
    ALLOW(getsockname),
    ALLOW(prctl),
    ALLOW(seccomp),
    ALLOW(exit_group),
    KILL,
};
static struct sock_filter nothing[] = {
    NUMBER, ALLOW(close), ALLOW(write), ALLOW(exit_group), KILL,
};
static struct sock_fprog lenient = {sizeof(network) / sizeof(*network), network};
static struct sock_fprog strict = {sizeof(nothing) / sizeof(*nothing), nothing};

static void descriptors(void)
{
    int fd = dup(1);

    say("dup", fd);
    say("dup2", dup2(1, fd));
    close(fd);
}

/* The whole of it in a child of its own, by way of seccomp(2). */
static void other_way(int port)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    say("by seccomp(2)", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &lenient));
    try_dial("another there", "127.0.0.1", port);
    try_dial("denied there", "127.0.0.2", port);
    _exit(0);
}

static void shut_in(int port, int server)
{
    int fd;

    try_dial("before", "127.0.0.1", port);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    say("filter", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &lenient, 0, 0));
    try_dial("the same again", "127.0.0.1", port);
    fd = dial("127.0.0.4", port);
    say("another", fd);
    close(fd);
    try_dial("denied", "127.0.0.2", port);
    fd = accept(server, NULL, NULL);
    say("accept", fd);
    say("pair", close(fd));
    descriptors();
    say("shut in", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &strict, 0, 0));
    say("closed", close(server));
    _exit(0);
}

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port), status;
    pid_t pid;

    say("server", server);
    pid = fork();
    if (pid == 0)
        shut_in(port, server);
    waitpid(pid, &status, 0);
    if (status)
        say_end("first child", status);
    pid = fork();
    if (pid == 0)
        other_way(port);
    waitpid(pid, &status, 0);
    say_end("child", status);
    return 0;
}
