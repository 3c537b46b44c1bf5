#include "cli/inspect/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/addr.h"
#include "core/sysops.h"

static const struct {
    const char *name;
    enum pil_socket_family family;
} files[] = {
    {"tcp", PIL_SOCKET_TCP},   {"tcp6", PIL_SOCKET_TCP},      {"udp", PIL_SOCKET_UDP},
    {"udp6", PIL_SOCKET_UDP},  {"raw", PIL_SOCKET_RAW},       {"raw6", PIL_SOCKET_RAW},
    {"unix", PIL_SOCKET_UNIX}, {"packet", PIL_SOCKET_PACKET}, {"netlink", PIL_SOCKET_NETLINK},
};

/* ---- lines ------------------------------------------------------------------------------------
 */

/* "0100007F:1F90", or 32 digits for IPv6: words of four bytes as the kernel has them in memory. */
static bool read_address(const char *text, char out[PIL_SOCKET_TEXT], uint16_t *port)
{
    size_t digits = strspn(text, "0123456789ABCDEFabcdef");
    struct pil_ip ip = {{0}};
    char one[PIL_IP_TEXT];
    unsigned value;

    if ((digits != 8 && digits != 32) || text[digits] != ':')
        return false;
    if (digits == 8)
        ip.octet[10] = ip.octet[11] = 0xff;
    for (size_t i = 0; i < digits / 8; i++) {
        uint32_t word;

        if (sscanf(text + i * 8, "%8x", &value) != 1)
            return false;
        word = value;
        memcpy(ip.octet + (digits == 8 ? 12 : i * 4), &word, 4);
    }
    if (sscanf(text + digits + 1, "%4x", &value) != 1)
        return false;
    *port = (uint16_t)value;
    pil_ip_print(&ip, one);
    snprintf(out, PIL_SOCKET_TEXT, pil_ip_is_v4(&ip) ? "%s:%u" : "[%s]:%u", one, value);
    return true;
}

static const char *tcp_state(unsigned state)
{
    enum { ESTABLISHED = 1, SYN_SENT = 2, SYN_RECV = 3, LISTEN = 10 };

    return state == ESTABLISHED                     ? "connected"
           : state == LISTEN                        ? "listen"
           : state == SYN_SENT || state == SYN_RECV ? "connecting"
                                                    : "closing";
}

/* "  sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ..." */
static bool inet_line(enum pil_socket_family family, const char *line, struct pil_socket *out)
{
    static const char *const kinds[] = {
        [PIL_SOCKET_TCP] = "tcp", [PIL_SOCKET_UDP] = "udp", [PIL_SOCKET_RAW] = "raw"};
    char local[48], peer[48];
    unsigned long long inode;
    uint16_t port;
    unsigned state;

    if (sscanf(line, " %*d: %47s %47s %x %*s %*s %*s %*d %*d %llu", local, peer, &state, &inode) !=
            4 ||
        !read_address(local, out->local, &out->port) || !read_address(peer, out->peer, &port))
        return false;
    out->inode = inode;
    out->kind = kinds[family];
    if (family == PIL_SOCKET_TCP)
        out->state = tcp_state(state);
    else
        out->state = port ? "connected" : out->port ? "bound" : "open";
    if (port == 0)
        out->peer[0] = '\0';
    return true;
}

/* "Num: RefCount Protocol Flags Type St Inode Path", the last only when there is one. */
static bool unix_line(const char *line, struct pil_socket *out)
{
    enum { ACCEPTS = 0x10000, CONNECTED = 3, STREAM = 1, DGRAM = 2, SEQPACKET = 5 };
    unsigned long long inode;
    unsigned flags, type, state;
    int at = 0;

    if (sscanf(line, "%*x: %*x %*x %x %x %x %llu%n", &flags, &type, &state, &inode, &at) != 4)
        return false;
    out->inode = inode;
    out->kind = type == STREAM      ? "unix-stream"
                : type == DGRAM     ? "unix-dgram"
                : type == SEQPACKET ? "unix-seqpacket"
                                    : "unix";
    if (line[at] == ' ')
        snprintf(out->local, sizeof(out->local), "%.*s", (int)strcspn(line + at + 1, "\n"),
                 line + at + 1);
    out->state = flags & ACCEPTS      ? "listen"
                 : state == CONNECTED ? "connected"
                 : out->local[0]      ? "bound"
                                      : "open";
    return true;
}

/* The first word is an address of the kernel, or zeroes; the last is the inode. */
static bool other_line(const char *line, struct pil_socket *out)
{
    size_t digits = strspn(line, "0123456789abcdef");
    const char *end = line + strcspn(line, "\n"), *start;
    char *stop;

    while (end > line && end[-1] == ' ')
        end--;
    for (start = end; start > line && start[-1] != ' ';)
        start--;
    out->inode = strtoull(start, &stop, 10);
    out->state = "open";
    return digits >= 8 && line[digits] == ' ' && stop == end && stop != start && out->inode != 0;
}

