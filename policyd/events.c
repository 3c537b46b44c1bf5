#include "policyd/events.h"

#include <event2/event.h>
#include <stddef.h>
#include <stdlib.h>

#include "core/elf.h"
#include "core/err.h"
#include "policyd/daemon.h"
#include "policyd/journal.h"
#include "policyd/observe.h"

#define ROUND_USEC 200000

struct pil_events {
    struct pil_daemon *d;
    struct event *timer;
};

static void on_round(evutil_socket_t fd, short what, void *cookie)
{
    struct pil_events *events = cookie;

    (void)fd, (void)what;
    pil_events_round(events->d);
    if (events->d->processes.count == 0)
        event_del(events->timer);
}

int pil_events_start(struct pil_daemon *d, struct pil_events **out)
{
    struct pil_events *events = calloc(1, sizeof(*events));

    if (!events)
        return PIL_E_NOMEM;
    events->d = d;
    events->timer = event_new(d->base, -1, EV_PERSIST, on_round, events);
    if (!events->timer) {
        pil_events_stop(events);
        return PIL_E_NOMEM;
    }
    *out = events;
    return PIL_OK;
}

int pil_events_wake(struct pil_events *events)
{
    struct timeval every = {.tv_usec = ROUND_USEC};

    if (!events || event_pending(events->timer, EV_TIMEOUT, NULL))
        return PIL_OK;
    return event_add(events->timer, &every) ? PIL_E_NOMEM : PIL_OK;
}

void pil_events_stop(struct pil_events *events)
{
    if (!events)
        return;
    if (events->timer)
        event_free(events->timer);
    free(events);
}

/* Events about a process's reach: what the log calls them and what counts them. */
static const struct {
    const char *name;
    size_t counter;     /* offset in the statistics */
    uint32_t flag;      /* of the process, from then on; 0: none */
    const char *told;   /* what the event's text is; NULL: a path */
    const char *reason; /* NULL: by the event's kind, or none */
} reach[PIL_EVENT_COUNT] = {
    [PIL_EVENT_COVERAGE_LOST] = {"coverage-lost", offsetof(struct pil_stats, coverage_lost)},
    [PIL_EVENT_EXEC_REFUSED] = {"exec-refused", offsetof(struct pil_stats, exec_refused)},
    [PIL_EVENT_STUB_MOVED] = {"stub-moved", offsetof(struct pil_stats, stub_moved)},
    [PIL_EVENT_DEEPBIND] = {"deepbind", offsetof(struct pil_stats, deepbind)},
    [PIL_EVENT_URING] = {"io-uring-refused", offsetof(struct pil_stats, uring_refused)},
    [PIL_EVENT_CONFINED] = {"confined", offsetof(struct pil_stats, confined), PIL_PROCESS_CONFINED,
                            "calls",
                            "its own seccomp filter forbids these calls to the library; what needs "
                            "them is refused"},
    [PIL_EVENT_OUT_OF_REACH] = {"out-of-reach", offsetof(struct pil_stats, out_of_reach),
                                PIL_PROCESS_OUT_OF_REACH, "by",
                                "policyd's socket cannot be reached from where it went; when its "
                                "link ends, and in its children, calls are refused"},
    [PIL_EVENT_TLS_TRUNCATED] = {"tls-truncated", offsetof(struct pil_stats, tls_truncated), 0,
                                 "connection", "the peer's end came without its close_notify"},
    [PIL_EVENT_TLS_BROKEN] = {"tls-broken", offsetof(struct pil_stats, tls_broken), 0, "connection",
                              "a record was forged, damaged, or may not come"},
};

