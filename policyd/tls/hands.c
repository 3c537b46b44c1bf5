#include "policyd/tls/handshake.h"

#include <event2/event.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/tls/crew.h"
#include "policyd/tls/reason.h"

#define WORKERS_MAX      8u
#define TOTAL_DEFAULT    4096u
#define TOTAL_MAX        65536u
#define PER_PEER_DEFAULT 256u
#define SESSIONS_MAX     4096u

/* An id is a place in `slots` and, above it, a count that never comes again. */
struct pil_hands {
    struct pil_hands_setup setup;
    struct pil_hand_tools tools;
    struct pil_crew *crews[WORKERS_MAX];
    unsigned crew_count;
    struct pil_hand **slots;
    unsigned *free_slots, free_count;
    uint64_t serial;
    struct pil_hands_stats stats;
    struct event *woken;
    int wake;

    /* Protects the outbox and the members of hands that say so. */
    pthread_mutex_t lock;
    TAILQ_HEAD(outbox, pil_hand) outbox;
};

/* ---- coming back ---- */

static void on_report(void *cookie, struct pil_hand *hand, unsigned report)
{
    struct pil_hands *h = cookie;
    bool wake = false;

    pthread_mutex_lock(&h->lock);
    hand->reports |= report;
    if (!hand->reported) {
        wake = TAILQ_EMPTY(&h->outbox);
        TAILQ_INSERT_TAIL(&h->outbox, hand, in_outbox);
        hand->reported = true;
    }
    pthread_mutex_unlock(&h->lock);
    if (wake)
        (void)eventfd_write(h->wake, 1);
}

static struct pil_hand *take_report(struct pil_hands *h, unsigned *reports)
{
    struct pil_hand *hand;

    pthread_mutex_lock(&h->lock);
    hand = TAILQ_FIRST(&h->outbox);
    if (hand) {
        TAILQ_REMOVE(&h->outbox, hand, in_outbox);
        hand->reported = false;
        *reports = hand->reports;
        hand->reports = 0;
    }
    pthread_mutex_unlock(&h->lock);
    return hand;
}

/* Nobody else has it any more. */
static void let_go(struct pil_hands *h, struct pil_hand *hand)
{
    unsigned slot = (unsigned)(hand->id & (TOTAL_MAX - 1));

    h->slots[slot] = NULL;
    h->free_slots[h->free_count++] = slot;
    h->stats.under_way--;
    (*pil_crew_load(hand->crew))--;
    pil_hand_free(hand);
}

static bool is_revoked(const struct pil_hands *h, const struct pil_hand_result *result)
{
    return h->setup.revoked && h->setup.revoked(h->setup.cookie, result->serial, result->peer);
}

static void asked(struct pil_hands *h, struct pil_hand *hand)
{
    if (is_revoked(h, &hand->known))
        pil_crew_order(hand->crew, hand, PIL_HAND_REVOKED);
    else if (hand->verified)
        hand->verified(hand->cookie, hand->id, &hand->known);
    else
        pil_crew_order(hand->crew, hand, PIL_HAND_ALLOW);
}

/* Revoked while the handshake was going on: what came out is not handed on. */
static void look_again(struct pil_hands *h, struct pil_hand_result *result)
{
    if (result->err || result->plaintext || !is_revoked(h, result))
        return;
    result->reason = PIL_TLS_REVOKED;
    result->err = pil_reason_err(result->reason);
    OPENSSL_cleanse(&result->in, sizeof(result->in));
    OPENSSL_cleanse(&result->out, sizeof(result->out));
}

static void count(struct pil_hands *h, const struct pil_hand_result *result)
{
    if (result->err)
        h->stats.failed[result->reason]++;
    else if (result->plaintext)
        h->stats.plaintext++;
    else if (result->resumed)
        h->stats.resumed++;
    else
        h->stats.full++;
}

static void done(struct pil_hands *h, struct pil_hand *hand)
{
    look_again(h, &hand->result);
    count(h, &hand->result);
    hand->done(hand->cookie, hand->id, &hand->result);
}

