#include "policyd/session.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/chan.h"
#include "core/err.h"
#include "policyd/control.h"
#include "policyd/daemon.h"
#include "policyd/decide.h"
#include "policyd/expect.h"
#include "policyd/journal.h"
#include "policyd/mesh/mesh.h"
#include "policyd/observe.h"
#include "policyd/server.h"
#include "policyd/store.h"
#include "policyd/switch.h"

#define HELLO_SECONDS 5   /* a connection that says nothing is closed after this */
#define TOLD_MAX      10u /* refusals that are logged in a second */

/* fds are those of the frame; what a handler keeps it replaces by -1. */
typedef bool handler(struct pil_session *s, struct pil_reader *r, int *fds);
static handler on_hello, on_decide, on_control, on_mesh;
static void on_readable(evutil_socket_t fd, short what, void *cookie);

/* What may be said, and when. */
static const struct {
    handler *handle;
    bool allowed[4]; /* by enum pil_session_state */
    unsigned fds;    /* descriptors that it carries, neither more nor less */
} dispatch[PIL_WIRE_TYPE_COUNT] = {
    [PIL_WIRE_HELLO] = {on_hello, {[PIL_SESSION_NEW] = true}, 0},
    [PIL_WIRE_DECIDE] = {on_decide, {[PIL_SESSION_ATTACHED] = true}, 0},
    [PIL_WIRE_CONTROL] = {on_control, {[PIL_SESSION_NEW] = true, [PIL_SESSION_CONTROL] = true}, 0},
    [PIL_WIRE_DELEGATE] = {on_mesh, {[PIL_SESSION_ATTACHED] = true}, 1},
    [PIL_WIRE_SECURE] = {on_mesh, {[PIL_SESSION_ATTACHED] = true}, 2},
    [PIL_WIRE_DEMOTE] = {on_mesh, {[PIL_SESSION_ATTACHED] = true}, 2},
    [PIL_WIRE_RECHECK] = {on_mesh, {[PIL_SESSION_ATTACHED] = true}, 0},
};

void pil_session_tell(struct pil_daemon *d, pid_t pid, uid_t uid, enum pil_refusal why,
                      const char *detail)
{
    static time_t second; /* main thread only */
    static unsigned told;
    struct timespec now;
    struct pil_json *json;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec != second)
        told = 0;
    second = now.tv_sec;
    if (!d->journal || ++told > TOLD_MAX)
        return;
    json = pil_journal_begin(d->journal, "session-refused");
    pil_json_u64(json, "pid", (uint64_t)pid);
    pil_json_u64(json, "uid", uid);
    pil_json_string(json, "cause", pil_stats_refusal(why));
    pil_json_string(json, "text", pil_stats_refusal_text(why));
    pil_json_string(json, "detail", detail);
    pil_journal_end(d->journal);
}

static void forget_process(struct pil_session *s)
{
    struct pil_process *p = s->process;

    if (!p)
        return;
    *s->link_of = s->next_of;
    if (s->next_of)
        s->next_of->link_of = s->link_of;
    s->process = NULL;
    pil_process_detach(s->d, p);
}

void pil_session_close(struct pil_session *s)
{
    pil_control_closed(s);
    event_del(&s->event);
    close(s->fd);
    forget_process(s);
    pil_server_forget(s->d->server, s);
    free(s);
}

void pil_session_refuse(struct pil_session *s, enum pil_refusal why, const char *detail)
{
    s->d->stats.refused[why]++;
    pil_session_tell(s->d, s->pid, s->uid, why, detail);
    pil_session_close(s);
}

int pil_session_send(struct pil_session *s, const struct pil_writer *w, const int *fds,
                     unsigned fd_count)
{
    struct iovec iov = {w->start, w->len};

    return pil_chan_send(&pil_sysops_kernel, s->fd, &iov, 1, fds, fd_count, false);
}

