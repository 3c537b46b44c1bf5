// flags: -I.
// calls> vary: the shim names the family that was left unspecified
// deny> sendto: ok
// deny> sendto, denied: EACCES
// deny> sendto unspecified family, denied: EACCES
// deny> sendmsg: ok
// deny> sendmsg, denied: EACCES
// deny> sendmmsg: 2 of 2
// deny> sendmmsg, second denied: 1 of 3
// deny> sendmmsg, first denied: EACCES
// deny> connected: ok
// deny> send: ok
// deny> connected, denied: EACCES
// deny> arrived: 6
/* Datagrams by every call, alone and in batches, connected or not. */
#include "tests/victims/victim.h"

static struct sockaddr_in good, bad;

static int out(void)
{
    return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static struct msghdr message(struct sockaddr_in *to)
{
    static struct iovec iov = {"m", 1};

    return (struct msghdr){
        .msg_name = to, .msg_namelen = sizeof(*to), .msg_iov = &iov, .msg_iovlen = 1};
}

static void batch(const char *what, int fd, struct sockaddr_in *const *to, unsigned count)
{
    struct mmsghdr vec[3] = {0};
    int sent;

    for (unsigned i = 0; i < count; i++)
        vec[i].msg_hdr = message(to[i]);
    sent = sendmmsg(fd, vec, count, 0);
    if (sent < 0)
        say(what, sent);
    else
        printf("%s: %d of %u\n", what, sent, count);
}

int main(void)
{
    int port, in = serve(SOCK_DGRAM, &port), fd = out(), arrived = 0;
    struct sockaddr_in loose;
    struct msghdr msg;
    char c;

    good = place("127.0.0.1", port);
    bad = loose = place("127.0.0.2", port);
    loose.sin_family = AF_UNSPEC; /* which a datagram socket takes for AF_INET */
    say("sendto", sendto(fd, "a", 1, 0, (struct sockaddr *)&good, sizeof(good)));
    say("sendto, denied", sendto(fd, "a", 1, 0, (struct sockaddr *)&bad, sizeof(bad)));
    say("sendto unspecified family, denied",
        sendto(fd, "a", 1, 0, (struct sockaddr *)&loose, sizeof(loose)));
    msg = message(&good);
    say("sendmsg", sendmsg(fd, &msg, 0));
    msg = message(&bad);
    say("sendmsg, denied", sendmsg(fd, &msg, 0));
    batch("sendmmsg", fd, (struct sockaddr_in *[]){&good, &good}, 2);
    batch("sendmmsg, second denied", fd, (struct sockaddr_in *[]){&good, &bad, &good}, 3);
    batch("sendmmsg, first denied", fd, (struct sockaddr_in *[]){&bad, &good}, 2);
    say("connected", connect(fd, (struct sockaddr *)&good, sizeof(good)));
    say("send", send(fd, "c", 1, 0));
    close(fd);
    fd = out();
    say("connected, denied", connect(fd, (struct sockaddr *)&bad, sizeof(bad)));
    while (recv(in, &c, 1, MSG_DONTWAIT) == 1)
        arrived++;
    printf("arrived: %d\n", arrived);
    return 0;
}
