/*
 * Names of the sockets that policyd gives a program in place of its own: what stands in for a
 * listening socket, and the program's end of a relay.
 *
 * They are unix sockets, bound to an abstract name which says what they stand for. So any process
 * recognises one that it inherited or was given, without a note of its own, and answers
 * getsockname and getpeername from it. The names, behind the NUL:
 *
 *   pillion/listen/4/7f000001/1f90/1c             family, address, port, number
 *   pillion/relay/6/<own>/<port>/<peer>/<port>/<number>
 *
 * Family is 4 or 6, as the program's own socket was; addresses are hex in network order, 8 or 32
 * digits; ports and the number are hex. The interface of a link-local address stands in its octets
 * 4 to 7, which are zero on the wire.
 *
 * Cost: no system call. Errors: false. Threads, fork, signals: safe everywhere, no allocation.
 */
#ifndef PIL_CORE_STANDIN_H
#define PIL_CORE_STANDIN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/defs.h"

enum pil_standin_kind {
    PIL_STANDIN_NONE = 0,
    PIL_STANDIN_LISTEN,
    PIL_STANDIN_RELAY,
};

#define PIL_STANDIN_ID_MAX ((UINT64_C(1) << 52) - 1) /* what every name has room for */

union pil_standin_addr {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct pil_standin {
    enum pil_standin_kind kind;
    uint64_t id;                  /* policyd's: of the listener, or the connection */
    union pil_standin_addr own;   /* as getsockname gave it */
    union pil_standin_addr other; /* as getpeername gave it; RELAY only */
};

/* Writes the name and its length for bind. False for a family other than the two, a kind that is
 * none, an id that is too large. */
bool pil_standin_name(const struct pil_standin *s, struct sockaddr_un *out, socklen_t *len);

/* Reads a name as getsockname gave it. False, and out->kind NONE, for any other. */
bool pil_standin_read(const struct sockaddr *sa, socklen_t len, struct pil_standin *out);

/* Bytes of such an address: those of its family. */
socklen_t pil_standin_len(const union pil_standin_addr *addr);

#endif