void pil_session_unsent(struct pil_session *s, int err, const char *what)
{
    if (err == PIL_E_CLOSED)
        pil_session_close(s);
    else
        pil_session_refuse(s, err == PIL_E_AGAIN ? PIL_REFUSAL_SLOW : PIL_REFUSAL_INTERNAL, what);
}

/* ---- hello -------------------------------------------------------------------------------- */

static int send_welcome(struct pil_session *s, int status)
{
    uint8_t room[256];
    struct pil_writer w;
    const struct pil_process *p = s->process;
    const struct pil_policy_image *policy = pil_store_current(s->d->store);
    struct pil_welcome welcome = {
        .status = (uint32_t)status,
        .deadline_ms = s->d->settings.deadline,
        .workload = pil_slice_of(p ? pil_process_workload(s->d, p) : ""),
    };
    int fds[2] = {pil_store_page(s->d->store), p ? p->ring_fd : -1}, err;

    if (p && policy && pil_switch_mode(s->d->kill_switch) == PIL_SWITCH_ON &&
        pil_image_workload_covered(&policy->img, p->workload))
        welcome.flags |= PIL_WELCOME_COVER_CHILDREN;
    pil_wire_begin(&w, room, sizeof(room), PIL_WIRE_WELCOME, s->sequence);
    pil_wire_put_welcome(&w, &welcome);
    err = pil_wire_finish(&w);
    return err ? err : pil_session_send(s, &w, fds, p ? 2 : 0);
}

/* Refused at hello: told so, then closed. */
static bool turn_away(struct pil_session *s, int status, enum pil_refusal why)
{
    int err = send_welcome(s, status);

    if (err)
        pil_session_unsent(s, err, pil_err_text(status));
    else
        pil_session_refuse(s, why, pil_err_text(status));
    return false;
}

/* Made anew, because a persistent event keeps the timeout it was first added with, and
 * libevent arms it again after each frame. */
static bool read_on(struct pil_session *s)
{
    event_del(&s->event);
    event_assign(&s->event, s->d->base, s->fd, EV_READ | EV_PERSIST, on_readable, s);
    return event_add(&s->event, NULL) == 0;
}

/* Who sent the hello is not of interest any more, and costs the kernel a little at each frame. */
static void ask_no_more_for_senders(const struct pil_session *s)
{
    int zero = 0;

    setsockopt(s->fd, SOL_SOCKET, SO_PASSCRED, &zero, sizeof(zero));
}

/* Identity is known: answer the hello and go on reading. */
static bool attach(struct pil_session *s)
{
    int err;

    s->state = PIL_SESSION_ATTACHED;
    ask_no_more_for_senders(s);
    err = send_welcome(s, PIL_OK);
    if (err) {
        pil_session_unsent(s, err, "welcome");
        return false;
    }
    if (read_on(s)) /* and the hello's deadline is over */
        return true;
    pil_session_refuse(s, PIL_REFUSAL_INTERNAL, "event");
    return false;
}

static int find_process(struct pil_session *s, struct pil_process **out)
{
    static struct pil_attested facts; /* large; main thread only */
    struct pil_peer peer;
    int err = pil_attest_peer(s->fd, &s->sender, &peer);

    if (err)
        return err;
    err = pil_attest_read(&peer, &facts);
    if (!err)
        err = pil_process_attach(s->d, &peer, &facts, out);
    if (!err && s->d->expect)
        pil_expect_arrived(s->d->expect, peer.pid, peer.start);
    pil_attest_drop(&peer);
    return err;
}

static void join(struct pil_session *s, struct pil_process *p)
{
    s->process = p;
    s->next_of = p->sessions;
    s->link_of = &p->sessions;
    if (s->next_of)
        s->next_of->link_of = &s->next_of;
    p->sessions = s;
}

