// flags: -I.
// calls> vary: a timer interrupts them
/* A timer's handler connects, on a stack of its own, while the program connects too. */
#include "tests/victims/victim.h"

#include <sys/time.h>

static int port;
static volatile sig_atomic_t handled, failed;

static void on_alarm(int number)
{
    int error = errno, fd = dial("127.0.0.1", port);

    (void)number;
    handled++;
    failed += fd < 0;
    close(fd);
    errno = error;
}

int main(void)
{
    static char room[65536];
    stack_t stack = {.ss_sp = room, .ss_size = sizeof(room)};
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_ONSTACK | SA_RESTART};
    struct itimerval every = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    int server = serve(SOCK_STREAM, &port), own = 0;

    fcntl(server, F_SETFL, O_NONBLOCK);
    sigaltstack(&stack, NULL);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    while (handled < 300) {
        int fd = dial("127.0.0.1", port), end;

        own += fd < 0 && errno != EINTR;
        close(fd);
        while ((end = accept(server, NULL, NULL)) >= 0)
            close(end);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    printf("handler failed: %d, program failed: %d\n", (int)failed, own);
    return 0;
}
