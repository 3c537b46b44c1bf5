#include "policyd/mesh/mesh.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/daemon.h"
#include "policyd/identity/identity.h"
#include "policyd/mesh/diag.h"
#include "policyd/mesh/incoming.h"
#include "policyd/mesh/listener.h"
#include "policyd/mesh/outgoing.h"
#include "policyd/mesh/parts.h"
#include "policyd/mesh/recheck.h"
#include "policyd/mesh/relay.h"

#define UNDER_WAY_FDS 4u    /* descriptors that a handshake may need at a time */
#define PER_PEER      1024u /* of one client address */
#define ROOM_MAX      8192u /* handshakes of this host at a time */

uint64_t pil_mesh_now_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t pil_mesh_id(struct pil_mesh *m)
{
    m->next_id = (m->next_id + 1) & PIL_STANDIN_ID_MAX;
    return m->next_id;
}

bool pil_mesh_has_room(const struct pil_mesh *m)
{
    return m->accepting + m->connecting < m->room;
}

/* ---- life ----------------------------------------------------------------------------------- */

static bool revoked(void *cookie, const char *serial, const char *id)
{
    struct pil_mesh *m = cookie;

    return !m->d->identity || pil_identity_revoked(m->d->identity, serial, id);
}

static void on_tick(evutil_socket_t fd, short what, void *cookie)
{
    (void)fd, (void)what;
    pil_recheck_tick(cookie);
}

/* Half of the descriptors are for what is under way; the other half is for sessions, and for
 * listeners and relays. */
static unsigned room_for(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 64;
    limit.rlim_cur /= 2u * UNDER_WAY_FDS;
    return limit.rlim_cur < ROOM_MAX ? (unsigned)limit.rlim_cur : ROOM_MAX;
}

/* Numbers of an earlier policyd are in the names of sockets that still stand. */
static uint64_t first_id(void)
{
    uint64_t random = 0;

    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        random = pil_mesh_now_ns(CLOCK_REALTIME);
    return (random << 32) & PIL_STANDIN_ID_MAX;
}

static int begin(struct pil_mesh *m)
{
    struct pil_hands_setup setup = {
        .total = m->room, .per_peer = PER_PEER, .revoked = revoked, .cookie = m};
    struct timeval second = {.tv_sec = 1};
    int err = pil_hands_open(m->d->base, &setup, &m->hands);

    if (!err)
        err = pil_relays_open(m, &m->relays);
    if (err)
        return err;
    m->tick = event_new(m->d->base, -1, EV_PERSIST, on_tick, m);
    return m->tick && event_add(m->tick, &second) == 0 ? PIL_OK : PIL_E_NOMEM;
}

int pil_mesh_open(struct pil_daemon *d, struct pil_mesh **out)
{
    struct pil_mesh *m = calloc(1, sizeof(*m));
    int err;

    if (!m)
        return PIL_E_NOMEM;
    *m = (struct pil_mesh){.d = d, .diag = pil_diag_open()};
    m->room = room_for();
    m->next_id = first_id();
    if (d->identity)
        pil_identity_on_change(d->identity, pil_mesh_identity_changed, m);
    err = begin(m);
    if (err)
        pil_mesh_close(m);
    else
        *out = m;
    return err;
}

void pil_mesh_start(struct pil_mesh *m)
{
    m->started = true;
    for (struct pil_listener *l = m->listeners; l; l = l->next)
        pil_listener_go_on(l);
}

void pil_mesh_close(struct pil_mesh *m)
{
    if (!m)
        return;
    if (m->d->identity)
        pil_identity_on_change(m->d->identity, NULL, NULL);
    while (m->listeners)
        pil_listener_end(m->listeners, false);
    while (m->outgoing)
        pil_outgoing_drop(m->outgoing);
    pil_hands_close(m->hands);
    pil_relays_close(m->relays);
    while (m->conns.all)
        pil_conns_remove(m, m->conns.all);
    if (m->tick)
        event_free(m->tick);
    if (m->diag >= 0)
        close(m->diag);
    free(m);
}

/* ---- changes -------------------------------------------------------------------------------- */

void pil_mesh_swapped(struct pil_mesh *m)
{
    struct pil_listener *next;

    pil_owner_judge_all(m);
    for (struct pil_listener *l = m->listeners; l; l = next) {
        next = l->next;
        pil_listener_judge(l);
        pil_listener_go_on(l);
    }
    pil_recheck_all(m);
}

void pil_mesh_identity_changed(void *mesh, unsigned changes)
{
    if (changes & PIL_IDENTITY_REVOKED)
        pil_recheck_all(mesh);
}

unsigned pil_mesh_descriptors(const struct pil_mesh *m)
{
    return m ? 2 * m->listening + UNDER_WAY_FDS * (m->accepting + m->connecting) +
                   2 * m->conns.by_path[PIL_PATH_RELAY]
             : 0;
}
