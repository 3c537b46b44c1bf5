/*
 * The connections that stand: what was admitted, for whom, toward whom.
 *
 * policyd has no descriptor of a connection that is the program's; it is known by its cookie. That
 * it has ended is learned by asking the kernel for the cookie now and then (sweep.c), or when its
 * relay ends. Entries keep the whole question that admitted it, so that it can be asked again.
 *
 * Cost: one allocation each, two hash look-ups. Errors: NULL without memory. Threads: main only.
 */
#ifndef PIL_POLICYD_MESH_CONNS_H
#define PIL_POLICYD_MESH_CONNS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/standin.h"
#include "core/wire_tls.h"
#include "policyd/mesh/owner.h"
#include "policyd/tls/handshake.h"

struct pil_relay;

struct pil_conn {
    struct pil_conn *next, **link; /* all of them, oldest last */
    struct pil_conn *next_id;      /* hash chain */
    uint64_t id, cookie, inode;
    struct pil_owner *owner;
    struct pil_relay *relay; /* path relay */
    uint8_t role;            /* enum pil_tls_role: SERVER was accepted */
    uint8_t path;            /* enum pil_path */
    bool mesh, resumed;
    bool here;     /* its socket is of this network namespace */
    bool cut;      /* its end has been told */
    bool unjudged; /* admitted by an earlier policyd: nobody knows for whom */
    uint16_t suite;
    uint64_t since_ns;   /* CLOCK_REALTIME */
    uint64_t generation; /* it was last judged under */
    int64_t not_after;   /* of the peer's certificate; 0: there is none */
    union pil_standin_addr own, other;
    struct pil_query query; /* its texts are below */
    char *serial;
    char text[]; /* peer, serial, name and caller, each with a NUL */
};

#define PIL_CONN_BUCKETS 4096u

struct pil_conns {
    struct pil_conn *all;
    struct pil_conn *cursor; /* where the sweep goes on; NULL: at its end */
    struct pil_conn *bucket[PIL_CONN_BUCKETS];
    unsigned count, by_path[PIL_PATH_COUNT];
};

/* A connection that was admitted. fd: its TCP socket, only asked for its cookie and names. result
 * NULL: plain. With one reference to the owner of its own. */
struct pil_conn *pil_conns_add(struct pil_mesh *m, struct pil_owner *owner, enum pil_tls_role role,
                               enum pil_path path, int fd, const struct pil_query *q,
                               const struct pil_hand_result *result);

struct pil_conn *pil_conns_find(const struct pil_mesh *m, uint64_t id);

/* Whether this socket is that connection. */
bool pil_conns_is(const struct pil_conn *c, int fd);

/* The kernel's number of a socket; 0 when it has none. */
uint64_t pil_conns_cookie(int fd);

/* Another path, when it was demoted. */
void pil_conns_path(struct pil_mesh *m, struct pil_conn *c, enum pil_path path);

/* It has ended. */
void pil_conns_remove(struct pil_mesh *m, struct pil_conn *c);

#endif
