// flags: -I. -pthread
// deny> connect: ok
// deny> denied: EACCES
// deny> resolve: 0
/* A thread with the smallest stack there is connects and resolves. */
#include "tests/victims/victim.h"

#include <limits.h>
#include <netdb.h>

static int port;

static void *work(void *arg)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_family = AF_INET}, *list = NULL;

    (void)arg;
    try_dial("connect", "127.0.0.1", port);
    try_dial("denied", "127.0.0.2", port);
    printf("resolve: %d\n", getaddrinfo("127.0.0.1", "80", &hints, &list));
    freeaddrinfo(list);
    return NULL;
}

int main(void)
{
    pthread_attr_t attr;
    pthread_t thread;
    int server = serve(SOCK_STREAM, &port);

    pthread_attr_init(&attr);
    if (pthread_attr_setstacksize(&attr, (size_t)sysconf(_SC_THREAD_STACK_MIN)) ||
        pthread_create(&thread, &attr, work, NULL))
        die("pthread_create");
    pthread_join(thread, NULL);
    close(server);
    return 0;
}
