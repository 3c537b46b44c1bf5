// flags: -I.
// root> raw sockets
// calls> vary: packets are numbered
// deny> ping: ok
// deny> ping, denied: EACCES
// deny> ping by sendmsg, denied: EACCES
// deny> echo came back: yes
// deny> connected raw: ok
// deny> connected raw, denied: EACCES
// deny> icmp datagram, denied: EACCES
// deny> own header, denied: EACCES
// deny> packet: ok
// deny> netlink: ok
/* Raw sockets, ICMP, packets below IP: each has an answer in the policy, none slips through. */
#include "tests/victims/victim.h"

#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>

static struct icmphdr echo(void)
{
    struct icmphdr icmp = {.type = ICMP_ECHO, .un.echo = {.id = htons(4711), .sequence = 1}};
    uint16_t words[4];
    uint32_t sum = 0;

    memcpy(words, &icmp, sizeof(words));
    for (int i = 0; i < 4; i++)
        sum += words[i];
    icmp.checksum = (uint16_t) ~(sum + (sum >> 16));
    return icmp;
}

static long ping(int fd, const char *ip)
{
    struct sockaddr_in to = place(ip, 0);
    struct icmphdr icmp = echo();

    return sendto(fd, &icmp, sizeof(icmp), 0, (struct sockaddr *)&to, sizeof(to));
}

static long ping_by_message(int fd, const char *ip)
{
    struct sockaddr_in to = place(ip, 0);
    struct icmphdr icmp = echo();
    struct iovec iov = {&icmp, sizeof(icmp)};
    struct msghdr msg = {
        .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov, .msg_iovlen = 1};

    return sendmsg(fd, &msg, 0);
}

/* On loopback one's own echo comes first, then the answer. */
static bool answered(int fd)
{
    struct timeval limit = {5, 0};
    char packet[256];

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    while (recv(fd, packet, sizeof(packet), 0) >= 28) {
        struct icmphdr icmp;

        memcpy(&icmp, packet + 20, sizeof(icmp));
        if (icmp.type == ICMP_ECHOREPLY && icmp.un.echo.id == htons(4711))
            return true;
    }
    return false;
}

static long connect_raw(const char *ip)
{
    struct sockaddr_in to = place(ip, 0);
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    long result = connect(fd, (struct sockaddr *)&to, sizeof(to));
    int error = errno;

    close(fd);
    errno = error;
    return result;
}

static long own_header(const char *ip)
{
    struct sockaddr_in to = place(ip, 0);
    struct iphdr head = {.version = 4, .ihl = 5, .ttl = 1, .protocol = 253};
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);

    head.daddr = to.sin_addr.s_addr;
    return sendto(fd, &head, sizeof(head), 0, (struct sockaddr *)&to, sizeof(to));
}

/* To the loopback device; the frame is of a type that nobody takes. */
static long packet(void)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(0x88b5),
                             .sll_ifindex = (int)if_nametoindex("lo")};
    int fd = socket(AF_PACKET, SOCK_DGRAM, 0);

    return sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
}

/* The kernel itself is nobody to be judged. */
static long netlink(void)
{
    struct sockaddr_nl nl = {.nl_family = AF_NETLINK};
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

    return connect(fd, (struct sockaddr *)&nl, sizeof(nl));
}

int main(void)
{
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), datagram;

    if (fd < 0)
        die("raw socket");
    say("ping", ping(fd, "127.0.0.1"));
    say("ping, denied", ping(fd, "127.0.0.2"));
    say("ping by sendmsg, denied", ping_by_message(fd, "127.0.0.2"));
    printf("echo came back: %s\n", answered(fd) ? "yes" : "no");
    say("connected raw", connect_raw("127.0.0.1"));
    say("connected raw, denied", connect_raw("127.0.0.2"));
    datagram = socket(AF_INET, SOCK_DGRAM, 0);
    say("icmp datagram, denied", ping(datagram, "127.0.0.2"));
    say("own header, denied", own_header("127.0.0.2"));
    say("packet", packet());
    say("netlink", netlink());
    return 0;
}
