// flags: -I.
/*
 * A server and its clients in one thread, by each kind of event loop: what is ready, in which
 * order, and how often, with edges, one-shots, and sets within sets.
 */
#include "tests/victims/victim.h"

#include <sys/epoll.h>
#include <sys/select.h>

static int server, port;

/* A client that began to connect and is not waiting. */
static int begin(void)
{
    struct sockaddr_in in = place("127.0.0.1", port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *)&in, sizeof(in)) && errno != EINPROGRESS)
        die("connect");
    return fd;
}

static void by_select(void)
{
    int fd = begin(), ready, end;
    fd_set in, out;
    struct timeval wait = {10, 0};

    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(server, &in);
    ready = select(server + 1, &in, NULL, NULL, &wait);
    printf("select: %d, server %d\n", ready, FD_ISSET(server, &in) != 0);
    end = accept(server, NULL, NULL);
    FD_ZERO(&in);
    FD_SET(fd, &out);
    FD_SET(end, &in);
    ready = pselect((fd > end ? fd : end) + 1, &in, &out, NULL, &(struct timespec){10, 0}, NULL);
    printf("pselect: %d, client %d, end %d\n", ready, FD_ISSET(fd, &out) != 0,
           FD_ISSET(end, &in) != 0);
    close(fd), close(end);
}

static void by_poll(void)
{
    int fd = begin(), end, count;
    struct pollfd pfd[2] = {{server, POLLIN, 0}, {fd, POLLIN | POLLOUT, 0}};

    count = poll(pfd, 1, 10000);
    printf("poll, server: %d %#x\n", count, pfd[0].revents);
    end = accept(server, NULL, NULL);
    count = ppoll(pfd, 2, &(struct timespec){10, 0}, NULL);
    printf("ppoll: %d %#x %#x\n", count, pfd[0].revents, pfd[1].revents);
    if (write(end, "x", 1) != 1)
        die("write");
    pfd[1].events = POLLIN;
    count = poll(pfd + 1, 1, 10000);
    printf("poll, data: %d %#x\n", count, pfd[1].revents);
    close(end);
    pfd[1].events = POLLIN | POLLRDHUP;
    poll(pfd + 1, 1, 10000);
    printf("poll, end: %#x\n", pfd[1].revents & (POLLRDHUP | POLLIN));
    close(fd);
}

static int watch(int set, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

static int wait_for(int set, int timeout, uint32_t *events)
{
    struct epoll_event got[8] = {0};
    int count = epoll_pwait(set, got, 8, timeout, NULL);

    *events = got[0].events;
    return count;
}

static void by_epoll(const char *what, uint32_t how)
{
    int set = epoll_create1(EPOLL_CLOEXEC), clients = epoll_create1(EPOLL_CLOEXEC), fd, end;
    uint32_t events;
    int count;

    say("watch the server", watch(set, server, EPOLLIN | how));
    count = wait_for(set, 0, &events);
    printf("%s, nobody: %d\n", what, count);
    fd = begin();
    count = wait_for(set, 10000, &events);
    printf("%s, one waits: %d %#x\n", what, count, events);
    count = wait_for(set, 0, &events);
    printf("%s, asked again: %d\n", what, count);
    end = accept(server, NULL, NULL);
    count = wait_for(set, 0, &events);
    printf("%s, taken: %d\n", what, count);
    say("watch the client", watch(clients, fd, EPOLLIN | EPOLLOUT | (how & EPOLLET)));
    count = wait_for(clients, 10000, &events);
    printf("%s, connected: %d %#x\n", what, count, events);
    count = wait_for(clients, 0, &events);
    printf("%s, connected, again: %d\n", what, count);
    if (write(end, "x", 1) != 1)
        die("write");
    count = wait_for(clients, 10000, &events);
    printf("%s, data: %d %#x\n", what, count, events);
    close(end);
    do /* what comes with the end may come one by one */
        count = wait_for(clients, 10000, &events);
    while (count == 1 && !(events & EPOLLHUP) && !(how & EPOLLET) && read(fd, &end, 1) > 0);
    printf("%s, end: %d %#x\n", what, count, events & EPOLLIN);
    close(fd), close(set), close(clients);
}

/* A set in a set is ready when one of its descriptors is. */
static void nested(void)
{
    int inner = epoll_create1(EPOLL_CLOEXEC), outer = epoll_create1(EPOLL_CLOEXEC), fd;
    struct pollfd pfd = {outer, POLLIN, 0};
    uint32_t events;
    int count;

    watch(inner, server, EPOLLIN);
    say("a set in a set", watch(outer, inner, EPOLLIN));
    say("and the other way", watch(inner, outer, EPOLLIN));
    printf("nested, nobody: %d\n", poll(&pfd, 1, 0));
    fd = begin();
    printf("nested, one waits: %d", poll(&pfd, 1, 10000));
    count = wait_for(outer, 0, &events);
    printf(" %d", count);
    count = wait_for(inner, 0, &events);
    printf(" %d %#x\n", count, events);
    close(accept(server, NULL, NULL));
    close(fd), close(inner), close(outer);
}

static void one_shot(void)
{
    int set = epoll_create1(EPOLL_CLOEXEC), first = begin(), second, count;
    struct epoll_event again = {.events = EPOLLIN | EPOLLONESHOT};
    uint32_t events;

    watch(set, server, EPOLLIN | EPOLLONESHOT);
    count = wait_for(set, 10000, &events);
    printf("one-shot: %d", count);
    close(accept(server, NULL, NULL));
    second = begin();
    count = wait_for(set, 0, &events);
    printf(" %d", count);
    epoll_ctl(set, EPOLL_CTL_MOD, server, &again);
    count = wait_for(set, 10000, &events);
    printf(" %d\n", count);
    close(accept(server, NULL, NULL));
    close(first), close(second), close(set);
}

int main(void)
{
    server = serve(SOCK_STREAM, &port);
    fcntl(server, F_SETFL, O_NONBLOCK);
    by_select();
    by_poll();
    by_epoll("level", 0);
    by_epoll("edge", EPOLLET);
    by_epoll("exclusive", EPOLLEXCLUSIVE);
    nested();
    one_shot();
    return 0;
}