static bool on_hello(struct pil_session *s, struct pil_reader *r, int *fds)
{
    struct pil_process *p = NULL;
    struct pil_hello hello;
    int err = pil_wire_get_hello(r, &hello);

    (void)fds;
    if (err) {
        pil_session_refuse(s, PIL_REFUSAL_PROTOCOL, "hello");
        return false;
    }
    s->d->stats.hellos++;
    err = find_process(s, &p);
    if (err)
        return turn_away(s, err,
                         err == PIL_E_FULL    ? PIL_REFUSAL_LINK_CAP
                         : err == PIL_E_NOMEM ? PIL_REFUSAL_INTERNAL
                                              : PIL_REFUSAL_ATTEST);
    join(s, p);
    p->flags |= hello.flags;
    if (!p->hashing)
        return attach(s);
    s->state = PIL_SESSION_HELD;
    event_del(&s->event);
    return true;
}

void pil_session_resume(struct pil_daemon *d, struct pil_process *p)
{
    struct pil_session *next;

    (void)d;
    /* The last session's end may be the process's: nothing of p is read after the loop. */
    for (struct pil_session *s = p->sessions; s; s = next) {
        next = s->next_of;
        if (s->state == PIL_SESSION_HELD)
            attach(s);
        else if (!read_on(s))
            pil_session_refuse(s, PIL_REFUSAL_INTERNAL, "event");
    }
}

void pil_session_hold(struct pil_process *p)
{
    for (struct pil_session *s = p->sessions; s; s = s->next_of)
        event_del(&s->event);
}

/* ---- decisions ---------------------------------------------------------------------------- */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void answer(struct pil_session *s, const struct pil_query *q, unsigned count,
                   struct pil_verdict *v, uint64_t *elapsed)
{
    struct pil_subject who = {s->process->workload, s->uid};
    uint64_t before = clock_ns(CLOCK_MONOTONIC);

    for (unsigned i = 0; i < count; i++) {
        uint64_t now;

        pil_decide(s->d->decider, &who, &q[i], &v[i]);
        now = clock_ns(CLOCK_MONOTONIC);
        elapsed[i] = now - before;
        before = now;
        if (q[i].flags & PIL_QUERY_AHEAD)
            continue;
        pil_stats_latency(&s->d->stats, elapsed[i]);
        s->process->decisions++;
        s->process->denials += v[i].effect != PIL_ALLOW;
    }
}

static void note(struct pil_session *s, const struct pil_query *q, unsigned count,
                 const struct pil_verdict *v, const uint64_t *elapsed)
{
    uint64_t now = clock_ns(CLOCK_REALTIME);

    for (unsigned i = 0; i < count; i++) {
        if (q[i].flags & PIL_QUERY_AHEAD)
            continue;
        if (s->d->journal)
            pil_journal_decision(s->d->journal, s->process, &q[i], &v[i], now, elapsed[i]);
        pil_observe_decision(s->d->observer, s->process, &q[i], &v[i], now);
    }
}

/* The answer leaves before the decisions are noted, so that nobody waits for the log's text. */
static bool on_decide(struct pil_session *s, struct pil_reader *r, int *fds)
{
    struct pil_query q[PIL_BATCH_MAX];
    struct pil_verdict v[PIL_BATCH_MAX];
    uint64_t elapsed[PIL_BATCH_MAX];
    uint8_t room[1024];
    struct pil_writer w;
    unsigned count;
    int err;

    (void)fds;
    if (pil_wire_get_queries(r, q, &count)) {
        pil_session_refuse(s, PIL_REFUSAL_PROTOCOL, "decide");
        return false;
    }
    answer(s, q, count, v, elapsed);
    pil_wire_begin(&w, room, sizeof(room), PIL_WIRE_VERDICTS, s->sequence);
    pil_wire_put_verdicts(&w, v, count);
    err = pil_wire_finish(&w);
    if (!err)
        err = pil_session_send(s, &w, NULL, 0);
    note(s, q, count, v, elapsed);
    if (err)
        pil_session_unsent(s, err, "verdicts");
    return err == PIL_OK;
}

