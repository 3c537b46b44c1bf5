#include "shim/link.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "core/chan.h"
#include "core/err.h"
#include "core/wire.h"
#include "shim/dial.h"
#include "shim/env.h"
#include "shim/hold.h"
#include "shim/pages.h"
#include "shim/real.h"
#include "shim/state.h"

#define BACKOFF_FIRST_MS 50u
#define BACKOFF_LAST_MS  1000u
#define MS               UINT64_C(1000000)
#define RETURN_NS        (UINT64_C(5000) * MS) /* one that went away is expected back so long */
#define RETURN_TRY_MS    10u

static const struct pil_sysops *const sys = &pil_real_sys;

uint64_t pil_link_deadline(void)
{
    return pil_real_now_ns() + pil_dial_first_ms() * MS;
}

/* ---- failing ------------------------------------------------------------------------------- */

/* A policyd is gone; whoever notices first says so for all links. */
static void instance_gone(uint32_t instance)
{
    if (atomic_compare_exchange_strong(&pil_process.instance, &instance, instance + 1) &&
        pil_pages_have(instance))
        atomic_store(&pil_process.gone_ns, pil_real_now_ns());
}

/* It is being restarted, perhaps: calls wait for it within their deadline, and for some seconds the
 * back-off does not count. One that never was there, or stays away, costs no call any time. */
static bool may_return(void)
{
    uint64_t gone = atomic_load(&pil_process.gone_ns);

    return gone && pil_real_now_ns() - gone < RETURN_NS;
}

/* False when this call's time is over, but for what the kernel's timers may run late. */
static bool wait_for_return(const struct pil_link *link)
{
    uint64_t spare = pil_dial_deadline_ms() / 8 * MS;

    if (pil_real_now_ns() + RETURN_TRY_MS * MS + spare >= link->end_ns)
        return false;
    sys->poll(NULL, 0, RETURN_TRY_MS);
    return true;
}

/* Drops the link and puts off the next attempt; gives the cause. Links that fail together, in many
 * threads, are one failure. */
static int fail(struct pil_link *link, int cause)
{
    uint32_t backoff = atomic_load(&pil_process.backoff_ms);
    uint64_t now = pil_real_now_ns();

    pil_hold_drop(link);
    atomic_store(&pil_process.cause, (uint32_t)cause);
    if (now < atomic_load(&pil_process.retry_ns))
        return cause;
    backoff = backoff ? backoff * 2 : BACKOFF_FIRST_MS;
    if (backoff > BACKOFF_LAST_MS)
        backoff = BACKOFF_LAST_MS;
    atomic_store(&pil_process.backoff_ms, backoff);
    atomic_store(&pil_process.retry_ns, now + backoff * MS);
    return cause;
}

/* The fail rule knows four causes; what chan and wire say is one of them. */
static int cause_of(int err)
{
    switch (pil_err_class(err)) {
    case PIL_CLASS_PROTOCOL:
        return PIL_E_MALFORMED;
    case PIL_CLASS_DENY:
        return PIL_E_REFUSED;
    default:
        return err == PIL_E_AGAIN || err == PIL_E_TIMEOUT ? PIL_E_TIMEOUT : PIL_E_UNREACHABLE;
    }
}

/* ---- connecting ---------------------------------------------------------------------------- */

static uint32_t effective_user(void)
{
    uint32_t real = 0, effective = 0, saved = 0;

    /* Where a filter forbids the question, the program has hardly changed users either. */
    if (sys->getresuid(&real, &effective, &saved))
        return atomic_load(&pil_process.euid);
    return effective;
}

/* A fresh socket, by whichever name leads to policyd from here. */
static int dial(struct pil_link *link, int *fd)
{
    int err = pil_dial(link, pil_env.socket, fd);

    if (err == PIL_E_UNREACHABLE && pil_env.alternative[0])
        err = pil_dial(link, pil_env.alternative, fd);
    return err;
}

