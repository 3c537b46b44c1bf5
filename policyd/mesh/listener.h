/*
 * A listening socket that a program has delegated: policyd accepts on it, and what is secured and
 * admitted goes through a stand-in (pair.h), which the program holds in its place.
 *
 * Connections are taken out of the kernel's backlog while the stand-in has room and not too many
 * handshakes are under way; a peer that stalls occupies one of those and nothing of the program's.
 * When every process has closed the stand-in the listener ends: what was not delivered is reset,
 * and the socket is closed. One socket may be delegated by several processes, each has a stand-in
 * of its own then; and several sockets may share a port (SO_REUSEPORT).
 *
 * Cost: three descriptors and an allocation. Errors: enum pil_err, told to the program.
 * Threads: main thread only.
 */
#ifndef PIL_POLICYD_MESH_LISTENER_H
#define PIL_POLICYD_MESH_LISTENER_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/standin.h"
#include "core/wire_tls.h"
#include "policyd/mesh/owner.h"

struct pil_incoming;
struct pil_mesh;

struct pil_listener {
    struct pil_mesh *m;
    struct pil_listener *next, **link;
    uint64_t id;
    int fd, pair; /* the listening socket; our end of the stand-in */
    struct pil_owner *owner;
    union pil_standin_addr own;
    uint32_t backlog;
    uint8_t mode; /* enum pil_encrypt, as policy has it now */
    bool kept;    /* the keeper or systemd holds it */
    bool waiting; /* the pair is full: `ready` waits for room */
    struct event accept, end, space;
    struct pil_incoming *all;                 /* all connections under way here */
    struct pil_incoming *ready, **ready_last; /* those of them that only wait for room */
    unsigned under_way;
    uint64_t accepted, delivered, refused;
    char caller[PIL_CALLER_MAX + 1]; /* who called listen(), for policies that look at it */
    struct pil_query query;          /* listen */
};

/* A program's request. PIL_OK with the program's end of the stand-in in *standin, which the caller
 * sends and closes. fd is taken over when that is the outcome. */
int pil_listener_take(struct pil_mesh *m, struct pil_owner *owner, const struct pil_delegate *ask,
                      int fd, uint64_t *id, int *standin) PIL_USERESULT;

/* One that was kept over a restart: descriptors are taken over, in any case; the reader holds what
 * pil_listener_put wrote. */
void pil_listener_restore(struct pil_mesh *m, uint64_t id, int fd, int pair,
                          struct pil_reader *facts);
void pil_listener_put(const struct pil_listener *l, struct pil_writer *w);

/* What policy says about it now. */
void pil_listener_judge(struct pil_listener *l);

/* Goes on accepting when that is possible again. */
void pil_listener_go_on(struct pil_listener *l);

/* Ends it; the keeper forgets it too when `forget`. */
void pil_listener_end(struct pil_listener *l, bool forget);

/* Ends it if no process has its stand-in any more. True when it is over. */
bool pil_listener_ended(struct pil_listener *l);

struct pil_listener *pil_listener_find(struct pil_mesh *m, uint64_t id);

#endif
