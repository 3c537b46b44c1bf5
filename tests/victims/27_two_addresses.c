// flags: -I.
// deny> dead and alive: alive is reached first
// deny> the other: in progress
// deny> closed, the number is free again: yes
// deny> denied and alive: EACCES at once, alive is reached
// deny> refused and alive: ECONNREFUSED, alive is reached
/*
 * What browsers do with a name of several addresses: begin with each of them, take the first that
 * answers, and drop the rest. A dead address is a listener whose queue is full, so that nothing
 * answers.
 */
#include "tests/victims/victim.h"

static int begin(const char *ip, int port)
{
    struct sockaddr_in in = place(ip, port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;

    if (connect(fd, (struct sockaddr *)&in, sizeof(in)) && errno != EINPROGRESS) {
        error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int error_of(int fd)
{
    int error = -1;
    socklen_t len = sizeof(error);

    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    return error;
}

/* Fills the queue: from then on the kernel drops what comes. */
static int dead_listener(int *port)
{
    int fd = serve(SOCK_STREAM, port), state = 0;

    listen(fd, 0);
    for (int i = 0; i < 4 && !state; i++) {
        int client = begin("127.0.0.1", *port);
        struct pollfd pfd = {client, POLLOUT, 0};

        state = poll(&pfd, 1, 50) == 0;
    }
    return fd;
}

static void dead_and_alive(int dead, int alive)
{
    struct pollfd pfd[2] = {{begin("127.0.0.1", dead), POLLOUT, 0},
                            {begin("127.0.0.1", alive), POLLOUT, 0}};
    int number = pfd[0].fd, again;

    poll(pfd, 2, 10000);
    printf("dead and alive: %s\n",
           !pfd[0].revents && pfd[1].revents == POLLOUT && error_of(pfd[1].fd) == 0
               ? "alive is reached first"
               : "wrong");
    printf("the other: %s\n", poll(pfd, 1, 0) == 0 ? "in progress" : "done");
    close(pfd[0].fd);
    again = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    printf("closed, the number is free again: %s\n", again == number ? "yes" : "no");
    close(again);
    close(pfd[1].fd);
}

static void failing_and_alive(const char *what, const char *ip, int port, int alive)
{
    int first = begin(ip, port), error = first < 0 ? errno : 0, second = begin("127.0.0.1", alive);
    struct pollfd pfd[2] = {{first, POLLOUT, 0}, {second, POLLOUT, 0}};

    while (poll(pfd + 1, 1, 10000) < 1)
        ;
    if (first >= 0 && poll(pfd, 1, 10000) == 1)
        error = error_of(first);
    printf("%s: %s%s, alive is %s\n", what, error ? strerrorname_np(error) : "reached",
           first < 0 ? " at once" : "", error_of(second) == 0 ? "reached" : "lost");
    if (first >= 0)
        close(first);
    close(second);
}

int main(void)
{
    int dead, alive, refused, full = dead_listener(&dead), server = serve(SOCK_STREAM, &alive);

    close(serve(SOCK_STREAM, &refused));
    dead_and_alive(dead, alive);
    failing_and_alive("denied and alive", "127.0.0.2", alive, alive);
    failing_and_alive("refused and alive", "127.0.0.1", refused, alive);
    close(full);
    close(server);
    return 0;
}
