// flags: -I.
// deny> connect: EACCES
// deny> allowed: ok
// deny> sendto: EACCES
// deny> bad pointer: EFAULT
// deny> unknown: EINVAL
/* The one call that all socket calls once were, made as old programs make it. */
#include "tests/victims/victim.h"

#include <linux/net.h>
#include <sys/syscall.h>

static long call(int which, const long *arguments)
{
    return syscall(SYS_socketcall, which, arguments);
}

static void try(const char *what, const char *ip, int port)
{
    struct sockaddr_in in = place(ip, port);
    long fd = call(SYS_SOCKET, (long[]){AF_INET, SOCK_STREAM, 0});

    say(what, call(SYS_CONNECT, (long[]){fd, (long)&in, sizeof(in)}));
    close((int)fd);
}

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port), udp = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in to = place("127.0.0.2", port);

    try("connect", "127.0.0.2", port);
    try("allowed", "127.0.0.1", port);
    say("sendto", call(SYS_SENDTO, (long[]){udp, (long)"x", 1, 0, (long)&to, sizeof(to)}));
    say("bad pointer", call(SYS_CONNECT, (long *)8));
    say("unknown", call(99, (long[]){0}));
    close(udp);
    close(server);
    return 0;
}
