// flags: -I.
// deny> connect: ok
// deny> disconnect: ok
// deny> connect again: ok
// deny> udp connect: ok
// deny> udp disconnect: ok
// deny> short: EINVAL
/* connect with AF_UNSPEC undoes a connection; addresses that are none are the kernel's to refuse.
 */
#include "tests/victims/victim.h"

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port), fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    struct sockaddr_in in = place("127.0.0.1", port);

    say("connect", connect(fd, (struct sockaddr *)&in, sizeof(in)));
    say("disconnect", connect(fd, &none, sizeof(none)));
    say("connect again", connect(fd, (struct sockaddr *)&in, sizeof(in)));
    close(fd);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    say("udp connect", connect(fd, (struct sockaddr *)&in, sizeof(in)));
    say("udp disconnect", connect(fd, &none, sizeof(none)));
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    say("short", connect(fd, (struct sockaddr *)&in, 8));
    close(server);
    return 0;
}
