// flags: -I. -pthread
// calls> vary: threads take turns as they like
// deny> allowed that were refused: 0
// deny> denied that went through: 0
// deny> datagrams that were refused: 0
// deny> denied datagrams that went through: 0
// deny> files that were broken: 0
/*
 * Threads open, connect and close as fast as they can, so that every number is now an allowed
 * stream, now a denied one, a datagram socket, a file, a pipe. No verdict goes with the number.
 */
#include "tests/victims/victim.h"

#define THREADS 6
#define ROUNDS  400

static int port, udp_port;
static _Atomic int refused, through, no_datagram, datagram, broken;

/* Only this errno is a policy's. */
static bool denied_by_policy(int result)
{
    return result < 0 && errno == EACCES;
}

static bool reaches(int type, const char *ip, int to)
{
    struct sockaddr_in in = place(ip, to);
    struct linger now = {1, 0};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    int result = connect(fd, (struct sockaddr *)&in, sizeof(in));
    bool denied = denied_by_policy(result);

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
    return !denied;
}

static void file(void)
{
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC), pair[2];
    char c;

    if (fd < 0 || read(fd, &c, 1) != 1 || close(fd))
        broken++;
    if (pipe(pair) || write(pair[1], "x", 1) != 1 || read(pair[0], &c, 1) != 1 || c != 'x')
        broken++;
    close(pair[0]);
    close(pair[1]);
}

static void *work(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        refused += !reaches(SOCK_STREAM, "127.0.0.1", port);
        file();
        through += reaches(SOCK_STREAM, "127.0.0.2", port);
        no_datagram += !reaches(SOCK_DGRAM, "127.0.0.1", udp_port);
        datagram += reaches(SOCK_DGRAM, "127.0.0.2", udp_port);
    }
    return NULL;
}

/* Until the listener is shut down. Cancelled, it might leave what it has just accepted open. */
static void *take(void *arg)
{
    int fd;

    while ((fd = accept(*(int *)arg, NULL, NULL)) >= 0 || errno == ECONNABORTED)
        if (fd >= 0)
            close(fd);
    return NULL;
}

int main(void)
{
    int server = serve(SOCK_STREAM, &port);
    pthread_t thread[THREADS], taker;

    serve(SOCK_DGRAM, &udp_port);
    pthread_create(&taker, NULL, take, &server);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, work, NULL))
            die("pthread_create");
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    printf("allowed that were refused: %d\n", refused);
    printf("denied that went through: %d\n", through);
    printf("datagrams that were refused: %d\n", no_datagram);
    printf("denied datagrams that went through: %d\n", datagram);
    printf("files that were broken: %d\n", broken);
    shutdown(server, SHUT_RD); /* wakes the taker */
    pthread_join(taker, NULL);
    return 0;
}
