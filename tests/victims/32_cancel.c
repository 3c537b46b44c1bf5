// flags: -I. -pthread
// stateless> a thread may be cancelled when it has just made a socket
/* Threads are cancelled while they wait in accept and in connect; everything works afterwards. */
#include "tests/victims/victim.h"

#include <sys/syscall.h>

static int port, server;
static volatile pid_t waiting;

static void clean_up(void *arg)
{
    *(int *)arg += 1;
}

static int cleaned;

static void *in_accept(void *arg)
{
    (void)arg;
    pthread_cleanup_push(clean_up, &cleaned);
    waiting = gettid();
    for (;;)
        close(accept(server, NULL, NULL));
    pthread_cleanup_pop(0);
    return NULL;
}

/* A unix listener whose queue is full: connect waits. */
static void *in_connect(void *arg)
{
    struct sockaddr_un *un = arg;

    pthread_cleanup_push(clean_up, &cleaned);
    waiting = gettid();
    for (;;)
        connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)un, 2 + 1 + 8);
    pthread_cleanup_pop(0);
    return NULL;
}

static void cancel_when_asleep(pthread_t thread)
{
    char path[64], state = 'R';
    void *result;

    while (state != 'S') { /* asleep in the call */
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
    pthread_cancel(thread);
    pthread_join(thread, &result);
    printf("cancelled: %s, cleaned: %d\n", result == PTHREAD_CANCELED ? "yes" : "no", cleaned);
}

int main(void)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int full = socket(AF_UNIX, SOCK_STREAM, 0);
    pthread_t thread;

    server = serve(SOCK_STREAM, &port);
    snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "%08d", (int)getpid() % 100000000);
    if (bind(full, (struct sockaddr *)&un, 2 + 1 + 8) || listen(full, 0))
        die("listen");
    for (int round = 0; round < 20; round++) {
        if (pthread_create(&thread, NULL, in_accept, NULL))
            die("pthread_create");
        cancel_when_asleep(thread);
        if (pthread_create(&thread, NULL, in_connect, &un))
            die("pthread_create");
        cancel_when_asleep(thread);
    }
    try_dial("after", "127.0.0.1", port);
    return 0;
}
