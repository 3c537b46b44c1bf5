#include "policyd/mesh/relay_thread.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/err.h"

#define EVENTS 64

struct pil_relay_thread {
    pthread_t id;
    int epoll, wake;
    struct pil_relay_done *done;
    pthread_mutex_t lock;
    struct pil_relay *fresh; /* under the lock */
    bool stop;               /* under the lock */
    /* Its own. */
    struct pil_relay *all, *run, **run_last;
    struct pil_buffers pool;
};

static void poke(int wake)
{
    uint64_t one = 1;

    (void)!write(wake, &one, sizeof(one)); /* a full counter wakes too */
}

/* ---- done ----------------------------------------------------------------------------------- */

int pil_relay_done_open(struct pil_relay_done *done)
{
    *done = (struct pil_relay_done){.lock = PTHREAD_MUTEX_INITIALIZER};
    done->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return done->wake >= 0 ? PIL_OK : PIL_E_SYSTEM;
}

void pil_relay_done_close(struct pil_relay_done *done)
{
    if (done->wake >= 0)
        close(done->wake);
}

struct pil_relay *pil_relay_done_take(struct pil_relay_done *done)
{
    struct pil_relay *relay;

    pthread_mutex_lock(&done->lock);
    relay = done->first;
    if (relay)
        done->first = relay->next_done;
    pthread_mutex_unlock(&done->lock);
    return relay;
}

static void done_put(struct pil_relay_done *done, struct pil_relay *relay)
{
    pthread_mutex_lock(&done->lock);
    relay->next_done = done->first;
    done->first = relay;
    pthread_mutex_unlock(&done->lock);
    poke(done->wake);
}

/* ---- one relay ------------------------------------------------------------------------------ */

static void set_running(struct pil_relay_thread *t, struct pil_relay *relay)
{
    if (relay->running)
        return;
    relay->running = true;
    relay->next_run = NULL;
    *t->run_last = relay;
    t->run_last = &relay->next_run;
}

/* Both descriptors go before the relay does: the kernel's list of events holds its address. */
static void end_relay(struct pil_relay_thread *t, struct pil_relay *relay, bool in_order)
{
    epoll_ctl(t->epoll, EPOLL_CTL_DEL, relay->pump.tcp, NULL);
    epoll_ctl(t->epoll, EPOLL_CTL_DEL, relay->pump.local, NULL);
    *relay->link = relay->next;
    if (relay->next)
        relay->next->link = relay->link;
    pil_pump_close(&relay->pump, &t->pool, in_order);
    done_put(t->done, relay);
}

/* Which of the two sockets it is stands in the lowest bit. */
static bool watch(struct pil_relay_thread *t, struct pil_relay *relay, int fd, uintptr_t local)
{
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
        .data.u64 = (uintptr_t)relay | local,
    };

    return epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void begin_relay(struct pil_relay_thread *t, struct pil_relay *relay)
{
    relay->next = t->all;
    relay->link = &t->all;
    if (relay->next)
        relay->next->link = &relay->next;
    t->all = relay;
    if (watch(t, relay, relay->pump.tcp, 0) && watch(t, relay, relay->pump.local, 1))
        set_running(t, relay);
    else
        end_relay(t, relay, false);
}

/* ---- the loop ------------------------------------------------------------------------------- */

/* Takes what the main thread has to say; false: it is over. */
static bool take_orders(struct pil_relay_thread *t)
{
    struct pil_relay *fresh, *next;
    uint64_t count;
    bool stop;

    (void)!read(t->wake, &count, sizeof(count));
    pthread_mutex_lock(&t->lock);
    fresh = t->fresh;
    t->fresh = NULL;
    stop = t->stop;
    pthread_mutex_unlock(&t->lock);
    for (; fresh; fresh = next) {
        next = fresh->next_new;
        begin_relay(t, fresh);
    }
    for (struct pil_relay *relay = t->all; relay; relay = relay->next)
        if (atomic_load(&relay->cut))
            set_running(t, relay);
    return !stop;
}

static void run_one(struct pil_relay_thread *t, struct pil_relay *relay)
{
    enum pil_pump_state state =
        atomic_load(&relay->cut) ? PIL_PUMP_LOST : pil_pump_step(&relay->pump, &t->pool);

    if (state == PIL_PUMP_MORE)
        set_running(t, relay);
    else if (state != PIL_PUMP_WAIT)
        end_relay(t, relay, state == PIL_PUMP_DONE);
}

/* Each of those that can go on, once. */
static void run_round(struct pil_relay_thread *t)
{
    struct pil_relay *round = t->run, *next;

    t->run = NULL;
    t->run_last = &t->run;
    for (; round; round = next) {
        next = round->next_run;
        round->running = false;
        run_one(t, round);
    }
}

/* False: it is over. */
static bool take_events(struct pil_relay_thread *t)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(t->epoll, events, EVENTS, t->run ? 0 : -1);
    bool orders = false;

    for (int i = 0; i < count; i++) {
        struct pil_relay *relay = (struct pil_relay *)((uintptr_t)events[i].data.u64 & ~1ul);

        if (!relay) {
            orders = true;
            continue;
        }
        if (events[i].data.u64 & 1)
            pil_pump_local_event(&relay->pump, events[i].events);
        else
            pil_pump_tcp_event(&relay->pump, events[i].events);
        set_running(t, relay);
    }
    return !orders || take_orders(t);
}

static void *thread_main(void *cookie)
{
    struct pil_relay_thread *t = cookie;

    while (take_events(t))
        run_round(t);
    while (t->all)
        end_relay(t, t->all, false);
    pil_buffers_free(&t->pool);
    return NULL;
}

/* ---- the main thread's side ----------------------------------------------------------------- */

static void release(struct pil_relay_thread *t)
{
    if (t->epoll >= 0)
        close(t->epoll);
    if (t->wake >= 0)
        close(t->wake);
    free(t);
}

/* Signals are the main thread's. */
static int run(struct pil_relay_thread *t)
{
    sigset_t all, before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    failed = pthread_create(&t->id, NULL, thread_main, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? PIL_E_SYSTEM : PIL_OK;
}

int pil_relay_thread_start(struct pil_relay_done *done, struct pil_relay_thread **out)
{
    struct pil_relay_thread *t = calloc(1, sizeof(*t));
    struct epoll_event event = {.events = EPOLLIN};

    if (!t)
        return PIL_E_NOMEM;
    *t = (struct pil_relay_thread){.done = done, .lock = PTHREAD_MUTEX_INITIALIZER};
    t->run_last = &t->run;
    t->epoll = epoll_create1(EPOLL_CLOEXEC);
    t->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->epoll < 0 || t->wake < 0 || epoll_ctl(t->epoll, EPOLL_CTL_ADD, t->wake, &event) ||
        run(t)) {
        release(t);
        return PIL_E_SYSTEM;
    }
    *out = t;
    return PIL_OK;
}

void pil_relay_thread_add(struct pil_relay_thread *t, struct pil_relay *relay)
{
    pthread_mutex_lock(&t->lock);
    relay->next_new = t->fresh;
    t->fresh = relay;
    pthread_mutex_unlock(&t->lock);
    poke(t->wake);
}

void pil_relay_thread_cut(struct pil_relay_thread *t, struct pil_relay *relay)
{
    atomic_store(&relay->cut, true);
    poke(t->wake);
}

void pil_relay_thread_stop(struct pil_relay_thread *t)
{
    pthread_mutex_lock(&t->lock);
    t->stop = true;
    pthread_mutex_unlock(&t->lock);
    poke(t->wake);
    pthread_join(t->id, NULL);
    release(t);
}
