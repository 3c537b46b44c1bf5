#include "policyd/expect.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/attest.h"
#include "policyd/control.h"
#include "policyd/daemon.h"
#include "policyd/journal.h"
#include "policyd/session.h"
#include "policyd/switch.h"

#define PROMISES_MAX 1024u
#define PER_UID_MAX  128u

/* What a watcher has for ending a late process, and the kernel for carrying out SIGKILL. */
static const struct timeval grace = {.tv_sec = 2};

enum phase {
    PHASE_WAITING = 0, /* for its hello */
    PHASE_LATE,        /* its watcher was told, and is to end it */
    PHASE_KILLED,      /* SIGKILL was sent; its end has to be seen */
};

struct promise {
    struct promise *next;
    struct pil_expect *expect;
    struct pil_session *watcher; /* NULL: nobody is to be told */
    struct pil_peer peer;
    struct event *due;
    enum phase phase;
    uint32_t timeout_ms;
};

struct pil_expect {
    struct pil_daemon *d;
    struct promise *all;
    unsigned count;
    void (*on_empty)(void *cookie);
    void *on_empty_cookie;
};

int pil_expect_open(struct pil_daemon *d, struct pil_expect **out)
{
    struct pil_expect *expect = calloc(1, sizeof(*expect));

    if (!expect)
        return PIL_E_NOMEM;
    expect->d = d;
    *out = expect;
    return PIL_OK;
}

static void release(struct promise *promise)
{
    struct pil_expect *expect = promise->expect;
    struct promise **at = &expect->all;

    while (*at && *at != promise)
        at = &(*at)->next;
    if (*at) {
        *at = promise->next;
        expect->count--;
    }
    if (promise->due)
        event_free(promise->due);
    pil_attest_drop(&promise->peer);
    free(promise);
    if (expect->count == 0 && expect->on_empty)
        expect->on_empty(expect->on_empty_cookie);
}

static void tell(struct promise *promise, const char *outcome, int error)
{
    struct pil_daemon *d = promise->expect->d;
    struct pil_json *json;

    if (!d->journal)
        return;
    json = pil_journal_begin(d->journal, "expect");
    pil_json_u64(json, "pid", (uint64_t)promise->peer.pid);
    pil_json_u64(json, "uid", promise->peer.uid);
    pil_json_u64(json, "timeout_ms", promise->timeout_ms);
    pil_json_string(json, "outcome", outcome);
    if (error)
        pil_json_string(json, "error", strerror(error));
    pil_journal_end(d->journal);
}

/* Tells its watcher, if there is one. */
static void settle(struct promise *promise, const char *outcome)
{
    struct pil_session *watcher = promise->watcher;

    promise->watcher = NULL; /* first: the answer may close the session */
    if (watcher)
        pil_control_arrival(watcher, outcome);
}

/* It ended: by itself, through its watcher, or killed. */
static void on_end(struct promise *promise)
{
    static const char *const outcome[] = {
        [PHASE_WAITING] = "exited", [PHASE_LATE] = "ended", [PHASE_KILLED] = "killed"};

    if (promise->phase != PHASE_WAITING)
        promise->expect->d->stats.expected_killed++;
    tell(promise, outcome[promise->phase], 0);
    settle(promise, "exited");
    release(promise);
}

/* Goes on waiting for its end; what comes first, that or the end of the grace, comes to on_due. */
static void wait_for_end(struct promise *promise, enum phase phase)
{
    promise->phase = phase;
    if (event_add(promise->due, &grace) == 0)
        return;
    tell(promise, "kill-failed", ENOMEM);
    release(promise);
}

/* While the host's switch is not on, nothing is refused: neither is a program that is not covered.
 */
static bool let_go(struct promise *promise)
{
    if (promise->phase != PHASE_WAITING ||
        pil_switch_mode(promise->expect->d->kill_switch) == PIL_SWITCH_ON)
        return false;
    tell(promise, "let-go", 0);
    settle(promise, "let-go");
    release(promise);
    return true;
}

static void on_late(struct promise *promise)
{
    if (let_go(promise))
        return;
    if (promise->phase == PHASE_WAITING && promise->watcher) {
        wait_for_end(promise, PHASE_LATE);
        settle(promise, "late");
    } else if (promise->phase == PHASE_KILLED) {
        /* The init of a namespace that policyd lives in itself cannot be killed from there. */
        tell(promise, "kill-failed", ETIMEDOUT);
        release(promise);
    } else if (syscall(SYS_pidfd_send_signal, promise->peer.pidfd, SIGKILL, NULL, 0) == 0) {
        wait_for_end(promise, PHASE_KILLED);
    } else {
        tell(promise, errno == ESRCH ? "exited" : "kill-failed", errno == ESRCH ? 0 : errno);
        release(promise);
    }
}

