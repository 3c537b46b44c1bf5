#include "policyd/mesh/outgoing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/err.h"
#include "core/eval.h"
#include "policyd/daemon.h"
#include "policyd/mesh/answer.h"
#include "policyd/mesh/judge.h"
#include "policyd/mesh/pair.h"
#include "policyd/mesh/parts.h"
#include "policyd/mesh/self.h"
#include "policyd/mesh/tell.h"
#include "policyd/store.h"

#define EXPECT_MAX 64u /* identities that the services of one endpoint may name */

struct pil_outgoing {
    struct pil_mesh *m;
    struct pil_outgoing *next, **link;
    struct pil_owner *owner;
    int fd, channel;
    uint64_t hand; /* 0: none under way */
    uint64_t began_ns;
    uint32_t flags;
    struct event end;
    union pil_standin_addr own, other;
    struct pil_query query;
    char name[PIL_NAME_MAX + 1], caller[PIL_CALLER_MAX + 1];
};

static void on_done(void *cookie, uint64_t id, const struct pil_hand_result *result);

/* ---- life ----------------------------------------------------------------------------------- */

static void release(struct pil_outgoing *out)
{
    event_del(&out->end);
    *out->link = out->next;
    if (out->next)
        out->next->link = out->link;
    out->m->connecting--;
    out->owner->connecting--;
    close(out->fd);
    close(out->channel);
    pil_owner_unref(out->owner);
    free(out);
}

void pil_outgoing_drop(struct pil_outgoing *out)
{
    if (out->hand)
        pil_hands_cancel(out->m->hands, out->hand);
    release(out);
}

/* The verdict first, then readiness. An answer that nobody takes was for nobody. */
static void send_answer(struct pil_outgoing *out, struct pil_answer *answer)
{
    int err = pil_pair_put(out->channel, answer->frame, answer->len, answer->fd);

    if (err && answer->conn)
        pil_conns_remove(out->m, answer->conn);
    if (!err)
        pil_pair_drain(out->channel);
    pil_answer_free(answer);
    release(out);
}

/* Where the program wanted to go; what is connected there is looked at when it is secured. */
static union pil_standin_addr wanted(const struct pil_query *q)
{
    union pil_standin_addr a = {0};

    if (pil_ip_is_v4(&q->ip)) {
        a.v4.sin_family = AF_INET;
        a.v4.sin_port = htons(q->port);
        memcpy(&a.v4.sin_addr, q->ip.octet + 12, 4);
    } else {
        a.v6.sin6_family = AF_INET6;
        a.v6.sin6_port = htons(q->port);
        memcpy(&a.v6.sin6_addr, q->ip.octet, 16);
    }
    return a;
}

static void refuse(struct pil_outgoing *out, int status, int error, enum pil_tls_reason reason,
                   const struct pil_hand_result *result, const char *detail)
{
    union pil_standin_addr to = wanted(&out->query);
    struct pil_tell tell = {
        .owner = out->owner,
        .role = PIL_ROLE_CLIENT,
        .other = &to,
        .reason = reason,
        .result = result,
        .detail = detail,
        .took_ns = pil_mesh_now_ns(CLOCK_MONOTONIC) - out->began_ns,
    };
    struct pil_answer answer;

    pil_tell_refused(out->m, &tell);
    if (!error)
        error = pil_tls_reason_errno(reason);
    if (pil_answer_refuse((uint32_t)status, (uint16_t)error, reason, &answer))
        release(out); /* the channel's end says the same */
    else
        send_answer(out, &answer);
}

/* ---- done ----------------------------------------------------------------------------------- */

static bool same_place(const struct pil_outgoing *out)
{
    struct pil_ip ip = pil_judge_ip(&out->other);

    return pil_ip_equal(&ip, &out->query.ip) && pil_judge_port(&out->other) == out->query.port;
}

/* With the peer, whom nobody could know before. */
static bool admits(struct pil_outgoing *out, const struct pil_hand_result *result,
                   struct pil_verdict *v)
{
    struct pil_query *q = &out->query;

    q->flags = 0;
    q->seen |= PIL_FIELD_PEER;
    q->peer = pil_slice_of(result->peer);
    pil_judge(out->owner, q, v);
    return v->effect == PIL_ALLOW;
}

static void admit(struct pil_outgoing *out, const struct pil_hand_result *result,
                  const struct pil_verdict *v)
{
    struct pil_mesh *m = out->m;
    bool relay_only = out->owner->relay_only || (out->flags & PIL_SECURE_NO_PROCESS);
    struct pil_answer answer;
    int err = pil_answer_make(m, out->owner, PIL_ROLE_CLIENT, pil_answer_path(m, relay_only),
                              out->fd, &out->query, v, result, &answer);

    if (err) {
        refuse(out, err, EACCES, PIL_TLS_INTERNAL, NULL, pil_err_text(err));
        return;
    }
    m->stats.good[PIL_ROLE_CLIENT]++;
    m->stats.resumed[PIL_ROLE_CLIENT] += result->resumed;
    pil_mesh_took(&m->stats, pil_mesh_now_ns(CLOCK_MONOTONIC) - out->began_ns);
    send_answer(out, &answer);
}

static void on_done(void *cookie, uint64_t id, const struct pil_hand_result *result)
{
    struct pil_outgoing *out = cookie;
    struct pil_verdict v;

    (void)id;
    out->hand = 0;
    if (result->err)
        refuse(out, result->err, result->error, result->reason, result, NULL);
    else if (!pil_judge_own(out->fd, &out->own) || !pil_judge_other(out->fd, &out->other))
        refuse(out, PIL_E_PEER, 0, PIL_TLS_RESET, result, "it was reset behind the handshake");
    else if (!same_place(out))
        refuse(out, PIL_E_REFUSED, EACCES, PIL_TLS_DENIED, result,
               "the socket is connected "
               "to somewhere else");
    else if (!admits(out, result, &v))
        refuse(out, PIL_E_REFUSED, pil_verdict_errno(&v, PIL_ACTION_CONNECT), PIL_TLS_DENIED,
               result, NULL);
    else
        admit(out, result, &v);
}

