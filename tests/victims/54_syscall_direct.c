// flags: -I.
// deny> connect: ok
// deny> connect, denied: EACCES
// deny> sendto, denied: EACCES
// deny> accept4: ok
// deny> getpid: ok
// deny> bad descriptor: EBADF
/* syscall() is a way to the network too. */
#include "tests/victims/victim.h"

#include <sys/syscall.h>

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port), fd = socket(AF_INET, SOCK_STREAM, 0);
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in good = place("127.0.0.1", port), bad = place("127.0.0.2", port);

    say("connect", syscall(SYS_connect, fd, &good, sizeof(good)));
    fd = socket(AF_INET, SOCK_STREAM, 0);
    say("connect, denied", syscall(SYS_connect, fd, &bad, sizeof(bad)));
    say("sendto, denied", syscall(SYS_sendto, udp, "x", 1, 0, &bad, sizeof(bad)));
    say("accept4", syscall(SYS_accept4, server, NULL, NULL, SOCK_CLOEXEC));
    say("getpid", syscall(SYS_getpid) == getpid() ? 0 : -1);
    say("bad descriptor", syscall(SYS_connect, -1, &good, sizeof(good)));
    return 0;
}
