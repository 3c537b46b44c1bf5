/*
 * Decisions about connections that policyd itself secures: asked of the same decider, noted in the
 * same log as those of programs, with the peer.
 *
 * Cost: as a decision. Errors: none; what cannot be decided is a denial. Threads: main only.
 */
#ifndef PIL_POLICYD_MESH_JUDGE_H
#define PIL_POLICYD_MESH_JUDGE_H

#include "core/query.h"
#include "core/standin.h"
#include "policyd/mesh/owner.h"

/* A decision on what is happening now: counted and noted. */
void pil_judge(const struct pil_owner *o, const struct pil_query *q, struct pil_verdict *out);

/* The same without a trace: was it decided and noted elsewhere, or is it asked once more? */
void pil_judge_again(const struct pil_owner *o, const struct pil_query *q, struct pil_verdict *out);

/* A question about an address of a socket; port and ip of `own`. */
struct pil_query pil_judge_query(unsigned action, const union pil_standin_addr *own);

/* Address and port of a socket's address. */
struct pil_ip pil_judge_ip(const union pil_standin_addr *a);
uint16_t pil_judge_port(const union pil_standin_addr *a);

/* getsockname and getpeername for inet sockets; false for others. */
bool pil_judge_own(int fd, union pil_standin_addr *out);
bool pil_judge_other(int fd, union pil_standin_addr *out);

#endif
