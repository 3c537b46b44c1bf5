// flags: -I. -pthread
/* Eight threads, each with a server of its own and two thousand connections to it. */
#include "tests/victims/victim.h"

static void *work(void *arg)
{
    int port, server = serve(SOCK_STREAM, &port);
    long good = 0;

    (void)arg;
    for (int i = 0; i < 2000; i++) {
        struct linger now = {1, 0}; /* no TIME_WAIT, so that ports last */
        int fd = dial("127.0.0.1", port), end = accept(server, NULL, NULL);

        good += fd >= 0 && end >= 0;
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        close(fd);
        close(end);
    }
    close(server);
    return (void *)good;
}

int main(void)
{
    pthread_t threads[8];
    long sum = 0;

    for (int i = 0; i < 8; i++)
        if (pthread_create(&threads[i], NULL, work, NULL))
            die("pthread_create");
    for (int i = 0; i < 8; i++) {
        void *good;

        pthread_join(threads[i], &good);
        sum += (long)good;
    }
    printf("good: %ld\n", sum);
    return 0;
}
