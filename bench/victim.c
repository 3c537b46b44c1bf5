/*
 * An ordinary program for benches: nothing of Pillion's is in it, so that it is measured as any
 * other would be, with the preload library and without.
 *
 * Commands on stdin, a line each, answered by a line:
 *     connect ADDRESS PORT COUNT   COUNT times socket, connect, close -> nanoseconds of all
 *     try ADDRESS PORT             one connect -> its errno, 0 when it went well
 *     watch ADDRESS PORT           one connect -> its errno; then one every millisecond, until its
 *                                  errno is another -> errno and CLOCK_MONOTONIC nanoseconds
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int connect_once(const struct sockaddr_in *to)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

    if (fd < 0)
        return errno;
    error = connect(fd, (const struct sockaddr *)to, sizeof(*to)) ? errno : 0;
    close(fd);
    return error;
}

/* The first one brings the verdict into the cache and the routes into the kernel's. */
static int measure(const struct sockaddr_in *to, unsigned count)
{
    uint64_t begun;
    int error = connect_once(to);

    begun = now_ns();
    for (unsigned i = 0; i < count && !error; i++)
        error = connect_once(to);
    if (error)
        printf("error %s\n", strerror(error));
    else
        printf("%llu\n", (unsigned long long)(now_ns() - begun));
    return error;
}

static void watch(const struct sockaddr_in *to)
{
    const struct timespec pause = {0, 1000000};
    int first = connect_once(to), next = first;

    printf("%d\n", first);
    fflush(stdout);
    while (next == first) {
        nanosleep(&pause, NULL);
        next = connect_once(to);
    }
    printf("%d %llu\n", next, (unsigned long long)now_ns());
}

int main(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    char line[128], verb[16], address[32];
    unsigned port, count;

    while (fgets(line, sizeof(line), stdin)) {
        count = 0;
        if (sscanf(line, "%15s %31s %u %u", verb, address, &port, &count) < 3 ||
            inet_pton(AF_INET, address, &to.sin_addr) != 1)
            return 2;
        to.sin_port = htons((uint16_t)port);
        if (strcmp(verb, "connect") == 0 && measure(&to, count))
            return 1;
        if (strcmp(verb, "try") == 0)
            printf("%d\n", connect_once(&to));
        if (strcmp(verb, "watch") == 0)
            watch(&to);
        fflush(stdout);
    }
    return 0;
}