/* Its descriptor is readable when it has ended. Else a time is over. */
static void on_due(evutil_socket_t fd, short what, void *cookie)
{
    (void)fd;
    if (what & EV_READ)
        on_end(cookie);
    else
        on_late(cookie);
}

/* A watcher looks for itself when policyd goes away; without one nobody would. */
static void kill_unwatched(struct promise *promise)
{
    if (promise->watcher || pil_switch_mode(promise->expect->d->kill_switch) != PIL_SWITCH_ON ||
        syscall(SYS_pidfd_send_signal, promise->peer.pidfd, SIGKILL, NULL, 0))
        return;
    promise->expect->d->stats.expected_killed++;
    tell(promise, "killed", 0);
}

/* A private policyd ends with its program, whose end may not have been looked at yet. */
void pil_expect_close(struct pil_expect *expect)
{
    if (!expect)
        return;
    expect->on_empty = NULL;
    while (expect->all) {
        struct pollfd ended = {.fd = expect->all->peer.pidfd, .events = POLLIN};

        if (poll(&ended, 1, 0) == 1) {
            on_end(expect->all);
            continue;
        }
        kill_unwatched(expect->all);
        release(expect->all);
    }
    free(expect);
}

void pil_expect_on_empty(struct pil_expect *expect, void (*call)(void *cookie), void *cookie)
{
    expect->on_empty = call;
    expect->on_empty_cookie = cookie;
}

static struct promise *find(const struct pil_expect *expect, pid_t pid, uint64_t start)
{
    struct promise *p = expect->all;

    while (p && (p->peer.pid != pid || p->peer.start != start))
        p = p->next;
    return p;
}

static int may_promise(const struct pil_expect *expect, const struct pil_peer *peer)
{
    unsigned same_uid = 0;

    if (find(expect, peer->pid, peer->start))
        return PIL_E_EXISTS;
    for (const struct promise *p = expect->all; p; p = p->next)
        same_uid += p->peer.uid == peer->uid;
    return expect->count >= PROMISES_MAX || same_uid >= PER_UID_MAX ? PIL_E_FULL : PIL_OK;
}

int pil_expect_add(struct pil_expect *expect, int fd, const struct ucred *sender,
                   uint32_t timeout_ms)
{
    struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    struct promise *promise = calloc(1, sizeof(*promise));
    int err;

    if (!promise)
        return PIL_E_NOMEM;
    promise->expect = expect;
    promise->timeout_ms = timeout_ms;
    err = pil_attest_peer(fd, sender, &promise->peer);
    if (!err)
        err = may_promise(expect, &promise->peer);
    if (!err) {
        promise->due = event_new(expect->d->base, promise->peer.pidfd, EV_READ, on_due, promise);
        err = promise->due && event_add(promise->due, &limit) == 0 ? PIL_OK : PIL_E_NOMEM;
    }
    if (err) {
        release(promise);
        return err;
    }
    promise->next = expect->all;
    expect->all = promise;
    expect->count++;
    return PIL_OK;
}

void pil_expect_arrived(struct pil_expect *expect, pid_t pid, uint64_t start)
{
    struct promise *p = find(expect, pid, start);

    if (!p || p->phase != PHASE_WAITING)
        return;
    settle(p, "arrived");
    release(p);
}

int pil_expect_watch(struct pil_expect *expect, struct pil_session *s)
{
    struct pil_peer peer;
    struct promise *p;
    int err = pil_attest_peer(s->fd, &s->sender, &peer);

    if (err)
        return err;
    p = find(expect, peer.pid, peer.start);
    pil_attest_drop(&peer);
    if (!p || p->phase != PHASE_WAITING)
        return PIL_E_NOTFOUND;
    if (p->watcher)
        return PIL_E_EXISTS;
    p->watcher = s;
    return PIL_OK;
}

void pil_expect_unwatch(struct pil_expect *expect, const struct pil_session *s)
{
    for (struct promise *p = expect ? expect->all : NULL; p; p = p->next)
        if (p->watcher == s)
            p->watcher = NULL;
}

unsigned pil_expect_count(const struct pil_expect *expect)
{
    return expect->count;
}
