/* What processes say about secured connections (core/wire_tls.h). */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/daemon.h"
#include "policyd/mesh/demote.h"
#include "policyd/mesh/listener.h"
#include "policyd/mesh/outgoing.h"
#include "policyd/mesh/parts.h"
#include "policyd/mesh/recheck.h"
#include "policyd/mesh/tell.h"
#include "policyd/session.h"

static bool malformed(struct pil_session *s, const char *what)
{
    pil_session_refuse(s, PIL_REFUSAL_PROTOCOL, what);
    return false;
}

/* Finishes and sends an answer; fd -1: with no descriptor. */
static bool answer(struct pil_session *s, struct pil_writer *w, int fd, const char *what)
{
    int err = pil_wire_finish(w);

    if (!err)
        err = pil_session_send(s, w, &fd, fd >= 0 ? 1 : 0);
    if (err)
        pil_session_unsent(s, err, what);
    return err == PIL_OK;
}

/* ---- delegate ------------------------------------------------------------------------------- */

static bool answer_delegate(struct pil_session *s, int status, uint64_t id, int standin)
{
    struct pil_delegated m = {.status = (uint32_t)status, .id = id};
    uint8_t room[64];
    struct pil_writer w;
    bool there;

    pil_wire_begin(&w, room, sizeof(room), PIL_WIRE_DELEGATED, s->sequence);
    pil_wire_put_delegated(&w, &m);
    there = answer(s, &w, standin, "delegated");
    if (standin >= 0)
        close(standin);
    return there;
}

static bool on_delegate(struct pil_session *s, struct pil_reader *r, int *fds)
{
    struct pil_mesh *m = s->d->mesh;
    struct pil_delegate ask;
    struct pil_owner *owner;
    uint64_t id = 0;
    int standin = -1, err;

    if (pil_wire_get_delegate(r, &ask))
        return malformed(s, "delegate");
    owner = pil_owner_of(m, s->process);
    err = owner ? pil_listener_take(m, owner, &ask, fds[0], &id, &standin) : PIL_E_NOMEM;
    if (err)
        pil_tell_undelegated(m, owner, &ask, err);
    else
        fds[0] = -1;
    pil_owner_unref(owner);
    return answer_delegate(s, err, id, standin);
}

/* ---- secure --------------------------------------------------------------------------------- */

static bool on_secure(struct pil_session *s, struct pil_reader *r, int *fds)
{
    struct pil_mesh *m = s->d->mesh;
    struct pil_owner *owner;
    struct pil_secure ask;

    if (pil_wire_get_secure(r, &ask))
        return malformed(s, "secure");
    owner = pil_owner_of(m, s->process);
    if (!owner)
        return true; /* the channel's end says no */
    pil_outgoing_begin(m, owner, &ask, fds[0], fds[1]);
    fds[0] = fds[1] = -1;
    pil_owner_unref(owner);
    return true;
}

/* ---- demote --------------------------------------------------------------------------------- */

static bool on_demote(struct pil_session *s, struct pil_reader *r, int *fds)
{
    struct pil_mesh *m = s->d->mesh;
    struct pil_demote ask;
    uint8_t room[64];
    struct pil_writer w;
    int program = -1, err;
    bool there;

    if (pil_wire_get_demote(r, &ask)) {
        explicit_bzero(&ask, sizeof(ask));
        return malformed(s, "demote");
    }
    err = pil_demote_take(m, s->process, &ask, fds[0], fds[1], &program);
    explicit_bzero(&ask, sizeof(ask));
    pil_wire_begin(&w, room, sizeof(room), PIL_WIRE_DEMOTED, s->sequence);
    pil_wire_put_demoted(&w, (uint32_t)err);
    there = answer(s, &w, program, "demoted");
    if (program >= 0)
        close(program);
    return there;
}

/* ---- recheck -------------------------------------------------------------------------------- */

/* A listener's number asks whether it has ended: so a process that has closed one knows that its
 * port is free. */
static bool goes_on(struct pil_mesh *m, uint64_t id)
{
    struct pil_listener *l = pil_listener_find(m, id);

    return l ? !pil_listener_ended(l) : pil_recheck_id(m, id);
}

static bool on_recheck(struct pil_session *s, struct pil_reader *r)
{
    uint8_t room[sizeof(struct pil_wire_head) + 2 + PIL_RECHECK_MAX];
    struct pil_recheck ask;
    struct pil_rechecked m;
    struct pil_writer w;

    if (pil_wire_get_recheck(r, &ask))
        return malformed(s, "recheck");
    m.count = ask.count;
    for (unsigned i = 0; i < ask.count; i++)
        m.goes_on[i] = goes_on(s->d->mesh, ask.id[i]);
    pil_wire_begin(&w, room, sizeof(room), PIL_WIRE_RECHECKED, s->sequence);
    pil_wire_put_rechecked(&w, &m);
    return answer(s, &w, -1, "rechecked");
}

bool pil_mesh_message(struct pil_session *s, unsigned type, struct pil_reader *r, int *fds)
{
    if (!s->d->mesh)
        return malformed(s, "nothing is secured here");
    switch (type) {
    case PIL_WIRE_DELEGATE:
        return on_delegate(s, r, fds);
    case PIL_WIRE_SECURE:
        return on_secure(s, r, fds);
    case PIL_WIRE_DEMOTE:
        return on_demote(s, r, fds);
    default:
        return on_recheck(s, r);
    }
}
