// flags: -I. -pthread
/*
 * A thread that waits in accept goes on when the listener is shut down, and when a signal comes;
 * when the number is closed it takes what comes next, as the kernel has it; and other waits end by
 * the time that was set on the socket.
 */
#include "tests/victims/victim.h"

#include <sys/syscall.h>
#include <sys/time.h>

static int server, port;
static volatile pid_t waiting;

static const char *name_of(int result, int error)
{
    return result < 0 ? strerrorname_np(error) : "ok";
}

static void *in_accept(void *arg)
{
    int result;

    waiting = gettid();
    result = arg ? accept4(server, NULL, NULL, SOCK_CLOEXEC) : accept(server, NULL, NULL);
    return (void *)name_of(result, errno);
}

static void until_asleep(void)
{
    char path[64], state = 'R';

    while (state != 'S') {
        FILE *stat;

        snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)waiting);
        stat = waiting ? fopen(path, "re") : NULL;
        if (stat) {
            if (fscanf(stat, "%*d %*s %c", &state) != 1)
                state = 'R';
            fclose(stat);
        }
        sched_yield();
    }
    waiting = 0;
}

static void on_signal(int number)
{
    (void)number;
}

static void round_of(const char *what, int way, void *how)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = way == 3 ? SA_RESTART : 0};
    pthread_t thread;
    void *result;

    server = serve(SOCK_STREAM, &port);
    sigaction(SIGUSR1, &action, NULL);
    if (pthread_create(&thread, NULL, in_accept, how))
        die("pthread_create");
    until_asleep();
    switch (way) {
    case 0:
        shutdown(server, SHUT_RD);
        break;
    case 1: /* it holds the listener, which therefore still takes one */
        close(server);
        try_dial("the last client", "127.0.0.1", port);
        break;
    case 2:
        pthread_kill(thread, SIGUSR1);
        break;
    case 3: /* the call is made again: only a client ends it */
        pthread_kill(thread, SIGUSR1);
        try_dial("client after the signal", "127.0.0.1", port);
        break;
    case 4:
        dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), server);
        try_dial("client after dup2", "127.0.0.1", port);
        break;
    }
    pthread_join(thread, &result);
    printf("%s, %s: %s\n", how ? "accept4" : "accept", what, (char *)result);
    close(server);
}

static void by_time(void)
{
    struct timeval wait = {0, 20000};

    server = serve(SOCK_STREAM, &port);
    setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    say("accept, time is up", accept(server, NULL, NULL));
    close(server);
}

int main(void)
{
    for (int i = 0; i < 2; i++) {
        void *how = i ? &port : NULL;

        round_of("shut down", 0, how);
        round_of("closed", 1, how);
        round_of("signal", 2, how);
        round_of("signal, call made again", 3, how);
        round_of("replaced", 4, how);
    }
    by_time();
    return 0;
}
