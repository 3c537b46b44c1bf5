// flags: -I.
// deny> parent: ok
// deny> child: ok
// deny> child, denied: EACCES
// deny> grandchild: ok
// deny> grandchild, denied: EACCES
// deny> child ends: exit 0
// deny> parent again: ok
/* Parent, child and grandchild connect, each before and after the other. */
#include "tests/victims/victim.h"

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port), status;
    pid_t pid;

    try_dial("parent", "127.0.0.1", port);
    pid = fork();
    if (pid == 0) {
        try_dial("child", "127.0.0.1", port);
        try_dial("child, denied", "127.0.0.2", port);
        pid = fork();
        if (pid == 0) {
            try_dial("grandchild", "127.0.0.1", port);
            try_dial("grandchild, denied", "127.0.0.2", port);
            _exit(0);
        }
        waitpid(pid, &status, 0);
        _exit(WEXITSTATUS(status));
    }
    waitpid(pid, &status, 0);
    say_end("child ends", status);
    try_dial("parent again", "127.0.0.1", port);
    close(server);
    return 0;
}
