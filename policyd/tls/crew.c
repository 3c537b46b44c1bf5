#include "policyd/tls/crew.h"

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/err.h"

#define ORDERS_AT_ONCE 16u

struct pil_crew {
    struct event_base *base;
    struct event *woken;
    int wake;
    pthread_t thread;
    pil_crew_report *report;
    void *cookie;
    unsigned load; /* the main thread's */
    _Atomic bool stop;

    /* Protects the inbox and the members of hands that say so; held for moments. */
    pthread_mutex_t lock;
    TAILQ_HEAD(inbox, pil_hand) inbox;
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The last that this thread does with a hand. */
static void end(struct pil_crew *crew, struct pil_hand *hand)
{
    pil_crew_forget(hand);
    pil_hand_release(hand);
    pthread_mutex_lock(&crew->lock);
    hand->ended = true;
    if (hand->queued)
        TAILQ_REMOVE(&crew->inbox, hand, in_inbox);
    hand->queued = false;
    pthread_mutex_unlock(&crew->lock);
    crew->report(crew->cookie, hand, PIL_HAND_DONE);
}

static void go_on(struct pil_hand *hand, enum pil_hand_next next)
{
    if (next == PIL_HAND_END)
        end(hand->crew, hand);
    else if (next == PIL_HAND_ASK)
        hand->crew->report(hand->crew->cookie, hand, PIL_HAND_ASKED);
}

static void on_socket(evutil_socket_t fd, short what, void *cookie)
{
    struct pil_hand *hand = cookie;

    (void)fd;
    (void)what;
    go_on(hand, pil_hand_step(hand));
}

static void on_deadline(evutil_socket_t fd, short what, void *cookie)
{
    static const char *const during[] = {
        [PIL_HAND_CONNECTING] = "connecting",
        [PIL_HAND_PEEKING] = "waiting for the first bytes",
        [PIL_HAND_SHAKING] = "in the middle of the handshake",
        [PIL_HAND_ASKING] = "waiting for the decision",
        [PIL_HAND_TELLING] = "telling the peer",
        [PIL_HAND_READY] = "waiting for the peer's decision",
    };
    struct pil_hand *hand = cookie;

    (void)fd;
    (void)what;
    go_on(hand, pil_hand_fail(hand, PIL_TLS_TIMEOUT, during[hand->state]));
}

/* Edge-triggered, since every step goes on until the socket gives no more: one registration lasts
 * for the whole handshake. */
static bool watch(struct pil_crew *crew, struct pil_hand *hand)
{
    int64_t left = hand->deadline - now_ms();
    struct timeval timeout;

    if (left < 1)
        left = 1;
    timeout = (struct timeval){.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};
    if (event_assign(&hand->readable, crew->base, hand->peer.fd,
                     EV_READ | EV_WRITE | EV_ET | EV_PERSIST, on_socket, hand) != 0 ||
        evtimer_assign(&hand->timer, crew->base, on_deadline, hand) != 0)
        return false;
    hand->watched = true;
    /* Timers count from when the loop last looked at the clock, which a busy one does seldom. */
    event_base_update_cache_time(crew->base);
    return event_add(&hand->readable, NULL) == 0 && evtimer_add(&hand->timer, &timeout) == 0;
}

/* The first step is made at once: the client has often said hello already. */
static void start(struct pil_crew *crew, struct pil_hand *hand)
{
    enum pil_hand_next next = pil_hand_step(hand);

    if (next != PIL_HAND_END && !watch(crew, hand))
        next = pil_hand_fail(hand, PIL_TLS_INTERNAL, "the socket cannot be watched");
    go_on(hand, next);
}

static void obey(struct pil_crew *crew, struct pil_hand *hand, unsigned orders)
{
    if (orders & PIL_HAND_DROP)
        go_on(hand, pil_hand_fail(hand, PIL_TLS_STOPPED, NULL));
    else if (orders & PIL_HAND_START)
        start(crew, hand);
    else if (orders & PIL_HAND_REVOKED)
        go_on(hand, pil_hand_decide(hand, PIL_TLS_REVOKED));
    else if (orders & PIL_HAND_DENY)
        go_on(hand, pil_hand_decide(hand, PIL_TLS_DENIED));
    else if (orders & PIL_HAND_ALLOW)
        go_on(hand, pil_hand_decide(hand, PIL_TLS_NONE));
}

static struct pil_hand *take(struct pil_crew *crew, unsigned *orders)
{
    struct pil_hand *hand;

