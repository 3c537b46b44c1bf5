// flags: -I. -pthread
// calls> vary: it connects until everybody was woken
/*
 * Four threads wait for one listener, each with a set of its own, exclusively: a connection wakes
 * some of them, and one takes it. Clients come until each thread has taken one.
 */
#include "tests/victims/victim.h"

#include <semaphore.h>
#include <sys/epoll.h>
#include <time.h>

#define WAITERS 4

static int server, port;
static sem_t taken;

static void *wait_exclusively(void *arg)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE};
    int set = epoll_create1(EPOLL_CLOEXEC), end = -1;

    (void)arg;
    if (epoll_ctl(set, EPOLL_CTL_ADD, server, &event))
        die("epoll_ctl");
    while (end < 0) {
        if (epoll_wait(set, &event, 1, -1) != 1)
            continue;
        end = accept(server, NULL, NULL);
        if (end < 0 && errno != EAGAIN)
            die("accept");
    }
    close(end);
    close(set);
    sem_post(&taken);
    return NULL;
}

int main(void)
{
    pthread_t thread[WAITERS];
    int count = 0;

    server = serve(SOCK_STREAM, &port);
    fcntl(server, F_SETFL, O_NONBLOCK);
    sem_init(&taken, 0, 0);
    for (int i = 0; i < WAITERS; i++)
        if (pthread_create(&thread[i], NULL, wait_exclusively, NULL))
            die("pthread_create");
    while (count < WAITERS) {
        struct timespec soon;

        close(dial("127.0.0.1", port));
        clock_gettime(CLOCK_REALTIME, &soon);
        soon.tv_nsec += 20000000;
        soon.tv_sec += soon.tv_nsec / 1000000000;
        soon.tv_nsec %= 1000000000;
        count += sem_timedwait(&taken, &soon) == 0;
    }
    for (int i = 0; i < WAITERS; i++)
        pthread_join(thread[i], NULL);
    printf("each of %d took one\n", count);
    errno = 0; /* which the last wait may have changed */
    return 0;
}