static int connect_link(struct pil_link *link)
{
    int fd = -1, err = dial(link, &fd);

    if (err)
        return err;
    atomic_store(&pil_process.euid, effective_user());
    link->instance = atomic_load(&pil_process.instance);
    link->cookie = pil_hold_cookie(fd);
    atomic_store(&link->fd, (uint32_t)fd + 1);
    err = pil_dial_hello(link, fd);
    link->greeted = !err;
    return err;
}

/* ---- welcome ------------------------------------------------------------------------------- */

/* It holds for this link too: pil_dial_limit sees the difference. */
static void take_deadline(uint32_t ms)
{
    if (ms >= 10 && ms <= 60000)
        atomic_store(&pil_process.deadline_ms, ms);
}

static uint64_t generation_now(void)
{
    const struct pil_genpage *page = atomic_load(&pil_process.page);

    return page ? pil_genpage_generation(pil_genpage_word(page)) : 0;
}

static int take_welcome(struct pil_link *link, struct pil_reader *r, const int *fds,
                        unsigned fd_count)
{
    struct pil_welcome welcome;
    int err = pil_wire_get_welcome(r, &welcome);

    if (err)
        return err;
    if (welcome.status != PIL_OK)
        return PIL_E_REFUSED;
    if (fd_count != 2)
        return PIL_E_MALFORMED;
    take_deadline(welcome.deadline_ms);
    err = pil_pages_take(link->instance, fds);
    if (!err) {
        atomic_store(&pil_process.flags, welcome.flags);
        atomic_store(&pil_process.flags_generation, generation_now());
    }
    return err;
}

/* Reads one frame that must be the answer to the question with that sequence. */
static int receive(struct pil_link *link, enum pil_wire_type type, uint32_t sequence,
                   struct pil_reader *r, int *fds, unsigned *fd_count)
{
    struct pil_wire_head head;
    size_t len = 0;
    int fd = (int)atomic_load(&link->fd) - 1;
    int err = pil_dial_limit(link, fd);

    if (!err)
        err = pil_chan_recv(sys, fd, link->buffer, sizeof(link->buffer), &len, fds, fd_count, true);
    else if (fd_count)
        *fd_count = 0;
    if (!err)
        err = pil_wire_open(link->buffer, len, &head, r);
    if (!err && (head.type != type || head.sequence != sequence))
        err = PIL_E_MALFORMED;
    if (err == PIL_E_CLOSED)
        instance_gone(link->instance);
    return err;
}

static int read_welcome(struct pil_link *link)
{
    int fds[PIL_CHAN_FDS];
    unsigned fd_count = PIL_CHAN_FDS;
    struct pil_reader r;
    int err = receive(link, PIL_WIRE_WELCOME, link->sequence, &r, fds, &fd_count);

    if (!err)
        err = take_welcome(link, &r, fds, fd_count);
    for (unsigned i = 0; i < fd_count; i++)
        sys->close(fds[i]);
    if (!err)
        link->greeted = false;
    return err;
}

static int reach(struct pil_link *link)
{
    int fd = (int)atomic_load(&link->fd) - 1, err;

    if (fd >= 0 &&
        (link->instance != atomic_load(&pil_process.instance) || !pil_hold_ours(link, fd)))
        pil_hold_drop(link);
    if (!atomic_load(&link->fd)) {
        if (pil_real_now_ns() < atomic_load(&pil_process.retry_ns) && !may_return())
            return (int)atomic_load(&pil_process.cause);
        err = connect_link(link);
        if (err)
            return err;
    }
    return link->greeted ? read_welcome(link) : PIL_OK;
}

/* Brings a taken link to where it can ask. */
static int prepare(struct pil_link *link)
{
    for (;;) {
        int err = reach(link);

        if (!err)
            return PIL_OK;
        pil_hold_drop(link);
        if (cause_of(err) != PIL_E_UNREACHABLE || !link->patient || !may_return() ||
            !wait_for_return(link))
            return fail(link, cause_of(err));
    }
}

/* ---- asking -------------------------------------------------------------------------------- */