/* ---- beginning ------------------------------------------------------------------------------ */

static void on_end(evutil_socket_t fd, short what, void *cookie)
{
    (void)what;
    if (pil_pair_ended(fd))
        pil_outgoing_drop(cookie);
}

static int socket_option(int fd, int name)
{
    socklen_t len = sizeof(int);
    int value = -1;

    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

static bool usable(const struct pil_outgoing *out)
{
    return socket_option(out->fd, SO_TYPE) == SOCK_STREAM &&
           socket_option(out->fd, SO_PROTOCOL) == IPPROTO_TCP &&
           socket_option(out->fd, SO_ACCEPTCONN) == 0 &&
           socket_option(out->channel, SO_DOMAIN) == AF_UNIX &&
           socket_option(out->channel, SO_TYPE) == SOCK_SEQPACKET;
}

/* Asked without the peer, as the program asked: what is allowed to try. */
static bool may_try(const struct pil_outgoing *out, struct pil_verdict *v)
{
    struct pil_query q = out->query;

    q.flags = PIL_QUERY_PEER_LATER;
    pil_judge_again(out->owner, &q, v);
    return v->effect == PIL_ALLOW;
}

static uint32_t deadline(const struct pil_outgoing *out, uint32_t asked)
{
    uint32_t most = out->m->d->settings.handshake_timeout;

    return asked > 0 && asked < most ? asked : most;
}

/* The identities that the peer may have, by its endpoint's services. */
struct expected {
    const char *list[EXPECT_MAX];
    unsigned count; /* also of those that found no room */
};

static void add_expected(void *cookie, const char *identity)
{
    struct expected *e = cookie;

    if (e->count < EXPECT_MAX)
        e->list[e->count] = identity;
    e->count++;
}

static void find_expected(const struct pil_outgoing *out, struct expected *e)
{
    const struct pil_policy_image *policy = pil_store_current(out->m->d->store);

    e->count = 0;
    if (policy)
        pil_eval_identities(&policy->img, &out->query, add_expected, e);
}

static void begin_tls(struct pil_outgoing *out, uint32_t timeout_ms)
{
    struct pil_self self;
    struct expected expected;
    struct pil_hand_order order = {
        .fd = out->fd,
        .role = PIL_ROLE_CLIENT,
        .deadline_ms = deadline(out, timeout_ms),
        .established = !(out->flags & PIL_SECURE_NONBLOCK),
        .fresh = !out->m->d->settings.resume,
        .expect = expected.list,
        .done = on_done,
        .cookie = out,
    };
    enum pil_tls_reason reason = PIL_TLS_NO_IDENTITY;
    const char *detail = NULL;
    int err = PIL_OK;

    find_expected(out, &expected);
    order.expect_count = expected.count;
    if (!pil_self_get(out->owner, &self))
        err = PIL_E_NOTFOUND, detail = self.problem;
    else if (expected.count > EXPECT_MAX)
        err = PIL_E_RANGE, reason = PIL_TLS_INTERNAL, detail = "more identities than can be kept";
    order.svid = self.svid;
    order.bundle = self.bundle;
    if (!err)
        err = pil_hands_start(out->m->hands, &order, &out->hand, &reason);
    if (err)
        refuse(out, err, 0, reason, NULL, detail);
    pil_self_drop(&self);
}

static void begin(struct pil_outgoing *out, uint32_t timeout_ms)
{
    struct pil_verdict v;

    if (!usable(out))
        refuse(out, PIL_E_MALFORMED, EACCES, PIL_TLS_INTERNAL, NULL,
               "no TCP socket, or no channel");
    else if (event_add(&out->end, NULL))
        refuse(out, PIL_E_NOMEM, EACCES, PIL_TLS_INTERNAL, NULL, "no memory");
    else if (!pil_mesh_has_room(out->m) || out->owner->connecting > out->m->room / 4 + 1)
        refuse(out, PIL_E_FULL, 0, PIL_TLS_LIMIT, NULL, NULL);
    else if (!may_try(out, &v))
        refuse(out, PIL_E_REFUSED, pil_verdict_errno(&v, PIL_ACTION_CONNECT), PIL_TLS_DENIED, NULL,
               NULL);
    else
        begin_tls(out, timeout_ms);
}

static void keep_text(struct pil_slice *text, char *room)
{
    if (text->len > 0)
        memcpy(room, text->at, text->len);
    room[text->len] = '\0';
    text->at = room;
}

void pil_outgoing_begin(struct pil_mesh *m, struct pil_owner *owner, const struct pil_secure *ask,
                        int fd, int channel)
{
    struct pil_outgoing *out = calloc(1, sizeof(*out));

    if (!out) {
        close(fd);
        close(channel);
        return;
    }
    *out = (struct pil_outgoing){.m = m, .fd = fd, .channel = channel, .flags = ask->flags};
    out->began_ns = pil_mesh_now_ns(CLOCK_MONOTONIC);
    out->owner = pil_owner_ref(owner);
    out->query = ask->query;
    keep_text(&out->query.name, out->name);
    keep_text(&out->query.caller, out->caller);
    event_assign(&out->end, m->d->base, channel, EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, on_end,
                 out);
    out->next = m->outgoing;
    out->link = &m->outgoing;
    if (out->next)
        out->next->link = &out->next;
    m->outgoing = out;
    m->connecting++;
    owner->connecting++;
    begin(out, ask->timeout_ms);
}
