#include "policyd/mesh/incoming.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/err.h"
#include "core/eval.h"
#include "policyd/daemon.h"
#include "policyd/mesh/answer.h"
#include "policyd/mesh/judge.h"
#include "policyd/mesh/listener.h"
#include "policyd/mesh/pair.h"
#include "policyd/mesh/parts.h"
#include "policyd/mesh/self.h"
#include "policyd/mesh/tell.h"
#include "policyd/store.h"
#include "policyd/switch.h"

#define RETRY_USEC 20000

struct pil_incoming {
    struct pil_listener *l;
    struct pil_incoming *next, **link; /* all of its listener */
    struct pil_incoming *next_ready;
    int fd;        /* the connection's */
    uint64_t hand; /* 0: none under way */
    uint64_t began_ns;
    union pil_standin_addr own, other;
    struct pil_verdict verdict; /* of accept; zero: not yet judged */
    struct pil_answer answer;   /* when it is ready */
};

static void on_verified(void *cookie, uint64_t id, const struct pil_hand_result *result);
static void on_done(void *cookie, uint64_t id, const struct pil_hand_result *result);

/* ---- life ----------------------------------------------------------------------------------- */

static void release(struct pil_incoming *in)
{
    struct pil_listener *l = in->l;

    *in->link = in->next;
    if (in->next)
        in->next->link = in->link;
    l->under_way--;
    l->m->accepting--;
    pil_answer_free(&in->answer);
    free(in);
    pil_listener_go_on(l);
}

static void reset(int fd)
{
    struct linger now = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
}

void pil_incoming_drop(struct pil_incoming *in)
{
    struct pil_mesh *m = in->l->m;

    if (in->hand)
        pil_hands_cancel(m->hands, in->hand);
    if (in->answer.conn)
        pil_conns_remove(m, in->answer.conn);
    reset(in->fd);
    release(in);
}

/* Not admitted. What TLS had to say to the peer has been said: then it is closed in order. */
static void refuse(struct pil_incoming *in, enum pil_tls_reason reason,
                   const struct pil_hand_result *result, const char *detail)
{
    struct pil_tell tell = {
        .owner = in->l->owner,
        .role = PIL_ROLE_SERVER,
        .own = &in->own,
        .other = &in->other,
        .reason = reason,
        .result = result,
        .detail = detail,
        .took_ns = pil_mesh_now_ns(CLOCK_MONOTONIC) - in->began_ns,
    };

    in->l->refused++;
    pil_tell_refused(in->l->m, &tell);
    if (result && reason != PIL_TLS_PLAINTEXT)
        close(in->fd);
    else
        reset(in->fd);
    release(in);
}

/* ---- deciding ------------------------------------------------------------------------------- */

/* The question about this connection; peer NULL: not authenticated. */
static struct pil_query question(const struct pil_incoming *in, const char *peer)
{
    struct pil_query q = pil_judge_query(PIL_ACTION_ACCEPT, &in->own);

    q.seen = PIL_FIELD_SOURCE | PIL_FIELD_PEER;
    q.source = pil_judge_ip(&in->other);
    q.peer = pil_slice_of(peer);
    return q;
}

/* An allow that asks for encryption is none for a peer that does not speak TLS. */
static bool admits(struct pil_incoming *in, const char *peer)
{
    struct pil_query q = question(in, peer);

    pil_judge(in->l->owner, &q, &in->verdict);
    return in->verdict.effect == PIL_ALLOW && (peer || in->verdict.encrypt != PIL_ENCRYPT_REQUIRED);
}

static void on_verified(void *cookie, uint64_t id, const struct pil_hand_result *result)
{
    struct pil_incoming *in = cookie;

    pil_hands_finish(in->l->m->hands, id, admits(in, result->peer));
}

/* ---- delivering ----------------------------------------------------------------------------- */

static void append_ready(struct pil_incoming *in)
{
    in->next_ready = NULL;
    *in->l->ready_last = in;
    in->l->ready_last = &in->next_ready;
}

static enum pil_path path_of(const struct pil_incoming *in, const struct pil_hand_result *result)
{
    if (!result)
        return PIL_PATH_PLAIN;
    return pil_answer_path(in->l->m, in->l->owner->relay_only);
}

static void ready(struct pil_incoming *in, const struct pil_hand_result *result)
{
    struct pil_listener *l = in->l;
    struct pil_query q = question(in, result ? result->peer : NULL);
    int err = pil_answer_make(l->m, l->owner, PIL_ROLE_SERVER, path_of(in, result), in->fd, &q,
                              &in->verdict, result, &in->answer);

    if (err) {
        refuse(in, PIL_TLS_INTERNAL, NULL, pil_err_text(err));
        return;
    }
    append_ready(in);
    pil_incoming_deliver(l);
}

