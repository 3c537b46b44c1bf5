/*
 * What the log says of connections that were refused or cut, and their counters.
 *
 * A flood of refused handshakes writes at most twenty lines a second; how many more there were
 * stands in the next one. Threads: main thread only.
 */
#ifndef PIL_POLICYD_MESH_TELL_H
#define PIL_POLICYD_MESH_TELL_H

#include "core/standin.h"
#include "core/tls_reason.h"
#include "policyd/mesh/stats.h"
#include "policyd/tls/handshake.h"

struct pil_conn;
struct pil_delegate;
struct pil_mesh;
struct pil_owner;

struct pil_tell {
    const struct pil_owner *owner;
    enum pil_tls_role role;
    const union pil_standin_addr *own, *other; /* either may be NULL */
    enum pil_tls_reason reason;
    const struct pil_hand_result *result; /* what is known of the peer; NULL: nothing */
    const char *detail;                   /* instead of result's; may be NULL */
    uint64_t took_ns;
};

/* A handshake that was refused: counted and, within its bound, logged. */
void pil_tell_refused(struct pil_mesh *m, const struct pil_tell *tell);

/* A listening socket that was not taken over; owner NULL: no memory for it. */
void pil_tell_undelegated(struct pil_mesh *m, const struct pil_owner *owner,
                          const struct pil_delegate *ask, int err);

/* A standing connection was cut, or could not be. rule and policy: indices of the image in force,
 * PIL_NO_INDEX for none. */
void pil_tell_cut(struct pil_mesh *m, const struct pil_conn *c, enum pil_cut why, const char *how,
                  const struct pil_verdict *v);

#endif
