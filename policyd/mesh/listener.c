#include "policyd/mesh/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/daemon.h"
#include "policyd/journal.h"
#include "policyd/mesh/incoming.h"
#include "policyd/mesh/judge.h"
#include "policyd/mesh/kept.h"
#include "policyd/mesh/pair.h"
#include "policyd/mesh/parts.h"
#include "policyd/mesh/self.h"
#include "policyd/store.h"

#define ACCEPT_MAX    32u   /* connections taken in one round of the loop */
#define UNDER_WAY_MAX 4096u /* handshakes of one listener */
#define LISTENERS_MAX 4096u /* of this host */
#define READY_MAX     16u   /* frames in a stand-in */

static void on_accept(evutil_socket_t fd, short what, void *cookie);
static void on_end(evutil_socket_t fd, short what, void *cookie);
static void on_space(evutil_socket_t fd, short what, void *cookie);

/* ---- taking one over ------------------------------------------------------------------------ */

static int option(int fd, int name)
{
    socklen_t len = sizeof(int);
    int value = -1;

    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

/* Whether it is what the program says. */
static int check_socket(int fd, const struct pil_query *q, union pil_standin_addr *own)
{
    struct pil_ip ip;

    if (option(fd, SO_TYPE) != SOCK_STREAM || option(fd, SO_PROTOCOL) != IPPROTO_TCP ||
        option(fd, SO_ACCEPTCONN) != 1 || !pil_judge_own(fd, own))
        return PIL_E_MALFORMED;
    ip = pil_judge_ip(own);
    return pil_ip_equal(&ip, &q->ip) && pil_judge_port(own) == q->port ? PIL_OK : PIL_E_PEER;
}

static bool secures(unsigned mode)
{
    return mode == PIL_ENCRYPT_REQUIRED || mode == PIL_ENCRYPT_PERMISSIVE;
}

/* The mode of an allow; UNSET for anything else. Where the switch lets everything through, both
 * kinds of peers are. */
static unsigned mode_of(const struct pil_verdict *v)
{
    if (v->effect != PIL_ALLOW)
        return PIL_ENCRYPT_UNSET;
    return v->reason == PIL_REASON_SWITCHED ? PIL_ENCRYPT_PERMISSIVE : v->encrypt;
}

static int has_identity(const struct pil_owner *owner)
{
    struct pil_self self;
    bool has = pil_self_get(owner, &self);

    pil_self_drop(&self);
    return has ? PIL_OK : PIL_E_NOTFOUND;
}

static int judge_new(const struct pil_owner *owner, const struct pil_query *q, uint8_t *mode)
{
    struct pil_verdict v;

    pil_judge_again(owner, q, &v);
    *mode = (uint8_t)mode_of(&v);
    if (!secures(*mode))
        return PIL_E_REFUSED;
    return has_identity(owner);
}

static void insert(struct pil_mesh *m, struct pil_listener *l)
{
    l->m = m;
    l->ready_last = &l->ready;
    l->next = m->listeners;
    l->link = &m->listeners;
    if (l->next)
        l->next->link = &l->next;
    m->listeners = l;
    m->listening++;
}

/* Its own events. Of the stand-in only a change is of interest: it is readable all the time. */
static int begin(struct pil_listener *l)
{
    struct event_base *base = l->m->d->base;
    int flags = fcntl(l->fd, F_GETFL);

    event_assign(&l->accept, base, l->fd, EV_READ | EV_PERSIST, on_accept, l);
    event_assign(&l->end, base, l->pair, EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, on_end, l);
    event_assign(&l->space, base, l->pair, EV_WRITE | EV_ET, on_space, l);
    if (flags < 0 || fcntl(l->fd, F_SETFL, flags | O_NONBLOCK) || event_add(&l->end, NULL))
        return PIL_E_SYSTEM;
    return PIL_OK;
}

static void release(struct pil_listener *l)
{
    *l->link = l->next;
    if (l->next)
        l->next->link = l->link;
    l->m->listening--;
    pil_owner_unref(l->owner);
    free(l);
}

static unsigned room_of(uint32_t backlog)
{
    return backlog < READY_MAX ? backlog + 1 : READY_MAX;
}

static int make_pair(struct pil_listener *l, int *standin)
{
    struct pil_standin name = {.kind = PIL_STANDIN_LISTEN, .own = l->own};
    int err;

    do {
        l->id = name.id = pil_mesh_id(l->m);
        err = pil_pair_make(&name, room_of(l->backlog), &l->pair, standin);
    } while (err == PIL_E_EXISTS);
    return err;
}

static void keep_caller(struct pil_listener *l)
{
    size_t len = l->query.caller.len;

    if (len > 0)
        memcpy(l->caller, l->query.caller.at, len);
    l->caller[len] = '\0';
    l->query.caller.at = l->caller;
    l->query.name = (struct pil_slice){NULL, 0};
}

static struct pil_listener *make(struct pil_mesh *m, struct pil_owner *owner,
                                 const struct pil_delegate *ask, const union pil_standin_addr *own,
                                 uint8_t mode, int fd)
{
    struct pil_listener *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    *l = (struct pil_listener){.fd = fd, .pair = -1, .own = *own, .backlog = ask->backlog};
    l->mode = mode;
    l->query = ask->query;
    l->owner = pil_owner_ref(owner);
    insert(m, l);
    keep_caller(l);
    return l;
}

static int start(struct pil_listener *l, int *standin)
{
    int err = make_pair(l, standin);

    if (err)
        return err;
    err = begin(l);
    if (err) {
        close(l->pair);
        close(*standin);
        return err;
    }
    pil_kept_add(l);
    pil_listener_go_on(l);
    return PIL_OK;
}

int pil_listener_take(struct pil_mesh *m, struct pil_owner *owner, const struct pil_delegate *ask,
                      int fd, uint64_t *id, int *standin)
{
    union pil_standin_addr own;
    struct pil_listener *l;
    uint8_t mode = PIL_ENCRYPT_UNSET;
    int err = check_socket(fd, &ask->query, &own);

    if (!err)
        err = judge_new(owner, &ask->query, &mode);
    if (!err && m->listening >= LISTENERS_MAX)
        err = PIL_E_FULL;
    if (err)
        return err;
    l = make(m, owner, ask, &own, mode, fd);
    if (!l)
        return PIL_E_NOMEM;
    err = start(l, standin);
    if (err) {
        release(l);
        return err;
    }
    *id = l->id;
    m->stats.delegated++;
    return PIL_OK;
}

/* ---- over a restart ------------------------------------------------------------------------- */

void pil_listener_put(const struct pil_listener *l, struct pil_writer *w)
{
    pil_put_u32(w, l->backlog);
    pil_put_u8(w, l->mode);
    pil_put_u8(w, l->query.seen);
    pil_put_text(w, l->query.caller);
    pil_owner_put(l->owner, w);
}

static bool read_facts(struct pil_listener *l, struct pil_reader *r)
{
    uint8_t seen;

    l->backlog = pil_get_u32(r);
    l->mode = pil_get_u8(r);
    seen = pil_get_u8(r);
    l->query = pil_judge_query(PIL_ACTION_LISTEN, &l->own);
    l->query.seen = seen & PIL_FIELD_TOLD;
    l->query.caller = pil_get_text(r, PIL_CALLER_MAX);
    if (r->failed)
        return false;
    keep_caller(l);
    l->owner = pil_owner_get(l->m, r);
    return l->owner && pil_reader_end(r) == PIL_OK;
}

void pil_listener_restore(struct pil_mesh *m, uint64_t id, int fd, int pair,
                          struct pil_reader *facts)
{
    struct pil_listener *l = calloc(1, sizeof(*l));

    if (!l) {
        close(fd);
        close(pair);
        return;
    }
    *l = (struct pil_listener){.id = id, .fd = fd, .pair = pair, .kept = true};
    insert(m, l);
    if (pil_judge_own(fd, &l->own) && read_facts(l, facts) && begin(l) == PIL_OK) {
        pil_listener_judge(l);
        if (!pil_listener_ended(l))
            pil_listener_go_on(l);
        return;
    }
    pil_kept_forget(l);
    close(fd);
    close(pair);
    release(l);
}

/* ---- accepting ------------------------------------------------------------------------------ */

void pil_listener_judge(struct pil_listener *l)
{
    struct pil_verdict v;
    unsigned mode;

    if (l->owner->unsettled)
        return;
    pil_judge_again(l->owner, &l->query, &v);
    mode = mode_of(&v);
    /* listen() was admitted once; each connection is judged by itself. */
    if (v.effect == PIL_ALLOW)
        l->mode = (uint8_t)mode;
}

/* Without a policy nobody could be admitted: who comes meanwhile waits. */
static bool may_accept(const struct pil_listener *l)
{
    return l->m->started && pil_store_current(l->m->d->store) && !l->ready &&
           !l->owner->unsettled && l->under_way < UNDER_WAY_MAX && pil_mesh_has_room(l->m);
}

void pil_listener_go_on(struct pil_listener *l)
{
    if (may_accept(l))
        event_add(&l->accept, NULL);
    else
        event_del(&l->accept);
}

static void on_accept(evutil_socket_t listening, short what, void *cookie)
{
    struct pil_listener *l = cookie;

    (void)what;
    for (unsigned i = 0; i < ACCEPT_MAX; i++) {
        int fd;

        if (!may_accept(l)) {
            event_del(&l->accept);
            return;
        }
        fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            l->accepted++;
            l->m->stats.accepted++;
            pil_incoming_begin(l, fd);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

/* ---- the stand-in --------------------------------------------------------------------------- */

static void on_space(evutil_socket_t fd, short what, void *cookie)
{
    struct pil_listener *l = cookie;

    (void)fd, (void)what;
    pil_incoming_deliver(l);
}

static void on_end(evutil_socket_t fd, short what, void *cookie)
{
    (void)fd, (void)what;
    (void)!pil_listener_ended(cookie);
}

bool pil_listener_ended(struct pil_listener *l)
{
    if (!pil_pair_ended(l->pair))
        return false;
    pil_listener_end(l, true);
    return true;
}

static void note_end(const struct pil_listener *l)
{
    struct pil_json *json;

    if (!l->m->d->journal)
        return;
    json = pil_journal_begin(l->m->d->journal, "undelegated");
    pil_journal_who(l->m->d->journal, json, &l->owner->who);
    pil_json_u64(json, "listener", l->id);
    pil_json_u64(json, "port", pil_judge_port(&l->own));
    pil_json_u64(json, "accepted", l->accepted);
    pil_json_u64(json, "delivered", l->delivered);
    pil_journal_end(l->m->d->journal);
}

static bool has_other(const struct pil_listener *l)
{
    for (const struct pil_listener *o = l->m->listeners; o; o = o->next)
        if (o != l && pil_judge_port(&o->own) == pil_judge_port(&l->own) &&
            pil_conns_cookie(o->fd) == pil_conns_cookie(l->fd))
            return true;
    return false;
}

/* The keeper lets its duplicate go a little later; who connects meanwhile is refused as by any
 * port that nobody listens on. */
void pil_listener_end(struct pil_listener *l, bool forget)
{
    event_del(&l->accept);
    event_del(&l->end);
    event_del(&l->space);
    while (l->all)
        pil_incoming_drop(l->all);
    if (forget) {
        note_end(l);
        if (l->kept && !has_other(l))
            shutdown(l->fd, SHUT_RDWR);
        pil_kept_forget(l);
    }
    close(l->fd);
    close(l->pair);
    release(l);
}

struct pil_listener *pil_listener_find(struct pil_mesh *m, uint64_t id)
{
    struct pil_listener *l = m->listeners;

    while (l && l->id != id)
        l = l->next;
    return l;
}