    pthread_mutex_lock(&crew->lock);
    hand = TAILQ_FIRST(&crew->inbox);
    if (hand) {
        TAILQ_REMOVE(&crew->inbox, hand, in_inbox);
        hand->queued = false;
        *orders = hand->orders;
        hand->orders = 0;
    }
    pthread_mutex_unlock(&crew->lock);
    return hand;
}

/* A few at a time: a flood of new handshakes does not keep those under way from their sockets. */
static void on_wake(evutil_socket_t fd, short what, void *cookie)
{
    struct pil_crew *crew = cookie;
    struct pil_hand *hand;
    unsigned orders, done = 0;
    eventfd_t count;

    (void)what;
    (void)eventfd_read(fd, &count);
    if (atomic_load(&crew->stop)) {
        event_base_loopbreak(crew->base);
        return;
    }
    for (; done < ORDERS_AT_ONCE && (hand = take(crew, &orders)); done++)
        obey(crew, hand, orders);
    if (done == ORDERS_AT_ONCE)
        (void)eventfd_write(crew->wake, 1);
}

static void *run(void *cookie)
{
    struct pil_crew *crew = cookie;

    event_base_loop(crew->base, EVLOOP_NO_EXIT_ON_EMPTY);
    OPENSSL_thread_stop();
    return NULL;
}

static int start_thread(struct pil_crew *crew)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    error = pthread_create(&crew->thread, NULL, run, crew);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        return PIL_E_SYSTEM;
    pthread_setname_np(crew->thread, "handshakes");
    return PIL_OK;
}

static bool prepare(struct pil_crew *crew)
{
    crew->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    crew->base = event_base_new();
    if (crew->wake < 0 || !crew->base)
        return false;
    crew->woken = event_new(crew->base, crew->wake, EV_READ | EV_PERSIST, on_wake, crew);
    return crew->woken && event_add(crew->woken, NULL) == 0;
}

int pil_crew_start(pil_crew_report *report, void *cookie, struct pil_crew **out)
{
    struct pil_crew *crew = calloc(1, sizeof(*crew));

    if (!crew)
        return PIL_E_NOMEM;
    crew->report = report;
    crew->cookie = cookie;
    TAILQ_INIT(&crew->inbox);
    pthread_mutex_init(&crew->lock, NULL);
    if (!prepare(crew) || start_thread(crew) != PIL_OK) {
        pil_crew_free(crew);
        return PIL_E_SYSTEM;
    }
    *out = crew;
    return PIL_OK;
}

void pil_crew_order(struct pil_crew *crew, struct pil_hand *hand, unsigned orders)
{
    bool wake = false;

    pthread_mutex_lock(&crew->lock);
    if (!hand->ended) {
        hand->orders |= orders;
        if (!hand->queued) {
            wake = TAILQ_EMPTY(&crew->inbox);
            TAILQ_INSERT_TAIL(&crew->inbox, hand, in_inbox);
            hand->queued = true;
        }
    }
    pthread_mutex_unlock(&crew->lock);
    if (wake)
        (void)eventfd_write(crew->wake, 1);
}

unsigned *pil_crew_load(struct pil_crew *crew)
{
    return &crew->load;
}

void pil_crew_forget(struct pil_hand *hand)
{
    if (!hand->watched)
        return;
    event_del(&hand->readable);
    event_del(&hand->timer);
    hand->watched = false;
}

void pil_crew_stop(struct pil_crew *crew)
{
    if (!crew)
        return;
    atomic_store(&crew->stop, true);
    (void)eventfd_write(crew->wake, 1);
    pthread_join(crew->thread, NULL);
}

void pil_crew_free(struct pil_crew *crew)
{
    if (!crew)
        return;
    if (crew->woken)
        event_free(crew->woken);
    if (crew->base)
        event_base_free(crew->base);
    if (crew->wake >= 0)
        close(crew->wake);
    pthread_mutex_destroy(&crew->lock);
    free(crew);
}
