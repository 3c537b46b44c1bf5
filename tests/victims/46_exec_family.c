// flags: -I.
// also: 45
/* Every way to exec leads to a covered child, with its arguments and environment as given. */
#include "tests/victims/victim.h"

static char self[4096], kept[2];

static void run(int way)
{
    char *const args[] = {"named", kept, "b", NULL}, *const env[] = {"MARK=1", NULL};
    extern char **environ;

    switch (way) {
    case 0:
        execl(self, "named", kept, "b", (char *)NULL);
        break;
    case 1:
        execle(self, "named", kept, "b", (char *)NULL, env);
        break;
    case 2:
        execlp("46_exec_family", "named", kept, "b", (char *)NULL);
        break;
    case 3:
        execv(self, args);
        break;
    case 4:
        execve(self, args, env);
        break;
    case 5:
        execvp("46_exec_family", args);
        break;
    case 6:
        execvpe("46_exec_family", args, env);
        break;
    case 7:
        fexecve(open(self, O_RDONLY | O_CLOEXEC), args, environ);
        break;
    case 8:
        execveat(open(self, O_PATH | O_CLOEXEC), "", args, env, AT_EMPTY_PATH);
        break;
    case 9:
        execvp("no-such-program-at-all", args);
        break;
    case 10:
        execv("/etc/passwd", args);
        break;
    case 11:
        execvp("/nonexistent/x", args);
        break;
    }
    say("exec", -1);
    _exit(9);
}

static int child(int argc, char **argv)
{
    const char *mark = getenv("MARK"), *name = strrchr(argv[0], '/');

    printf("%s %d %s %s %s\n", name ? name + 1 : argv[0], argc, argv[2], mark ? mark : "-",
           covered() == (*argv[1] == '1') ? "coverage kept" : "coverage lost");
    return 0;
}

int main(int argc, char **argv)
{
    char path[5000], command[5000];
    FILE *pipe;
    int status;

    if (argc > 1)
        return child(argc, argv);
    kept[0] = covered() ? '1' : '0';
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
        die("readlink");
    snprintf(path, sizeof(path), "/nonexistent:%.*s", (int)(strrchr(self, '/') - self), self);
    setenv("PATH", path, 1);
    for (int way = 0; way < 12; way++) {
        pid_t pid = fork();

        if (pid == 0)
            run(way);
        waitpid(pid, &status, 0);
        printf("%d ", way);
        say_end("child", status);
    }
    snprintf(command, sizeof(command), "'%s' %s b", self, kept);
    fflush(stdout);
    printf("system: %s\n", system(command) == 0 ? "ok" : "failed");
    fflush(stdout);
    pipe = popen(command, "w");
    printf("popen: %d\n", pipe ? pclose(pipe) : -1);
    return 0;
}