/* The descriptors of an answer that is refused are the caller's, too: see pil_link_call. */
static int exchange(struct pil_link *link, struct pil_link_call *call)
{
    /* Our own copy: should the link be taken from us while the process is stopped for long, the
     * answer to another question is not ours. */
    uint32_t sequence = ++link->sequence;
    struct pil_writer w;
    struct pil_reader r;
    struct iovec iov;
    int err;

    pil_wire_begin(&w, link->buffer, sizeof(link->buffer), call->type, sequence);
    call->put(&w, call->message);
    if (pil_wire_finish(&w))
        return PIL_E_MALFORMED;
    iov = (struct iovec){link->buffer, w.len};
    err = pil_chan_send(sys, (int)atomic_load(&link->fd) - 1, &iov, 1, call->fds, call->fd_count,
                        true);
    if (err == PIL_E_CLOSED)
        instance_gone(link->instance);
    if (err || call->answer == PIL_WIRE_NONE)
        return err;
    err = receive(link, call->answer, sequence, &r, call->got, call->got ? &call->got_count : NULL);
    return err ? err : call->get(&r, call->out);
}

/* A policyd that was restarted since the last question is no failure: once more, afresh. */
static int ask(struct pil_link *link, struct pil_link_call *call)
{
    unsigned room = call->got_count;
    int err = prepare(link);

    if (err) {
        call->got_count = 0;
        return err;
    }
    err = exchange(link, call);
    if (err == PIL_E_CLOSED) {
        call->got_count = 0;
        pil_hold_drop(link);
        err = prepare(link);
        if (err)
            return err;
        call->got_count = room;
        err = exchange(link, call);
    }
    if (err)
        return fail(link, cause_of(err));
    /* Only now: a policyd that welcomes and never decides is no better than none. */
    if (atomic_load_explicit(&pil_process.backoff_ms, memory_order_relaxed))
        atomic_store(&pil_process.backoff_ms, 0);
    return PIL_OK;
}

/* The common frame of everything that uses a link: signals blocked, link taken and given back.
 * Without a call it is made ready to ask, and no more. */
static int with_link(struct pil_link_call *call, uint64_t end_ns, bool patient)
{
    uint64_t all = UINT64_MAX, mask = 0;
    struct pil_link *link;
    int err = PIL_E_TIMEOUT;

    sys->procmask(SIG_SETMASK, &all, &mask);
    link = pil_hold_take(end_ns);
    if (link) {
        link->patient = patient;
        err = call ? ask(link, call) : prepare(link);
        pil_hold_release(link);
    } else if (call) {
        call->got_count = 0;
    }
    sys->procmask(SIG_SETMASK, &mask, NULL);
    return err;
}

int pil_link_call(struct pil_link_call *call, uint64_t end_ns)
{
    return with_link(call, end_ns, !call->hasty);
}

struct questions {
    const struct pil_query *queries;
    struct pil_verdict *verdicts;
    unsigned count;
};

static void put_questions(struct pil_writer *w, const void *message)
{
    const struct questions *q = message;

    pil_wire_put_queries(w, q->queries, q->count);
}

static int get_verdicts(struct pil_reader *r, void *out)
{
    const struct questions *q = out;

    return pil_wire_get_verdicts(r, q->verdicts, q->count);
}

int pil_link_ask(const struct pil_query *queries, unsigned count, struct pil_verdict *verdicts,
                 uint64_t end_ns)
{
    struct questions q = {queries, verdicts, count};
    struct pil_link_call call = {.type = PIL_WIRE_DECIDE,
                                 .answer = PIL_WIRE_VERDICTS,
                                 .put = put_questions,
                                 .message = &q,
                                 .get = get_verdicts,
                                 .out = &q};

    return with_link(&call, end_ns, true);
}

int pil_link_welcome(uint64_t end_ns)
{
    return with_link(NULL, end_ns, true);
}

int pil_link_renew(uint64_t end_ns)
{
    return with_link(NULL, end_ns, false);
}