static void on_wake(evutil_socket_t fd, short what, void *cookie)
{
    struct pil_hands *h = cookie;
    struct pil_hand *hand;
    unsigned reports;
    eventfd_t value;

    (void)what;
    (void)eventfd_read(fd, &value);
    while ((hand = take_report(h, &reports))) {
        if (reports & PIL_HAND_DONE) {
            if (!hand->cancelled)
                done(h, hand);
            let_go(h, hand);
        } else if (!hand->cancelled) {
            asked(h, hand);
        }
    }
}

/* ---- going out ---- */

static struct pil_crew *least_loaded(struct pil_hands *h)
{
    struct pil_crew *best = h->crews[0];

    for (unsigned i = 1; i < h->crew_count; i++)
        if (*pil_crew_load(h->crews[i]) < *pil_crew_load(best))
            best = h->crews[i];
    return best;
}

static void give(struct pil_hands *h, struct pil_hand *hand)
{
    unsigned slot = h->free_slots[--h->free_count];

    hand->id = ++h->serial * TOTAL_MAX + slot;
    h->slots[slot] = hand;
    h->stats.under_way++;
    h->stats.started++;
    hand->crew = least_loaded(h);
    (*pil_crew_load(hand->crew))++;
    pil_crew_order(hand->crew, hand, PIL_HAND_START);
}

static int begin(struct pil_hands *h, const struct pil_hand_order *order, uint64_t *id)
{
    struct pil_hand *hand;
    int err;

    if (h->free_count == 0)
        return PIL_E_FULL;
    err = pil_hand_make(&h->tools, order, &hand);
    if (err)
        return err;
    give(h, hand);
    *id = hand->id;
    return PIL_OK;
}

static enum pil_tls_reason reason_of(int err)
{
    switch (err) {
    case PIL_OK:
        return PIL_TLS_NONE;
    case PIL_E_FULL:
        return PIL_TLS_LIMIT;
    case PIL_E_NOTFOUND:
        return PIL_TLS_NO_IDENTITY;
    default:
        return PIL_TLS_INTERNAL;
    }
}

int pil_hands_start(struct pil_hands *h, const struct pil_hand_order *order, uint64_t *id,
                    enum pil_tls_reason *reason)
{
    int err = PIL_E_RANGE;

    *id = 0;
    if (!order->svid)
        err = PIL_E_NOTFOUND;
    else if (pil_hand_makes_sense(order))
        err = begin(h, order, id);
    if (err == PIL_E_FULL)
        h->stats.refused++;
    if (reason)
        *reason = reason_of(err);
    return err;
}

static struct pil_hand *find(struct pil_hands *h, uint64_t id)
{
    unsigned slot = (unsigned)(id & (TOTAL_MAX - 1));
    struct pil_hand *hand = slot < h->setup.total ? h->slots[slot] : NULL;

    return hand && hand->id == id && !hand->cancelled ? hand : NULL;
}

void pil_hands_finish(struct pil_hands *h, uint64_t id, bool allow)
{
    struct pil_hand *hand = find(h, id);

    if (hand)
        pil_crew_order(hand->crew, hand, allow ? PIL_HAND_ALLOW : PIL_HAND_DENY);
}

void pil_hands_cancel(struct pil_hands *h, uint64_t id)
{
    struct pil_hand *hand = find(h, id);

    if (!hand)
        return;
    hand->cancelled = true;
    pil_crew_order(hand->crew, hand, PIL_HAND_DROP);
}

void pil_hands_stats(const struct pil_hands *h, struct pil_hands_stats *out)
{
    *out = h->stats;
}

/* ---- opening and closing ---- */

static void set_defaults(struct pil_hands_setup *setup)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (setup->workers == 0)
        setup->workers = processors > 0 ? (unsigned)processors : 1;
    if (setup->workers > WORKERS_MAX)
        setup->workers = WORKERS_MAX;
    if (setup->total == 0)
        setup->total = TOTAL_DEFAULT;
    if (setup->total > TOTAL_MAX)
        setup->total = TOTAL_MAX;
    if (setup->per_peer == 0)
        setup->per_peer = PER_PEER_DEFAULT;
}

