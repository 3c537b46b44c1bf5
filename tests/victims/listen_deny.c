// flags: -I.
// calls> vary: the shim names the family that was left unspecified
// deny> listen: ok
// deny> listen, denied: EACCES
// deny> bind datagram: ok
// deny> bind datagram, denied: EACCES
// deny> bind unspecified family, denied: EACCES
/* Who may wait for calls, and where. */
#include "tests/victims/victim.h"

static int wait_at(int type, struct sockaddr_in in)
{
    int fd = socket(AF_INET, type, 0);

    if (bind(fd, (struct sockaddr *)&in, sizeof(in)))
        return -1;
    return type == SOCK_STREAM ? listen(fd, 1) : 0;
}

int main(void)
{
    int port;
    struct sockaddr_in loose;

    close(serve(SOCK_STREAM, &port));
    loose = place("0.0.0.0", 9);
    loose.sin_family = AF_UNSPEC; /* which bind takes for AF_INET with the address of all */
    say("listen", wait_at(SOCK_STREAM, place("127.0.0.1", port)));
    say("listen, denied", wait_at(SOCK_STREAM, place("127.0.0.2", port)));
    say("bind datagram", wait_at(SOCK_DGRAM, place("127.0.0.1", port)));
    say("bind datagram, denied", wait_at(SOCK_DGRAM, place("127.0.0.2", port)));
    say("bind unspecified family, denied", wait_at(SOCK_DGRAM, loose));
    return 0;
}
