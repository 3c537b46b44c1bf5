#include "policyd/expect.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/attest.h"
#include "policyd/daemon.h"
#include "policyd/journal.h"

#define PROMISES_MAX 1024u
#define PER_UID_MAX  128u

struct promise {
    struct promise *next;
    struct pil_expect *expect;
    struct pil_peer peer;
    struct event *due;
    uint32_t timeout_ms;
};

struct pil_expect {
    struct pil_daemon *d;
    struct promise *all;
    unsigned count;
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
    struct promise **at = &promise->expect->all;

    while (*at && *at != promise)
        at = &(*at)->next;
    if (*at) {
        *at = promise->next;
        promise->expect->count--;
    }
    if (promise->due)
        event_free(promise->due);
    pil_attest_drop(&promise->peer);
    free(promise);
}

void pil_expect_close(struct pil_expect *expect)
{
    if (!expect)
        return;
    while (expect->all)
        release(expect->all);
    free(expect);
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

/* Its descriptor is readable: it ended by itself, unattached. Else the time is over. */
static void on_due(evutil_socket_t fd, short what, void *cookie)
{
    struct promise *promise = cookie;

    if (what & EV_READ) {
        tell(promise, "exited", 0);
    } else if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0) {
        promise->expect->d->stats.expected_killed++;
        tell(promise, "killed", 0);
    } else {
        tell(promise, errno == ESRCH ? "exited" : "kill-failed", errno == ESRCH ? 0 : errno);
    }
    release(promise);
}

static int may_promise(const struct pil_expect *expect, const struct pil_peer *peer)
{
    unsigned same_uid = 0;

    for (const struct promise *p = expect->all; p; p = p->next) {
        if (p->peer.pid == peer->pid && p->peer.start == peer->start)
            return PIL_E_EXISTS;
        same_uid += p->peer.uid == peer->uid;
    }
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
    for (struct promise *p = expect->all; p; p = p->next)
        if (p->peer.pid == pid && p->peer.start == start) {
            release(p);
            return;
        }
}

unsigned pil_expect_count(const struct pil_expect *expect)
{
    return expect->count;
}
