// flags: -I. -pthread
/*
 * A thread that waits in accept goes on when the listener is shut down, and when a signal comes;
 * when the number is closed it takes what comes next, as the kernel has it; and other waits end by
 * the time that was set on the socket.
 */
#include "tests/victims/victim.h"

#include <sys/syscall.h>
#include <sys/time.h>

static int server, port, watch;
static volatile pid_t waiting;
static volatile bool watched, signalled;

static const char *name_of(int result, int error)
{
    return result < 0 ? strerrorname_np(error) : "ok";
}

static void *in_accept(void *arg)
{
    int result;

    waiting = gettid();
    while (!watched)
        sched_yield();
    result = arg ? accept4(server, NULL, NULL, SOCK_CLOEXEC) : accept(server, NULL, NULL);
    return (void *)name_of(result, errno);
}

/* It holds its number while the thread takes one, so that both are the same each time. */
static void watch_begin(void)
{
    char path[64];

    while (!waiting)
        sched_yield();
    snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", (int)waiting);
    watch = open(path, O_RDONLY | O_CLOEXEC);
    if (watch < 0)
        die(path);
    watched = true;
}

/* In that call, that is: what it does on the way there may sleep, too. */
static void until_asleep(void)
{
    char text[32] = "";
    long call;

    do {
        ssize_t len = pread(watch, text, sizeof(text) - 1, 0);

        text[len > 0 ? len : 0] = '\0';
        call = *text >= '0' && *text <= '9' ? strtol(text, NULL, 10) : -1; /* or "running" */
    } while (call != SYS_accept && call != SYS_accept4);
}

static void on_signal(int number)
{
    (void)number;
    signalled = true;
}

/* The call is given up and made anew meanwhile, which takes a number again. */
static void until_asleep_again(void)
{
    while (!signalled)
        sched_yield();
    until_asleep();
}

static void round_of(const char *what, int way, void *how)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = way == 3 ? SA_RESTART : 0};
    pthread_t thread;
    void *result;

    waiting = 0;
    watched = signalled = false;
    server = serve(SOCK_STREAM, &port);
    sigaction(SIGUSR1, &action, NULL);
    if (pthread_create(&thread, NULL, in_accept, how))
        die("pthread_create");
    watch_begin();
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
        until_asleep_again();
        try_dial("client after the signal", "127.0.0.1", port);
        break;
    case 4:
        dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), server);
        try_dial("client after dup2", "127.0.0.1", port);
        break;
    }
    pthread_join(thread, &result);
    close(watch);
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