static void delivered(struct pil_incoming *in)
{
    struct pil_listener *l = in->l;

    l->ready = in->next_ready;
    if (!l->ready)
        l->ready_last = &l->ready;
    l->delivered++;
    l->m->stats.delivered++;
    in->answer.conn = NULL; /* it stands by itself now */
    close(in->fd);
    release(in);
}

void pil_incoming_deliver(struct pil_listener *l)
{
    struct timeval soon = {.tv_usec = RETRY_USEC};

    while (l->ready) {
        struct pil_incoming *in = l->ready;
        int err = pil_pair_put(l->pair, in->answer.frame, in->answer.len,
                               in->answer.fd >= 0 ? in->answer.fd : in->fd);

        if (err == PIL_E_CLOSED) /* the program is gone; the end of the pair says so too */
            return;
        if (err) {
            /* No room; or too many descriptors of ours are on their way, which nobody tells of. */
            event_add(&l->space, err == PIL_E_AGAIN ? NULL : &soon);
            return;
        }
        delivered(in);
    }
}

static void count_good(struct pil_incoming *in, const struct pil_hand_result *result)
{
    struct pil_mesh_stats *stats = &in->l->m->stats;

    if (!result) {
        stats->plain[PIL_ROLE_SERVER]++;
        return;
    }
    stats->good[PIL_ROLE_SERVER]++;
    stats->resumed[PIL_ROLE_SERVER] += result->resumed;
    pil_mesh_took(stats, pil_mesh_now_ns(CLOCK_MONOTONIC) - in->began_ns);
}

/* No TLS, and no reason to insist on it: judged as a peer that nobody has authenticated. */
static void plain(struct pil_incoming *in)
{
    if (!admits(in, NULL)) {
        refuse(in, in->verdict.effect == PIL_ALLOW ? PIL_TLS_PLAINTEXT : PIL_TLS_DENIED, NULL,
               NULL);
        return;
    }
    count_good(in, NULL);
    ready(in, NULL);
}

static void on_done(void *cookie, uint64_t id, const struct pil_hand_result *result)
{
    struct pil_incoming *in = cookie;

    (void)id;
    in->hand = 0;
    if (result->err) {
        refuse(in, result->reason, result, NULL);
    } else if (result->plaintext) {
        plain(in);
    } else {
        count_good(in, result);
        ready(in, result);
    }
}

/* ---- beginning ------------------------------------------------------------------------------ */

static void begin_tls(struct pil_incoming *in, bool permissive)
{
    struct pil_mesh *m = in->l->m;
    struct pil_self self;
    bool has_self = pil_self_get(in->l->owner, &self);
    struct pil_hand_order order = {
        .fd = in->fd,
        .role = PIL_ROLE_SERVER,
        .svid = self.svid,
        .bundle = self.bundle,
        .deadline_ms = m->d->settings.handshake_timeout,
        .permissive = permissive,
        .verified = on_verified,
        .done = on_done,
        .cookie = in,
    };
    enum pil_tls_reason reason = PIL_TLS_NO_IDENTITY;

    if (!has_self || pil_hands_start(m->hands, &order, &in->hand, &reason))
        refuse(in, reason, NULL, has_self ? NULL : self.problem);
    pil_self_drop(&self);
}

/* What the endpoint at which it arrived asks for: a listener on all addresses is at many. Where the
 * switch lets everything through, both kinds of peers are. */
static unsigned mode_of(const struct pil_incoming *in)
{
    const struct pil_daemon *d = in->l->m->d;
    const struct pil_policy_image *policy = pil_store_current(d->store);
    struct pil_query q = question(in, NULL);
    unsigned mode = policy ? pil_eval_encrypt(&policy->img, &q) : PIL_ENCRYPT_REQUIRED;

    if (mode == PIL_ENCRYPT_REQUIRED && pil_switch_mode(d->kill_switch) != PIL_SWITCH_ON)
        return PIL_ENCRYPT_PERMISSIVE;
    return mode;
}

static void begin(struct pil_incoming *in)
{
    unsigned mode = mode_of(in);

    if (mode == PIL_ENCRYPT_REQUIRED || mode == PIL_ENCRYPT_PERMISSIVE)
        begin_tls(in, mode == PIL_ENCRYPT_PERMISSIVE);
    else
        plain(in);
}

void pil_incoming_begin(struct pil_listener *l, int fd)
{
    struct pil_incoming *in = calloc(1, sizeof(*in));

    if (!in) {
        reset(fd);
        return;
    }
    *in = (struct pil_incoming){.l = l, .fd = fd, .answer = {.fd = -1}};
    in->began_ns = pil_mesh_now_ns(CLOCK_MONOTONIC);
    in->next = l->all;
    in->link = &l->all;
    if (in->next)
        in->next->link = &in->next;
    l->all = in;
    l->under_way++;
    l->m->accepting++;
    if (!pil_judge_own(fd, &in->own) || !pil_judge_other(fd, &in->other))
        refuse(in, PIL_TLS_RESET, NULL, NULL); /* its peer has left again */
    else
        begin(in);
}
