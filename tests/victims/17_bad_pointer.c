// flags: -I.
// deny> connect: EFAULT
// deny> sendto: EFAULT
// deny> bind: EFAULT
// deny> sendmsg: EFAULT
// deny> sendmsg, bad name: EFAULT
/* Addresses that cannot be read are the kernel's to refuse; the program goes on. */
#include "tests/victims/victim.h"

int main(void)
{
    struct sockaddr *volatile nowhere = (struct sockaddr *)16;
    struct msghdr *volatile none = (struct msghdr *)16;
    struct iovec iov = {(char[]){"x"}, 1};
    struct msghdr msg = {.msg_name = nowhere, .msg_namelen = 16, .msg_iov = &iov, .msg_iovlen = 1};
    int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);

    say("connect", connect(tcp, nowhere, 16));
    say("sendto", sendto(udp, "x", 1, 0, nowhere, 16));
    say("bind", bind(udp, nowhere, 16));
    say("sendmsg", sendmsg(udp, none, 0));
    say("sendmsg, bad name", sendmsg(udp, &msg, 0));
    return 0;
}
