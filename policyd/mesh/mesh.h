/*
 * Secured connections: policyd's side of them. Programs hand over listening sockets (DELEGATE) and
 * connections (SECURE); here handshakes are ordered (tls/handshake.h), the peer's identity is put
 * into the decision, and the connection goes to the program with its keys, or is relayed.
 *
 *   listener.c   a listening socket that a program has delegated
 *   incoming.c   one connection on it, until the program has it
 *   outgoing.c   a program's connection, until it is answered for
 *   relay.c      bytes between a program and TLS
 *   conns.c      connections that stand; recheck.c and cut.c end those that may not
 *   kept.c       what the keeper or systemd holds over a restart
 *
 * Cost: a connection costs policyd nothing once it is the program's, but an entry of 200 bytes and
 * a look at it now and then; a relay costs what its bytes cost.
 * Errors: enum pil_err. What cannot be secured is refused, with its reason in log and metrics.
 * Threads: main thread only.
 */
#ifndef PIL_POLICYD_MESH_MESH_H
#define PIL_POLICYD_MESH_MESH_H

#include <jansson.h>
#include <stdbool.h>

#include "core/bytes.h"

struct evbuffer;
struct pil_daemon;
struct pil_mesh;
struct pil_process;
struct pil_session;

/* After privileges are dropped, and after everything it asks: store, decider, journal, identity. */
int pil_mesh_open(struct pil_daemon *d, struct pil_mesh **out) PIL_USERESULT;

/* Ends what is under way; standing connections of path process go on. NULL is legal. */
void pil_mesh_close(struct pil_mesh *m);

/* There is a policy: listening sockets that were kept are served again. */
void pil_mesh_start(struct pil_mesh *m);

/* Another policy is in force; or the hash of a process is known. */
void pil_mesh_swapped(struct pil_mesh *m);

/* The identity module's word (identity/identity.h): renewed, roots, revoked. */
void pil_mesh_identity_changed(void *mesh, unsigned changes);

/* A message of a process that is attached. Descriptors that are kept become -1 in fds. False: the
 * session is gone. m may be NULL: then nothing is secured here and the session is refused. */
bool pil_mesh_message(struct pil_session *s, unsigned type, struct pil_reader *r, int *fds);

/* Descriptors in use here. */
unsigned pil_mesh_descriptors(const struct pil_mesh *m);

/* The object `mesh` of the status, the answer of `connections`, and metrics; m may be NULL. */
json_t *pil_mesh_report(struct pil_mesh *m);
json_t *pil_mesh_connections(struct pil_mesh *m);
void pil_mesh_metrics(struct pil_mesh *m, struct evbuffer *out);

#endif
