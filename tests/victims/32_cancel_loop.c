// flags: -I. -pthread
// calls> vary: how far a thread gets before it is cancelled
// stateless> a thread that is cancelled between dup and close leaves a descriptor
// deny> cancelled: 600
// deny> connect: ok
// deny> denied: EACCES
// deny> accept: ok
// deny> in threads: 8
/*
 * Threads are cancelled at any moment of connect, accept, recv and close, six hundred times, while
 * verdicts are asked anew each time. Nothing stays locked: all of it works afterwards, in as many
 * threads as there are links to policyd.
 */
#include "tests/victims/victim.h"

static int port, server, pair[2], finished;

/* A port of its own each time, so that policyd is asked, under a deny policy and an allow one. */
static void *connecting(void *arg)
{
    struct sockaddr_in in = place("127.0.0.2", 1 + (int)(intptr_t)arg);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    pthread_cleanup_push((void (*)(void *))close, (void *)(intptr_t)fd);
    connect(fd, (struct sockaddr *)&in, sizeof(in));
    pthread_testcancel();
    pthread_cleanup_pop(1);
    return NULL;
}

static void *accepting(void *arg)
{
    (void)arg;
    accept(server, NULL, NULL);
    return NULL;
}

static void *receiving(void *arg)
{
    char c;

    (void)arg;
    recv(pair[0], &c, 1, 0);
    return NULL;
}

static void *closing(void *arg)
{
    (void)arg;
    for (;;)
        close(dup(2));
}

static void cancel_some(void *(*work)(void *), int times)
{
    for (int i = 0; i < times; i++) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, work, (void *)(intptr_t)i))
            die("pthread_create");
        for (int k = 0; k < i % 7; k++)
            sched_yield();
        pthread_cancel(thread);
        pthread_join(thread, NULL);
        finished++;
    }
}

static void *one_more(void *arg)
{
    int fd = dial("127.0.0.1", port);

    (void)arg;
    if (fd >= 0)
        close(fd);
    return (void *)(intptr_t)(fd >= 0);
}

static int in_threads(void)
{
    pthread_t thread[8];
    int good = 0;

    for (int i = 0; i < 8; i++)
        if (pthread_create(&thread[i], NULL, one_more, NULL))
            die("pthread_create");
    for (int i = 0; i < 8; i++) {
        void *result;

        pthread_join(thread[i], &result);
        good += (int)(intptr_t)result;
    }
    return good;
}

int main(void)
{
    int fd;

    server = serve(SOCK_STREAM, &port);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        die("socketpair");
    cancel_some(connecting, 300);
    cancel_some(accepting, 100);
    cancel_some(receiving, 100);
    cancel_some(closing, 100);
    printf("cancelled: %d\n", finished);
    fd = dial("127.0.0.1", port);
    say("connect", fd);
    close(fd);
    fd = dial("127.0.0.2", port);
    say("denied", fd);
    if (fd >= 0)
        close(fd);
    say("accept", accept(server, NULL, NULL));
    printf("in threads: %d\n", in_threads());
    return 0;
}
