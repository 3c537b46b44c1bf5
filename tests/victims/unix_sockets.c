// flags: -I.
// deny> path: ok
// deny> path, relative: ok
// deny> abstract: ok
// deny> abstract, denied: EACCES
// deny> path, denied: EACCES
// deny> relative, denied: EACCES
// deny> datagram: ok
// deny> datagram, denied: EACCES
// deny> pair: ok
// deny> descriptor passed: ok
// deny> nobody there: ENOENT
/* Unix sockets by path, relative path and abstract name; pairs and passed descriptors. */
#include "tests/victims/victim.h"

static char folder[] = "/tmp/pillion-victim-XXXXXX";

static socklen_t name(struct sockaddr_un *un, const char *text, const char *tail)
{
    int len;

    *un = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (text[0] == '@') { /* an abstract name of this run alone */
        len = snprintf(un->sun_path + 1, sizeof(un->sun_path) - 1, "%s-%s", text + 1, folder) + 1;
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len);
    }
    snprintf(un->sun_path, sizeof(un->sun_path), "%s%s", text, tail);
    return sizeof(*un);
}

static int listen_on(int type, const char *text, const char *tail)
{
    struct sockaddr_un un;
    socklen_t len = name(&un, text, tail);
    int fd = socket(AF_UNIX, type, 0);

    if (bind(fd, (struct sockaddr *)&un, len) || (type == SOCK_STREAM && listen(fd, 8)))
        die("listen_on");
    return fd;
}

static void reach(const char *what, const char *text, const char *tail)
{
    struct sockaddr_un un;
    socklen_t len = name(&un, text, tail);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    say(what, connect(fd, (struct sockaddr *)&un, len));
    close(fd);
}

static void throw(const char *what, const char *text)
{
    struct sockaddr_un un;
    socklen_t len = name(&un, text, "");
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    say(what, sendto(fd, "x", 1, 0, (struct sockaddr *)&un, len));
    close(fd);
}

static void pass_descriptor(void)
{
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr head;
    } control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec iov = {(char[]){"x"}, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.room,
                         .msg_controllen = sizeof(control.room)};
    int pair[2];

    say("pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    memcpy(CMSG_DATA(&control.head), &pair[0], sizeof(int));
    say("descriptor passed", sendmsg(pair[0], &msg, 0) == 1 ? recvmsg(pair[1], &msg, 0) : -1);
}

int main(void)
{
    if (!mkdtemp(folder) || chdir(folder))
        die("mkdtemp");
    listen_on(SOCK_STREAM, folder, "/s");
    listen_on(SOCK_STREAM, folder, "/pillion-denied");
    listen_on(SOCK_STREAM, "@pillion-open", "");
    listen_on(SOCK_STREAM, "@pillion-denied", "");
    listen_on(SOCK_DGRAM, "@pillion-dgram", "");
    listen_on(SOCK_DGRAM, "@pillion-denied-dgram", "");
    reach("path", folder, "/s");
    reach("path, relative", "s", "");
    reach("abstract", "@pillion-open", "");
    reach("abstract, denied", "@pillion-denied", "");
    reach("path, denied", folder, "/pillion-denied");
    reach("relative, denied", "pillion-denied", "");
    throw("datagram", "@pillion-dgram");
    throw("datagram, denied", "@pillion-denied-dgram");
    pass_descriptor();
    reach("nobody there", folder, "/none");
    unlink("s");
    unlink("pillion-denied");
    rmdir(folder);
    return 0;
}