static int open_tools(struct pil_hands *h)
{
    int err;

    h->tools.bio = pil_peer_bio_method();
    if (!h->tools.bio)
        return PIL_E_NOMEM;
    err = pil_sessions_open(SESSIONS_MAX, &h->tools.given);
    if (!err)
        err = pil_sessions_open(SESSIONS_MAX, &h->tools.got);
    if (!err)
        err = pil_vetted_open(&h->tools.vetted);
    if (!err)
        err = pil_ctx_open(&pil_hand_hooks, &h->tools.ctxs);
    if (!err)
        err = pil_caps_open(h->setup.total, h->setup.per_peer, &h->tools.caps);
    return err;
}

static int open_slots(struct pil_hands *h)
{
    h->slots = calloc(h->setup.total, sizeof(struct pil_hand *));
    h->free_slots = calloc(h->setup.total, sizeof(unsigned));
    if (!h->slots || !h->free_slots)
        return PIL_E_NOMEM;
    for (unsigned i = 0; i < h->setup.total; i++)
        h->free_slots[i] = h->setup.total - 1 - i;
    h->free_count = h->setup.total;
    return PIL_OK;
}

static int open_wake(struct pil_hands *h, struct event_base *base)
{
    h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (h->wake < 0)
        return PIL_E_SYSTEM;
    h->woken = event_new(base, h->wake, EV_READ | EV_PERSIST, on_wake, h);
    return h->woken && event_add(h->woken, NULL) == 0 ? PIL_OK : PIL_E_NOMEM;
}

static int open_crews(struct pil_hands *h)
{
    int err = PIL_OK;

    while (!err && h->crew_count < h->setup.workers) {
        err = pil_crew_start(on_report, h, &h->crews[h->crew_count]);
        if (!err)
            h->crew_count++;
    }
    return err;
}

int pil_hands_open(struct event_base *base, const struct pil_hands_setup *setup,
                   struct pil_hands **out)
{
    struct pil_hands *h = calloc(1, sizeof(*h));
    int err;

    if (!h)
        return PIL_E_NOMEM;
    h->setup = *setup;
    set_defaults(&h->setup);
    h->wake = -1;
    TAILQ_INIT(&h->outbox);
    pthread_mutex_init(&h->lock, NULL);
    err = open_tools(h);
    if (!err)
        err = open_slots(h);
    if (!err)
        err = open_wake(h, base);
    if (!err)
        err = open_crews(h);
    if (err) {
        pil_hands_close(h);
        return err;
    }
    *out = h;
    return PIL_OK;
}

static void close_tools(struct pil_hands *h)
{
    pil_ctx_close(h->tools.ctxs);
    pil_caps_close(h->tools.caps);
    pil_vetted_close(h->tools.vetted);
    pil_sessions_close(h->tools.given);
    pil_sessions_close(h->tools.got);
    BIO_meth_free(h->tools.bio);
}

/* With the threads gone, every hand is ours again. */
static void free_hands(struct pil_hands *h)
{
    for (unsigned i = 0; h->slots && i < h->setup.total; i++) {
        if (!h->slots[i])
            continue;
        pil_crew_forget(h->slots[i]);
        let_go(h, h->slots[i]);
    }
}

void pil_hands_close(struct pil_hands *h)
{
    if (!h)
        return;
    for (unsigned i = 0; i < h->crew_count; i++)
        pil_crew_stop(h->crews[i]);
    free_hands(h);
    for (unsigned i = 0; i < h->crew_count; i++)
        pil_crew_free(h->crews[i]);
    if (h->woken)
        event_free(h->woken);
    if (h->wake >= 0)
        close(h->wake);
    close_tools(h);
    free(h->slots);
    free(h->free_slots);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
