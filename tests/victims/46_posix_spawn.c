// flags: -I.
/* posix_spawn with file actions and posix_spawnp by search; the children stay covered. */
#include "tests/victims/victim.h"

#include <spawn.h>

int main(int argc, char **argv)
{
    posix_spawn_file_actions_t actions;
    char kept[] = {covered() ? '1' : '0', 0};
    char *const args[] = {argv[0], kept, NULL}, *const none[] = {NULL};
    char *const missing[] = {"no-such-program-at-all", NULL};
    extern char **environ;
    int status;
    pid_t pid;

    if (argc == 2) {
        bool same = covered() == (*argv[1] == '1');

        say(same ? "child, coverage kept" : "child, coverage lost", fcntl(7, F_GETFD));
        return same ? 0 : 1;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, 1, 7);
    printf("spawn: %d\n", posix_spawn(&pid, "/proc/self/exe", &actions, NULL, args, environ));
    waitpid(pid, &status, 0);
    say_end("child", status);
    printf("with nothing: %d\n", posix_spawn(&pid, "/proc/self/exe", &actions, NULL, args, none));
    waitpid(pid, &status, 0);
    say_end("child", status);
    printf("by name: %s\n",
           strerrorname_np(posix_spawnp(&pid, missing[0], NULL, NULL, missing, environ)));
    return 0;
}
