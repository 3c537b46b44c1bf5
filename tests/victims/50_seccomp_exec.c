// flags: -I.
// deny> executed: ok
// deny> connect: as it should be
// deny> child: exit 0
// calls> vary: the filter keeps the library from asking
/*
 * A filter that kills at calls which only the library would make while it starts is handed on to a
 * program by exec. The program lives; what it may do cannot be asked, so it may not.
 */
#include "tests/victims/victim.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define KILL_AT(name)                                                                              \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                                         \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

static struct sock_filter code[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    KILL_AT(sendmsg),
    KILL_AT(recvmsg),
    KILL_AT(madvise),
    KILL_AT(statx),
    KILL_AT(getresuid),
    KILL_AT(readlinkat),
    KILL_AT(rt_sigprocmask),
    KILL_AT(poll),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};
static struct sock_fprog filter = {sizeof(code) / sizeof(*code), code};

static int executed(int port)
{
    int fd = dial("127.0.0.1", port);
    bool refused = fd < 0 && errno == EACCES;

    say("executed", 0);
    printf("connect: %s\n", refused == covered() ? "as it should be" : "not as it should be");
    return 0;
}

static void confine_and_execute(int port)
{
    char number[16];

    snprintf(number, sizeof(number), "%d", port);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0))
        die("filter");
    execl("/proc/self/exe", "50_seccomp_exec", number, (char *)NULL);
    die("exec");
}

int main(int argc, char **argv)
{
    int port, status;
    pid_t pid;

    if (argc > 1)
        return executed(atoi(argv[1]));
    serve(SOCK_STREAM, &port);
    pid = fork();
    if (pid == 0)
        confine_and_execute(port);
    waitpid(pid, &status, 0);
    say_end("child", status);
    return 0;
}
