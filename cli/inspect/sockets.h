/*
 * The sockets of a network namespace as the kernel lists them in /proc/PID/net, and the two ends of
 * unix connections, which only its socket diagnosis tells.
 *
 * Errors: what cannot be read is missing; `peers` tells whether unix peers are known. Memory:
 * pil_sockets_free. Threads: one.
 */
#ifndef PIL_CLI_INSPECT_SOCKETS_H
#define PIL_CLI_INSPECT_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/defs.h"

enum pil_socket_family {
    PIL_SOCKET_TCP,
    PIL_SOCKET_UDP,
    PIL_SOCKET_UNIX,
    PIL_SOCKET_NETLINK,
    PIL_SOCKET_RAW,
    PIL_SOCKET_PACKET,
};

#define PIL_SOCKET_TEXT 160u /* an address, or a unix path, which may be cut */

struct pil_socket {
    uint64_t inode, peer_inode; /* peer: unix only, 0 when not known */
    enum pil_socket_family family;
    const char *kind;  /* "tcp", "udp", "unix-stream", ... */
    const char *state; /* "listen", "connected", "bound", "closing", "open" */
    uint16_t port;     /* local, inet only */
    char local[PIL_SOCKET_TEXT], peer[PIL_SOCKET_TEXT];
};

struct pil_sockets {
    struct pil_socket *item;
    size_t count;
    bool peers;
};

/* One line of the file for that family; false when it lists no socket. */
bool pil_sockets_line(enum pil_socket_family family, const char *line,
                      struct pil_socket *out) PIL_USERESULT;

/* All of the network namespace that the process is in. */
void pil_sockets_read(pid_t pid, struct pil_sockets *out);

const struct pil_socket *pil_sockets_find(const struct pil_sockets *all, uint64_t inode);
void pil_sockets_free(struct pil_sockets *all);

#endif