static bool on_control(struct pil_session *s, struct pil_reader *r, int *fds)
{
    struct pil_control control;

    (void)fds;
    if (s->sender.pid != s->pid || s->sender.uid != s->uid) {
        pil_session_refuse(s, PIL_REFUSAL_ATTEST, "a request of another process than connected");
        return false;
    }
    if (pil_wire_get_control(r, &control)) {
        pil_session_refuse(s, PIL_REFUSAL_PROTOCOL, "control");
        return false;
    }
    if (s->state == PIL_SESSION_NEW) {
        s->state = PIL_SESSION_CONTROL;
        if (!read_on(s)) {
            pil_session_refuse(s, PIL_REFUSAL_INTERNAL, "event");
            return false;
        }
    }
    return pil_control_handle(s, &control);
}

/* ---- secured connections -------------------------------------------------------------------- */

static bool on_mesh(struct pil_session *s, struct pil_reader *r, int *fds)
{
    return pil_mesh_message(s, s->type, r, fds);
}

/* ---- frames ------------------------------------------------------------------------------- */

static bool handle(struct pil_session *s, const void *frame, size_t len, int *fds,
                   unsigned fd_count)
{
    struct pil_wire_head head;
    struct pil_reader r;
    int err = pil_wire_open(frame, len, &head, &r);

    if (err) {
        pil_session_refuse(s, PIL_REFUSAL_PROTOCOL, pil_err_text(err));
        return false;
    }
    if (!dispatch[head.type].handle || !dispatch[head.type].allowed[s->state]) {
        pil_session_refuse(s, PIL_REFUSAL_PROTOCOL, "a message that is not expected");
        return false;
    }
    if (dispatch[head.type].fds != fd_count) {
        pil_session_refuse(s, PIL_REFUSAL_PROTOCOL, "another number of descriptors than it has");
        return false;
    }
    s->sequence = head.sequence;
    s->type = head.type;
    return dispatch[head.type].handle(s, &r, fds);
}

bool pil_session_frame(struct pil_session *s, const void *frame, size_t len,
                       const struct ucred *sender, int *fds, unsigned fd_count)
{
    bool there;

    s->d->stats.frames++;
    s->sender = *sender;
    there = handle(s, frame, len, fds, fd_count);
    for (unsigned i = 0; i < fd_count; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return there;
}

static void on_readable(evutil_socket_t fd, short what, void *cookie)
{
    static uint8_t room[PIL_WIRE_MAX]; /* main thread only */
    struct pil_session *s = cookie;
    unsigned fd_count = PIL_CHAN_FDS;
    int fds[PIL_CHAN_FDS], err;
    struct ucred sender;
    size_t len;

    if (what & EV_TIMEOUT) {
        pil_session_refuse(s, PIL_REFUSAL_SILENT, NULL);
        return;
    }
    err = pil_chan_recv_from(&pil_sysops_kernel, fd, room, sizeof(room), &len, fds, &fd_count,
                             &sender, false);
    if (err == PIL_E_AGAIN)
        return;
    if (err == PIL_E_MALFORMED)
        pil_session_refuse(s, PIL_REFUSAL_PROTOCOL, "a frame that is too long, or descriptors");
    else if (err)
        pil_session_close(s);
    else
        pil_session_frame(s, room, len, &sender, fds, fd_count);
}

struct pil_session *pil_session_open(struct pil_daemon *d, int fd, uid_t uid, gid_t gid, pid_t pid)
{
    struct timeval limit = {.tv_sec = HELLO_SECONDS};
    struct pil_session *s = calloc(1, sizeof(*s));

    if (!s) {
        close(fd);
        return NULL;
    }
    *s = (struct pil_session){.d = d, .fd = fd, .uid = uid, .gid = gid, .pid = pid};
    event_assign(&s->event, d->base, fd, EV_READ | EV_PERSIST, on_readable, s);
    if (event_add(&s->event, &limit)) {
        close(fd);
        free(s);
        return NULL;
    }
    return s;
}
