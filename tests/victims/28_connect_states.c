// flags: -I.
// deny> nobody answers, not waiting: EINPROGRESS
// deny> meanwhile: EALREADY
// deny> to another address: EALREADY
// deny> denied address: EACCES
// deny> given up: ok
// deny> and elsewhere: ok
// deny> again: EISCONN
// deny> once more elsewhere: EISCONN
// deny> to a denied address: EACCES
// deny> disconnected: ok
// deny> anew: ok
// deny> the end of a refused one: ECONNREFUSED
// deny> after that: ok
// deny> a signal comes: EINTR
// deny> goes on: EALREADY
// deny> datagrams: ok
// deny> datagrams, elsewhere: ok
// deny> datagrams, disconnected: ok
/* Every state that a connection can be in when it is asked to connect, and interruptions. */
#include "tests/victims/victim.h"

#include <sys/time.h>

static struct sockaddr_in dead, alive, denied, nobody;

static int join(int fd, struct sockaddr_in *to)
{
    return connect(fd, (struct sockaddr *)to, sizeof(*to));
}

static int leave(int fd)
{
    struct sockaddr none = {.sa_family = AF_UNSPEC};

    return connect(fd, &none, sizeof(none));
}

/* A listener whose queue is full: the kernel drops what comes, and connecting takes forever. */
static int serve_nobody(void)
{
    int port, fd = serve(SOCK_STREAM, &port), full = 0;

    listen(fd, 0);
    dead = place("127.0.0.1", port);
    for (int i = 0; i < 4 && !full; i++) {
        int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        struct pollfd pfd = {client, POLLOUT, 0};

        join(client, &dead);
        full = poll(&pfd, 1, 50) == 0;
    }
    return fd;
}

static void not_waiting(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct pollfd pfd = {fd, POLLOUT, 0};

    say("nobody answers, not waiting", join(fd, &dead));
    say("meanwhile", join(fd, &dead));
    say("to another address", join(fd, &alive));
    say("denied address", join(fd, &denied));
    say("given up", leave(fd));
    if (join(fd, &alive) && errno != EINPROGRESS)
        die("elsewhere");
    poll(&pfd, 1, 10000);
    say("and elsewhere", join(fd, &alive)); /* says once that it is done */
    say("again", join(fd, &alive));
    say("once more elsewhere", join(fd, &dead));
    say("to a denied address", join(fd, &denied));
    say("disconnected", leave(fd));
    fcntl(fd, F_SETFL, 0);
    say("anew", join(fd, &alive));
    close(fd);
}

static void refused(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct pollfd pfd = {fd, POLLOUT, 0};

    if (join(fd, &nobody) && errno == EINPROGRESS) {
        poll(&pfd, 1, 10000);
        say("the end of a refused one", join(fd, &nobody));
    } else {
        say("the end of a refused one", -1);
    }
    fcntl(fd, F_SETFL, 0);
    say("after that", join(fd, &alive));
    close(fd);
}

static void on_alarm(int number)
{
    (void)number;
}

/* A connect that a signal interrupts goes on by itself, whatever the handler's flags: the kernel
 * does not start it again, and a second call finds it under way. */
static void interrupted(void)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval soon = {{0, 20000}, {0, 20000}}, never = {{0, 0}, {0, 0}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), result;

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    result = join(fd, &dead);
    say("a signal comes", result);
    setitimer(ITIMER_REAL, &never, NULL);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    say("goes on", join(fd, &dead));
    close(fd);
}

static void datagrams(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    say("datagrams", join(fd, &alive));
    say("datagrams, elsewhere", join(fd, &dead));
    say("datagrams, disconnected", leave(fd));
    close(fd);
}

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port), full = serve_nobody();

    alive = place("127.0.0.1", port);
    denied = place("127.0.0.2", port);
    nobody = place("127.0.0.1", 1);
    not_waiting();
    refused();
    interrupted();
    datagrams();
    close(full);
    close(server);
    return 0;
}
