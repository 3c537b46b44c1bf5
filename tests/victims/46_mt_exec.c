// flags: -I. -pthread
// stateless> several threads run until one of them replaces the program
// calls> vary: several threads run until one of them replaces the program
/* A program of many connecting threads replaces itself, from a thread that is not the first. */
#include "tests/victims/victim.h"

static int port;
static volatile int turns;
static char **arguments;

static void *busy(void *arg)
{
    (void)arg;
    for (;;) {
        int fd = dial("127.0.0.1", port);

        if (fd >= 0)
            close(fd);
        turns++;
    }
    return NULL;
}

static void *replace(void *arg)
{
    char *const args[] = {arguments[0], arg, NULL};

    while (turns < 200)
        sched_yield();
    execv("/proc/self/exe", args);
    return NULL;
}

int main(int argc, char **argv)
{
    char kept[] = {covered() ? '1' : '0', 0};
    int server = serve(SOCK_STREAM, &port);
    pthread_t thread;

    arguments = argv;
    if (argc == 2) {
        try_dial("after exec", "127.0.0.1", port);
        puts(*kept == *argv[1] ? "coverage kept" : "coverage lost");
        return 0;
    }
    for (int i = 0; i < 4; i++)
        pthread_create(&thread, NULL, busy, NULL);
    pthread_create(&thread, NULL, replace, kept);
    for (;;) {
        int fd = accept(server, NULL, NULL);

        if (fd >= 0)
            close(fd);
    }
}
