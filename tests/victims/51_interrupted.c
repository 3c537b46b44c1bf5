// flags: -I.
// also: 28
// calls> vary: signals interrupt them
// deny> accept: EINTR
// deny> accept restarted: ok
// deny> connect: EINTR
// deny> connect restarted: ok
// deny> recvmsg: EINTR
// deny> many signals: 200 connected, 0 interrupted
// deny> denied among signals: EACCES
/*
 * Signals come while calls wait, with SA_RESTART and without: the calls end, or go on, as the man
 * page says. And a storm of them, while verdicts are asked, neither loses nor repeats a call.
 */
#include "tests/victims/victim.h"

#include <sys/time.h>

static int port, server;
static struct sockaddr_un busy = {.sun_family = AF_UNIX};
static socklen_t busy_len;
static volatile sig_atomic_t handled;

static void on_signal(int number)
{
    (void)number;
    handled++;
}

static void handle(int flags)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};

    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    handled = 0;
}

static void snooze(void)
{
    poll(NULL, 0, 5);
}

/* A helper that signals its parent until it is killed; or some times, and then does its work. */
static pid_t signaller(void (*then)(void))
{
    pid_t parent = getpid(), pid = fork();

    if (pid)
        return pid;
    for (int i = 0; !then || i < 10; i++) {
        snooze();
        kill(parent, SIGUSR1);
    }
    then();
    _exit(0);
}

static void stop(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void come_in(void)
{
    close(dial("127.0.0.1", port));
}

static int listener;

/* Makes room in the queue that is full. */
static void make_room(void)
{
    close(accept(listener, NULL, NULL));
    for (;;)
        pause();
}

static int connect_busy(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    return connect(fd, (struct sockaddr *)&busy, busy_len);
}

/* A listener whose queue of one is full. */
static void fill_queue(void)
{
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    busy_len = sizeof(sa_family_t);
    if (bind(listener, (struct sockaddr *)&busy, busy_len)) /* the kernel chooses a name */
        die("bind");
    busy_len = sizeof(busy);
    getsockname(listener, (struct sockaddr *)&busy, &busy_len);
    if (listen(listener, 0) || connect_busy())
        die("listen");
}

static void accepts(void)
{
    pid_t pid;

    handle(0);
    pid = signaller(NULL);
    say("accept", accept(server, NULL, NULL));
    stop(pid);
    handle(SA_RESTART);
    pid = signaller(come_in);
    say("accept restarted", accept(server, NULL, NULL));
    waitpid(pid, NULL, 0);
}

static void connects(void)
{
    pid_t pid;

    fill_queue();
    handle(0);
    pid = signaller(NULL);
    say("connect", connect_busy());
    stop(pid);
    handle(SA_RESTART);
    pid = signaller(make_room);
    say("connect restarted", connect_busy());
    stop(pid);
}

static void receives(void)
{
    char c;
    struct iovec iov = {&c, 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int pair[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        die("socketpair");
    handle(0);
    pid = signaller(NULL);
    say("recvmsg", recvmsg(pair[0], &msg, 0));
    stop(pid);
}

/* Each address is new, so that policyd is asked each time. */
static void storm(void)
{
    struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    int connected = 0, interrupted = 0;

    handle(SA_RESTART);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 200; i++) {
        char ip[32];
        int fd;

        snprintf(ip, sizeof(ip), "127.0.1.%d", i + 1);
        fd = dial(ip, port);
        connected += fd >= 0;
        interrupted += fd < 0 && errno == EINTR;
        if (fd >= 0)
            close(fd);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    printf("many signals: %d connected, %d interrupted\n", connected, interrupted);
    try_dial("denied among signals", "127.0.0.2", port);
}

int main(void)
{
    server = serve(SOCK_STREAM, &port);
    accepts();
    connects();
    receives();
    storm();
    return 0;
}
