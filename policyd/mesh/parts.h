/*
 * What the files of this folder share; nobody else includes it.
 *
 * Threads: main thread only, but for relay.c's own.
 */
#ifndef PIL_POLICYD_MESH_PARTS_H
#define PIL_POLICYD_MESH_PARTS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "core/standin.h"
#include "core/wire_tls.h"
#include "policyd/mesh/conns.h"
#include "policyd/mesh/mesh.h"
#include "policyd/mesh/owner.h"
#include "policyd/mesh/stats.h"
#include "policyd/tls/handshake.h"

struct event;
struct pil_identity;
struct pil_incoming;
struct pil_kept;
struct pil_listener;
struct pil_outgoing;
struct pil_relays;

struct pil_mesh {
    struct pil_daemon *d;
    struct pil_hands *hands;
    struct pil_owner *owners;
    struct pil_listener *listeners;
    struct pil_outgoing *outgoing;
    struct pil_relays *relays;
    struct pil_conns conns;
    struct pil_mesh_stats stats;
    struct event *tick; /* once a second while connections stand */
    int diag;           /* questions to the kernel about sockets; -1 */
    uint64_t next_id;
    unsigned listening, accepting, connecting; /* how many of each there are */
    unsigned room;                             /* handshakes that descriptors allow at a time */
    bool started;                              /* there has been a policy */
};

/* A number for a listener or a connection: never 0, and none that an earlier policyd gave. */
uint64_t pil_mesh_id(struct pil_mesh *m);

/* Whether another handshake may begin. */
bool pil_mesh_has_room(const struct pil_mesh *m);

uint64_t pil_mesh_now_ns(clockid_t clock);

#endif
