// flags: -I.
// steered> by 49_places.sh
/*
 * Goes somewhere (chroot:DIR, net, users, mount, exec:FILE, in that order of the arguments), then
 * connects to an allowed and to a denied address, itself and by a child. Nobody listens there: what
 * gets through is told by the kernel.
 */
#include "tests/victims/victim.h"

#include <sched.h>

static const char *reach(const char *ip)
{
    int fd = dial(ip, 1);

    if (fd >= 0)
        return "connected";
    return errno == EACCES ? "refused" : "through";
}

static void both(const char *who)
{
    printf("%s: allowed %s", who, reach("127.0.0.1"));
    printf(", denied %s\n", reach("127.0.0.2"));
    fflush(stdout);
}

static int go(const char *where)
{
    if (strncmp(where, "chroot:", 7) == 0)
        return chroot(where + 7) || chdir("/");
    if (strcmp(where, "net") == 0)
        return unshare(CLONE_NEWNET);
    if (strcmp(where, "users") == 0)
        return unshare(CLONE_NEWUSER);
    if (strcmp(where, "mount") == 0)
        return unshare(CLONE_NEWNS);
    if (strncmp(where, "exec:", 5) == 0)
        return execl(where + 5, "executed", (char *)NULL);
    return -1;
}

int main(int argc, char **argv)
{
    pid_t pid;

    for (int i = 1; i < argc; i++)
        if (go(argv[i])) {
            say(argv[i], -1);
            return 1;
        }
    both("self");
    pid = fork();
    if (pid == 0) {
        both("child");
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    return 0;
}