static void log_reach(struct pil_daemon *d, const struct pil_process *p, const struct pil_event *e)
{
    const char *told = reach[e->type].told;
    struct pil_json *json;

    if (!d->journal)
        return;
    json = pil_journal_begin(d->journal, reach[e->type].name);
    pil_journal_who(d->journal, json, p);
    pil_json_u64(json, "tid", e->tid);
    pil_json_text(json, told ? told : "path", (struct pil_slice){e->text, e->text_len});
    if (reach[e->type].reason)
        pil_json_string(json, "reason", reach[e->type].reason);
    else if (e->kind > PIL_COVER_YES)
        pil_json_string(json, "reason", pil_cover_name(e->kind));
    pil_journal_end(d->journal);
}

static void take(struct pil_daemon *d, struct pil_process *p, const struct pil_event *e)
{
    d->stats.ring_events++;
    if (e->type == PIL_EVENT_DECISION && d->journal)
        pil_journal_event(d->journal, p, e);
    if (e->type == PIL_EVENT_COVERAGE_LOST)
        pil_observe_lost(d->observer, p, (struct pil_slice){e->text, e->text_len});
    if (e->type < PIL_EVENT_COUNT && reach[e->type].name) {
        ++*(uint64_t *)((char *)&d->stats + reach[e->type].counter);
        p->flags |= reach[e->type].flag;
        log_reach(d, p, e);
    }
}

static unsigned drain(struct pil_daemon *d, struct pil_process *p)
{
    struct pil_ring *ring = pil_process_ring(p);
    struct pil_event event;
    unsigned taken = 0;

    while (ring && taken < PIL_RING_SLOTS && pil_ring_get(ring, &p->tail, &event)) {
        take(d, p, &event);
        taken++;
    }
    if (ring)
        pil_observe_ring(d->observer, p);
    return taken;
}

unsigned pil_events_round(struct pil_daemon *d)
{
    unsigned taken = 0;

    for (struct pil_process *p = d->processes.all; p; p = p->next)
        taken += drain(d, p);
    return taken;
}

static void add_counters(struct pil_ring *ring, uint64_t decisions[PIL_TIER_COUNT][3],
                         uint64_t failed[PIL_REASON_COUNT], uint64_t *dropped, uint64_t *reconnects)
{
    struct pil_ring_counters *c = &ring->counters;

    for (unsigned tier = 0; tier < PIL_TIER_COUNT; tier++)
        for (unsigned effect = 0; effect < 3; effect++)
            decisions[tier][effect] +=
                atomic_load_explicit(&c->decisions[tier][effect], memory_order_relaxed);
    for (unsigned reason = 0; reason < PIL_REASON_COUNT; reason++)
        failed[reason] += atomic_load_explicit(&c->failed[reason], memory_order_relaxed);
    *dropped += atomic_load_explicit(&c->dropped, memory_order_relaxed);
    *reconnects += atomic_load_explicit(&c->reconnects, memory_order_relaxed);
}

void pil_events_last(struct pil_daemon *d, struct pil_process *p)
{
    unsigned rounds = 0;

    /* A child that inherited the mapping may go on writing: bounded, and nobody's loss but its. */
    do
        drain(d, p);
    while (p->ring && ++rounds <= PIL_RING_SLOTS && pil_ring_skip(p->ring, &p->tail));
    if (p->ring)
        add_counters(p->ring, d->stats.gone_decisions, d->stats.gone_failed, &d->stats.gone_dropped,
                     &d->stats.gone_reconnects);
}

void pil_events_sum(struct pil_daemon *d, struct pil_events_sum *out)
{
    *out = (struct pil_events_sum){.dropped = d->stats.gone_dropped,
                                   .reconnects = d->stats.gone_reconnects};
    for (unsigned tier = 0; tier < PIL_TIER_COUNT; tier++)
        for (unsigned effect = 0; effect < 3; effect++)
            out->decisions[tier][effect] = d->stats.gone_decisions[tier][effect];
    for (unsigned reason = 0; reason < PIL_REASON_COUNT; reason++)
        out->failed[reason] = d->stats.gone_failed[reason];
    for (struct pil_process *p = d->processes.all; p; p = p->next)
        if (pil_process_ring(p))
            add_counters(p->ring, out->decisions, out->failed, &out->dropped, &out->reconnects);
}
