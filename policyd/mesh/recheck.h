/*
 * Are the connections that stand still allowed? Asked of all of them when the policy, or what is
 * revoked, has changed, and of some of them each second: also whether they stand at all.
 *
 * A connection is cut when a rule or a default denies what was admitted, when it is unprotected
 * and policy wants encryption, when the service at its other end may be somebody else only, when
 * the peer or the own identity is revoked, and, if the setting peer_expiry says so, when the
 * peer's certificate has expired. It is not cut because policyd has no policy, a stale one, or
 * a full log: those are reasons to admit nobody, and pass.
 *
 * Cost: a decision each. Threads: main thread only.
 */
#ifndef PIL_POLICYD_MESH_RECHECK_H
#define PIL_POLICYD_MESH_RECHECK_H

#include <stdbool.h>
#include <stdint.h>

struct pil_mesh;

/* All of them, now. */
void pil_recheck_all(struct pil_mesh *m);

/* One of them; true when it goes on. What is not known here (an earlier policyd admitted it, or it
 * has ended) goes on. */
bool pil_recheck_id(struct pil_mesh *m, uint64_t id);

/* Once a second. */
void pil_recheck_tick(struct pil_mesh *m);

#endif
