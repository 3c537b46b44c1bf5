// flags: -I.
// steered> by programs/53_exits.sh
/* A thousand children: each connects and ends in one of five ways; the parent counts the ends. */
#include "tests/victims/victim.h"

static int port, handlers[2];

static void at_exit(void)
{
    if (write(handlers[1], "h", 1) != 1)
        _exit(90);
}

static void end(int way)
{
    atexit(at_exit);
    at_quick_exit(at_exit);
    if (dial("127.0.0.1", port) < 0)
        _exit(91);
    if (way == 0)
        exit(11);
    if (way == 1)
        _exit(12);
    if (way == 2)
        abort();
    if (way == 3)
        quick_exit(13);
    for (;;) /* until it is killed, somewhere in the middle */
        close(dial("127.0.0.4", port));
}

static void count(int status, int seen[6])
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    static const int known[] = {11, 12, -SIGABRT, 13, -SIGKILL};

    for (int i = 0; i < 5; i++)
        if (code == known[i]) {
            seen[i]++;
            return;
        }
    seen[5]++;
}

static void take_all(int server)
{
    int fd;

    while ((fd = accept4(server, NULL, NULL, SOCK_NONBLOCK)) >= 0)
        close(fd);
}

int main(void)
{
    static const char *const name[] = {"exit",       "_exit",  "abort",
                                       "quick_exit", "killed", "something else"};
    int server = serve(SOCK_STREAM, &port), seen[6] = {0}, ran = 0;
    char c;

    fcntl(server, F_SETFL, O_NONBLOCK);
    if (pipe2(handlers, O_CLOEXEC | O_NONBLOCK))
        die("pipe2");
    for (int i = 0; i < 1000; i++) {
        pid_t pid = fork();
        int status;

        if (pid == 0)
            end(i % 5);
        if (i % 5 == 4) {
            poll(&(struct pollfd){.fd = server, .events = POLLIN}, 1, -1); /* it has begun */
            poll(NULL, 0, i % 3);
            kill(pid, SIGKILL);
        }
        waitpid(pid, &status, 0);
        count(status, seen);
        take_all(server);
        while (read(handlers[0], &c, 1) == 1)
            ran++;
    }
    for (int i = 0; i < 6; i++)
        printf("%s: %d\n", name[i], seen[i]);
    printf("handlers: %d\n", ran);
    return 0;
}