bool pil_sockets_line(enum pil_socket_family family, const char *line, struct pil_socket *out)
{
    *out = (struct pil_socket){.family = family};
    switch (family) {
    case PIL_SOCKET_TCP:
    case PIL_SOCKET_UDP:
    case PIL_SOCKET_RAW:
        return inet_line(family, line, out);
    case PIL_SOCKET_UNIX:
        return unix_line(line, out);
    case PIL_SOCKET_NETLINK:
        out->kind = "netlink";
        return other_line(line, out);
    case PIL_SOCKET_PACKET:
        out->kind = "packet";
        return other_line(line, out);
    }
    return false;
}

static void read_file(pid_t pid, size_t which, struct pil_sockets *all)
{
    char path[64], *line = NULL;
    struct pil_socket one;
    size_t room = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)pid, files[which].name);
    file = fopen(path, "re");
    while (file && getline(&line, &room, file) > 0) {
        struct pil_socket *grown;

        if (!pil_sockets_line(files[which].family, line, &one))
            continue;
        grown = realloc(all->item, (all->count + 1) * sizeof(*all->item));
        if (!grown)
            break;
        all->item = grown;
        all->item[all->count++] = one;
    }
    free(line);
    if (file)
        fclose(file);
}

/* ---- the ends of unix connections -------------------------------------------------------------
 */

static bool ask(int fd)
{
    struct {
        struct nlmsghdr head;
        struct unix_diag_req body;
    } request = {
        .head = {.nlmsg_len = sizeof(request),
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.sdiag_family = AF_UNIX, .udiag_states = ~0u, .udiag_show = UDIAG_SHOW_PEER},
    };

    return send(fd, &request, sizeof(request), 0) == sizeof(request);
}

static void set_peer(struct pil_sockets *all, uint64_t inode, uint64_t peer)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->item[i].family == PIL_SOCKET_UNIX && all->item[i].inode == inode)
            all->item[i].peer_inode = peer;
}

static void take_message(struct pil_sockets *all, const struct nlmsghdr *head)
{
    struct unix_diag_msg body;
    size_t at = NLMSG_LENGTH(sizeof(body));

    if (head->nlmsg_len < at)
        return;
    memcpy(&body, NLMSG_DATA(head), sizeof(body));
    while (head->nlmsg_len - at >= sizeof(struct nlattr)) {
        struct nlattr attribute;
        uint32_t peer;

        memcpy(&attribute, (const char *)head + at, sizeof(attribute));
        if (attribute.nla_len < sizeof(attribute) || attribute.nla_len > head->nlmsg_len - at)
            return;
        if (attribute.nla_type == UNIX_DIAG_PEER &&
            attribute.nla_len >= NLA_HDRLEN + sizeof(peer)) {
            memcpy(&peer, (const char *)head + at + NLA_HDRLEN, sizeof(peer));
            set_peer(all, body.udiag_ino, peer);
        }
        at += NLA_ALIGN(attribute.nla_len);
        if (at > head->nlmsg_len)
            return;
    }
}

/* One datagram of answers; false at the end of them, with *good telling how. */
static bool take_answers(struct pil_sockets *all, int fd, bool *good)
{
    char room[32768] __attribute__((aligned(8)));
    ssize_t got = recv(fd, room, sizeof(room), 0);
    struct nlmsghdr *head = (struct nlmsghdr *)(void *)room;

    for (unsigned left = got > 0 ? (unsigned)got : 0; NLMSG_OK(head, left);
         head = NLMSG_NEXT(head, left)) {
        if (head->nlmsg_type == NLMSG_DONE)
            *good = true;
        if (head->nlmsg_type == NLMSG_DONE || head->nlmsg_type == NLMSG_ERROR)
            return false;
        take_message(all, head);
    }
    return got > 0;
}

/* Diagnosis is of the namespace that the asking socket was made in. */
static void enter_network(pid_t pid)
{
    char path[64], theirs[64] = "", ours[64] = "";
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
    if (readlink(path, theirs, sizeof(theirs) - 1) < 0 ||
        readlink("/proc/self/ns/net", ours, sizeof(ours) - 1) < 0 || strcmp(theirs, ours) == 0)
        return;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!setns(fd, CLONE_NEWNET);
        close(fd);
    }
}

static void read_peers(pid_t pid, struct pil_sockets *all)
{
    int fd;

    enter_network(pid);
    fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0)
        return;
    if (ask(fd))
        while (take_answers(all, fd, &all->peers))
            ;
    close(fd);
}

static void name_peers(struct pil_sockets *all)
{
    for (size_t i = 0; i < all->count; i++) {
        struct pil_socket *one = &all->item[i];
        const struct pil_socket *peer =
            one->peer_inode ? pil_sockets_find(all, one->peer_inode) : NULL;

        if (peer)
            memcpy(one->peer, peer->local, sizeof(one->peer));
    }
}

void pil_sockets_read(pid_t pid, struct pil_sockets *out)
{
    *out = (struct pil_sockets){0};
    for (size_t i = 0; i < PIL_NELEM(files); i++)
        read_file(pid, i, out);
    read_peers(pid, out);
    name_peers(out);
}

const struct pil_socket *pil_sockets_find(const struct pil_sockets *all, uint64_t inode)
{
    /* One that nobody has accepted yet has no inode. */
    for (size_t i = 0; inode != 0 && i < all->count; i++)
        if (all->item[i].inode == inode)
            return &all->item[i];
    return NULL;
}

void pil_sockets_free(struct pil_sockets *all)
{
    free(all->item);
    *all = (struct pil_sockets){0};
}
