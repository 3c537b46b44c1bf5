#include "policyd/mesh/recheck.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "core/err.h"
#include "core/eval.h"
#include "core/glob.h"
#include "policyd/daemon.h"
#include "policyd/identity/identity.h"
#include "policyd/mesh/cut.h"
#include "policyd/mesh/diag.h"
#include "policyd/mesh/judge.h"
#include "policyd/mesh/parts.h"
#include "policyd/mesh/tell.h"
#include "policyd/store.h"

#define SWEEP_LEAST 256u /* connections that are looked for each second, and at least an eighth */
#define YOUNG_NS    2000000000u

/* ---- may it stand? -------------------------------------------------------------------------- */

/* Whether policy itself says no, rather than that it cannot speak. */
static bool denies(const struct pil_verdict *v)
{
    if (v->effect != PIL_DENY)
        return false;
    return v->reason == PIL_REASON_RULE_DENY || v->reason == PIL_REASON_DEFAULT_DENY ||
           v->reason == PIL_REASON_NO_DEFAULT || v->reason == PIL_REASON_UNSEEN_FIELD;
}

struct match {
    struct pil_slice peer;
    bool any, found;
};

static void match_one(void *cookie, const char *identity)
{
    struct match *match = cookie;

    match->any = true;
    match->found = match->found || pil_glob_match(pil_slice_of(identity), match->peer, true);
}

/* The service at the other end names who it is, and this peer is not. */
static bool is_another(struct pil_mesh *m, const struct pil_conn *c)
{
    const struct pil_policy_image *policy = pil_store_current(m->d->store);
    struct match match = {.peer = c->query.peer};

    if (c->role != PIL_ROLE_CLIENT || !policy)
        return false;
    pil_eval_identities(&policy->img, &c->query, match_one, &match);
    return match.any && !match.found;
}

/* Its own identity may be what is revoked. */
static bool is_revoked(struct pil_mesh *m, const struct pil_conn *c)
{
    const struct pil_svid *own;
    int err = PIL_OK;

    if (c->path == PIL_PATH_PLAIN || !m->d->identity)
        return false;
    if (pil_identity_revoked(m->d->identity, c->serial, c->query.peer.at))
        return true;
    own = pil_identity_get(m->d->identity, pil_owner_workload(c->owner), &err);
    pil_svid_unref(own);
    return !own && err == PIL_E_PERMISSION;
}

static bool is_expired(const struct pil_mesh *m, const struct pil_conn *c)
{
    return m->d->settings.peer_expiry == PIL_PEER_EXPIRY_CUT && c->not_after != 0 &&
           c->not_after < time(NULL);
}

/* PIL_CUT_COUNT: it may. *v is the verdict when policy was asked. */
static enum pil_cut judge(struct pil_mesh *m, struct pil_conn *c, struct pil_verdict *v)
{
    if (c->unjudged)
        return PIL_CUT_COUNT;
    if (is_revoked(m, c))
        return PIL_CUT_REVOKED;
    if (is_expired(m, c))
        return PIL_CUT_EXPIRED;
    if (c->owner->unsettled)
        return PIL_CUT_COUNT;
    pil_judge_again(c->owner, &c->query, v);
    if (denies(v))
        return PIL_CUT_POLICY;
    if (v->effect != PIL_ALLOW || v->reason == PIL_REASON_SWITCHED)
        return PIL_CUT_COUNT;
    if (c->path == PIL_PATH_PLAIN && v->encrypt == PIL_ENCRYPT_REQUIRED)
        return PIL_CUT_ENCRYPT;
    if (is_another(m, c))
        return PIL_CUT_IDENTITY;
    c->generation = v->generation;
    return PIL_CUT_COUNT;
}

/* ---- ending it ------------------------------------------------------------------------------ */

/* What could not be cut is tried again each time it is looked at, and told once. */
static void cut(struct pil_mesh *m, struct pil_conn *c, enum pil_cut why,
                const struct pil_verdict *v)
{
    const char *how;

    if (c->cut && c->relay)
        return; /* its thread is at it */
    how = pil_cut_connection(m, c);
    if (how ? strcmp(how, "gone") != 0 : !c->cut)
        pil_tell_cut(m, c, why, how, why == PIL_CUT_POLICY || why == PIL_CUT_ENCRYPT ? v : NULL);
    c->cut = true;
    if (how && !c->relay)
        pil_conns_remove(m, c);
}

/* True when it goes on. The entry may be gone otherwise. */
static bool recheck(struct pil_mesh *m, struct pil_conn *c)
{
    struct pil_verdict v = {0};
    enum pil_cut why = judge(m, c, &v);

    if (why == PIL_CUT_COUNT)
        return true;
    cut(m, c, why, &v);
    return false;
}

void pil_recheck_all(struct pil_mesh *m)
{
    struct pil_conn *next;

    for (struct pil_conn *c = m->conns.all; c; c = next) {
        next = c->next;
        (void)!recheck(m, c);
    }
}

bool pil_recheck_id(struct pil_mesh *m, uint64_t id)
{
    struct pil_conn *c = pil_conns_find(m, id);

    return !c || recheck(m, c);
}

/* ---- each second ---------------------------------------------------------------------------- */

/* Without a word from the kernel about the socket, by the process that it was admitted for. */
static bool stands(const struct pil_mesh *m, const struct pil_conn *c)
{
    if (c->relay)
        return true;
    if (c->here && m->diag >= 0)
        return pil_diag_find(m->diag, &c->own, &c->other, c->cookie) != PIL_E_NOTFOUND;
    return kill(c->owner->who.pid, 0) == 0 || errno != ESRCH;
}

static bool is_young(const struct pil_conn *c, uint64_t now_ns)
{
    return now_ns - c->since_ns < YOUNG_NS;
}

/* Time conditions begin and end without another generation. */
static bool times_count(const struct pil_mesh *m)
{
    const struct pil_policy_image *policy = pil_store_current(m->d->store);

    return policy && pil_image_zones(&policy->img) > 0;
}

static void look_at(struct pil_mesh *m, struct pil_conn *c, bool times)
{
    if (!stands(m, c))
        pil_conns_remove(m, c);
    else if (times || c->cut)
        (void)!recheck(m, c);
}

static void sweep(struct pil_mesh *m)
{
    unsigned left = m->conns.count / 8 > SWEEP_LEAST ? m->conns.count / 8 : SWEEP_LEAST;
    uint64_t now_ns = pil_mesh_now_ns(CLOCK_REALTIME);
    bool times = times_count(m);

    if (!m->conns.cursor)
        m->conns.cursor = m->conns.all;
    while (m->conns.cursor && left-- > 0) {
        struct pil_conn *c = m->conns.cursor;

        m->conns.cursor = c->next;
        if (!is_young(c, now_ns))
            look_at(m, c, times);
    }
}

static void expire(struct pil_mesh *m)
{
    struct pil_conn *next;

    if (m->d->settings.peer_expiry != PIL_PEER_EXPIRY_CUT)
        return;
    for (struct pil_conn *c = m->conns.all; c; c = next) {
        next = c->next;
        if (is_expired(m, c))
            cut(m, c, PIL_CUT_EXPIRED, NULL);
    }
}

void pil_recheck_tick(struct pil_mesh *m)
{
    expire(m);
    sweep(m);
}
