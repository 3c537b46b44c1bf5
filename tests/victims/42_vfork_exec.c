// flags: -I.
/* vfork and exec of itself, several times, between connects of the parent. */
#include "tests/victims/victim.h"

int main(int argc, char **argv)
{
    static int good;
    int port, server;

    if (argc == 3) {
        int fd = dial("127.0.0.1", atoi(argv[1]));

        return fd >= 0 && covered() == (*argv[2] == '1') ? 0 : 1;
    }
    server = serve(SOCK_STREAM, &port);
    try_dial("before", "127.0.0.1", port);
    for (int i = 0; i < 20; i++) {
        char text[16], kept[] = {covered() ? '1' : '0', 0};
        char *const args[] = {argv[0], text, kept, NULL};
        int status;
        pid_t pid;

        snprintf(text, sizeof(text), "%d", port);
        pid = vfork();
        if (pid == 0) {
            execv("/proc/self/exe", args);
            _exit(9);
        }
        good += waitpid(pid, &status, 0) == pid && status == 0;
        fflush(stdout);
    }
    printf("good: %d\n", good);
    try_dial("after", "127.0.0.1", port);
    close(server);
    return 0;
}
