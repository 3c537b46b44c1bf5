// flags: -I. -pthread
/* A program whose threads connect all the time forks two hundred times; every child connects. */
#include "tests/victims/victim.h"

static int port;
static volatile bool over;

static void *busy(void *arg)
{
    (void)arg;
    while (!over) {
        struct linger now = {1, 0};
        int fd = dial("127.0.0.1", port);

        if (fd < 0)
            die("busy");
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        close(fd);
    }
    return NULL;
}

static void *take(void *arg)
{
    for (;;) {
        int fd = accept(*(int *)arg, NULL, NULL);

        if (fd >= 0)
            close(fd);
        else if (errno != ECONNABORTED)
            return NULL;
    }
}

int main(void)
{
    int server = serve(SOCK_STREAM, &port), good = 0;
    pthread_t threads[2], taker;

    if (pthread_create(&taker, NULL, take, &server))
        die("pthread_create");
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, busy, NULL))
            die("pthread_create");
    for (int i = 0; i < 200; i++) {
        int status;
        pid_t pid = fork();

        if (pid == 0) {
            alarm(30);
            _exit(dial("127.0.0.1", port) >= 0 ? 0 : 1);
        }
        good += pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
    }
    over = true;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("good: %d\n", good);
    shutdown(server, SHUT_RD); /* wakes the taker */
    pthread_join(taker, NULL);
    return 0;
}
