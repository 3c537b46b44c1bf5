#include "cli/inspect/judged.h"

#include <string.h>

#define ROW(by, why) ((struct pil_judged){by, why})

static bool is_inherited(const struct pil_judged_process *p, int fd, uint64_t inode)
{
    if (fd <= 2 || (unsigned)fd < 3 + p->passed)
        return true;
    for (size_t i = 0; i < p->parents; i++)
        if (p->parent[i] == inode)
            return true;
    return false;
}

/* Where the name-service modules of libc go; what they say is not decided. */
static bool is_name_service(const char *path)
{
    static const char *const places[] = {
        "/run/nscd/",          "/var/run/nscd/",        "/run/systemd/userdb/",
        "/var/lib/sss/pipes/", "/run/systemd/resolve/", "/run/samba/winbindd/",
        "/run/nslcd/",         "/var/run/nslcd/"};

    for (size_t i = 0; i < PIL_NELEM(places); i++)
        if (strncmp(path, places[i], strlen(places[i])) == 0)
            return true;
    return false;
}

static struct pil_judged unix_socket(const struct pil_judged_process *p, const struct pil_socket *s)
{
    if (s->peer[0] && (strcmp(s->peer, p->policyd) == 0 || strcmp(s->peer, p->abstract) == 0))
        return ROW("link", "it is Pillion's own link to policyd");
    if (strcmp(s->state, "listen") == 0)
        return ROW("listen", "decided at listen; each connection at accept");
    if (is_name_service(s->peer))
        return ROW("name-service", "libc's name service; not decided");
    if (s->peer[0])
        return ROW("connect", "its peer has a name: decided at connect");
    if (s->local[0] && strcmp(s->state, "connected") == 0)
        return ROW("accept", "it has a listener's name: decided at accept");
    if (strcmp(s->kind, "unix-dgram") == 0)
        return ROW("send", "decided at each destination that is named");
    return ROW("unnamed", "neither end has a name: a pair, which is not decided, or not connected");
}

static struct pil_judged tcp_socket(const struct pil_judged_process *p, const struct pil_socket *s)
{
    if (strcmp(s->state, "listen") == 0)
        return ROW("listen", "decided at listen; each connection at accept");
    for (size_t i = 0; i < p->listeners; i++)
        if (p->listening[i] == s->port)
            return ROW("accept", "the process listens at its port: decided at accept");
    return ROW("connect", "decided at connect");
}

static struct pil_judged by_family(const struct pil_judged_process *p, const struct pil_socket *s)
{
    switch (s->family) {
    case PIL_SOCKET_TCP:
        return tcp_socket(p, s);
    case PIL_SOCKET_UDP:
        return s->peer[0] ? ROW("send", "decided at connect")
                          : ROW("send", "decided at each destination; at bind to a port (listen)");
    case PIL_SOCKET_UNIX:
        return unix_socket(p, s);
    case PIL_SOCKET_NETLINK:
        return ROW("kernel", "it talks to the kernel itself; not decided");
    case PIL_SOCKET_RAW:
        return ROW("send", "decided at each destination");
    case PIL_SOCKET_PACKET:
        return ROW("family", "only a rule for everything, or the default, speaks of it");
    }
    return ROW("unknown", "not known");
}

struct pil_judged pil_judged_by(const struct pil_judged_process *p, int fd, uint64_t inode,
                                const struct pil_socket *socket)
{
    struct pil_judged as = {"unused", "not connected or bound, or of a family that is not listed"};

    if (!p->covered)
        return ROW("nothing", "the library is not in the process");
    if (socket)
        as = by_family(p, socket);
    if (strcmp(as.by, "link") == 0 || !is_inherited(p, fd, inode))
        return as;
    if (socket && strcmp(socket->state, "listen") == 0)
        return ROW("inherited", "it came with the process; each connection is decided at accept");
    return ROW("inherited", "it came with the process: opening it was not decided here");
}
