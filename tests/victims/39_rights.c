// flags: -I.
// deny> given away: ok
// deny> received, allowed: ok
// deny> received, denied: EACCES
// deny> received listener, come in: ok
// deny> received connection: hello
// deny> received truncated: ok
// deny> descriptors: as before
// deny> child: exit 0
/*
 * Sockets go over a unix socket in both directions: a fresh one, a listening one, a connected one.
 * Whoever gets one is judged when it uses it; nothing is left open on the way.
 */
#include "tests/victims/victim.h"

static int port;

static int give(int over, int fd)
{
    char room[CMSG_SPACE(sizeof(int))] = "";
    struct iovec iov = {(char[]){"x"}, 1};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    return (int)sendmsg(over, &msg, 0);
}

/* Without room for it the kernel keeps the descriptor. */
static int take(int over, bool room_for_it)
{
    char room[CMSG_SPACE(sizeof(int))], byte;
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = room,
                         .msg_controllen = room_for_it ? sizeof(room) : 0};
    struct cmsghdr *c;
    int fd = -1;

    if (recvmsg(over, &msg, MSG_CMSG_CLOEXEC) != 1)
        return -1;
    c = CMSG_FIRSTHDR(&msg);
    if (c && c->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    return fd;
}

static int try_connect(int fd, const char *ip)
{
    struct sockaddr_in in = place(ip, port);
    int result = connect(fd, (struct sockaddr *)&in, sizeof(in)), error = errno;

    close(fd);
    errno = error;
    return result;
}

static int lowest(void)
{
    int fd = dup(2);

    close(fd);
    return fd;
}

static void other_side(int over)
{
    char text[6] = "";
    int listener, fd, before = lowest();

    say("received, allowed", try_connect(take(over, true), "127.0.0.1"));
    say("received, denied", try_connect(take(over, true), "127.0.0.2"));
    listener = take(over, true);
    fd = accept(listener, NULL, NULL);
    say("received listener, come in", fd);
    close(fd);
    close(listener);
    fd = take(over, true);
    if (read(fd, text, 5) != 5)
        die("read");
    printf("received connection: %s\n", text);
    close(fd);
    say("received truncated", take(over, false) == -1 ? 0 : -1);
    printf("descriptors: %s\n", lowest() == before ? "as before" : "left open");
    fflush(stdout);
    give(over, socket(AF_INET, SOCK_STREAM, 0));
    _exit(0);
}

static void talk(int over, int server)
{
    int a = dial("127.0.0.1", port), b = accept(server, NULL, NULL);

    /* The queue is emptied, but for the one connection that the other side is to accept. */
    say("given away", give(over, socket(AF_INET, SOCK_STREAM, 0)));
    give(over, socket(AF_INET, SOCK_STREAM, 0));
    if (write(a, "hello", 5) != 5)
        die("write");
    give(over, server);
    give(over, b);
    give(over, b);
    close(a);
    close(b);
}

int main(void)
{
    int server = serve(SOCK_STREAM, &port), pair[2], status;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        die("socketpair");
    talk(pair[0], server);
    pid = fork();
    if (pid == 0)
        other_side(pair[1]);
    waitpid(pid, &status, 0);
    close(pair[1]);
    if (take(pair[0], true) < 0)
        die("nothing came back");
    say_end("child", status);
    return 0;
}