bool pil_link_cover_children(void)
{
    bool known = atomic_load(&pil_process.page) != NULL;
    uint32_t instance = atomic_load(&pil_process.instance);

    if (known && atomic_load(&pil_process.flags_generation) != generation_now())
        atomic_compare_exchange_strong(&pil_process.instance, &instance, instance + 1);
    if (pil_link_welcome(pil_link_deadline()) && !known)
        return true;
    return atomic_load(&pil_process.flags) & PIL_WELCOME_COVER_CHILDREN;
}

void pil_link_greet(void)
{
    struct pil_link *link = pil_hold_any(pil_real_now_ns());
    int err;

    if (!link)
        return;
    link->end_ns = pil_link_deadline();
    err = connect_link(link);
    if (err)
        (void)fail(link, cause_of(err));
    pil_hold_release(link);
}

/* ---- looking after the link ---------------------------------------------------------------- */

/* policyd knows this process by the user it connected as. One that became another user since is
 * another subject, to policyd and to the cache. */
static bool changed_user(uint32_t instance)
{
    bool same = atomic_load(&pil_state_renumbered)
                    ? !atomic_exchange(&pil_process.became, false)
                    : atomic_load(&pil_process.euid) == effective_user();

    if (!pil_pages_have(instance) || same)
        return false;
    atomic_fetch_add(&pil_process.subject, 1);
    return true;
}

/* What is not busy has nothing to say: what can be read there is the end. */
static bool an_end_shows(void)
{
    for (unsigned i = 0; i < PIL_LINKS; i++) {
        struct pil_link *link = &pil_process.link[i];
        uint32_t fd = atomic_load(&link->fd);
        struct pollfd pfd = {.fd = (int)fd - 1};

        if (fd && !atomic_load(&link->busy) && sys->poll(&pfd, 1, 0) > 0)
            return true;
    }
    return false;
}

bool pil_link_alive(void)
{
    const struct pil_genpage *page = atomic_load(&pil_process.page);
    uint32_t instance = atomic_load(&pil_process.instance);

    if (changed_user(instance)) {
        atomic_compare_exchange_strong(&pil_process.instance, &instance, instance + 1);
        return false;
    }
    if ((page && pil_pages_have(instance) && pil_genpage_is_retired(page)) || an_end_shows()) {
        instance_gone(instance);
        return false;
    }
    return pil_pages_have(instance);
}

bool pil_link_reachable(void)
{
    uint64_t all = UINT64_MAX, mask = 0, end = pil_link_deadline();
    struct pil_link *link;
    int fd = -1, err = PIL_E_TIMEOUT;

    sys->procmask(SIG_SETMASK, &all, &mask);
    link = pil_hold_take(end);
    if (link) {
        uint32_t limit = link->limit_ms;

        err = dial(link, &fd);
        link->limit_ms = limit;
        pil_hold_release(link);
    }
    if (!err)
        pil_ownfd_close(fd);
    sys->procmask(SIG_SETMASK, &mask, NULL);
    return err == PIL_OK;
}

static void drop_user_of(int fd)
{
    for (unsigned i = 0; i < PIL_LINKS; i++) {
        struct pil_link *link = &pil_process.link[i];

        if (atomic_load(&link->fd) == (uint32_t)fd + 1 && pil_hold_try(link, pil_real_now_ns())) {
            pil_hold_drop(link);
            pil_hold_release(link);
        }
    }
}

/* One that no link has yet is just being connected; in a forked child it may be its parent's. */
bool pil_link_holds(int fd)
{
    for (unsigned i = 0; i < PIL_LINKS; i++) {
        struct pil_link *link = &pil_process.link[i];

        if (atomic_load(&link->fd) != (uint32_t)fd + 1 || pil_hold_ours(link, fd))
            continue;
        pil_ownfd_lose(fd);
        return false;
    }
    return true;
}

/* A number that is just being connected is listed and has no link yet: the list tells. */
bool pil_link_evict(int fd)
{
    uint64_t end = pil_real_now_ns() + pil_dial_deadline_ms() * MS;

    for (;;) {
        drop_user_of(fd);
        if (!pil_ownfd_has(fd))
            return true;
        if (pil_real_now_ns() >= end)
            return false;
        sched_yield();
    }
}
