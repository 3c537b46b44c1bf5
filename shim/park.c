#include "shim/park.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "core/defs.h"
#include "core/sysops.h"
#include "shim/call.h"
#include "shim/hold.h"
#include "shim/lock.h"
#include "shim/ownfd.h"
#include "shim/real.h"
#include "shim/secure.h"
#include "shim/state.h"
#include "shim/watched.h"

/* A registration as the program wrote it; in the kernel it lies on the gate. */
struct set {
    int number; /* of the epoll descriptor + 1; 0: none */
    uint32_t events;
    uint64_t data;
};

struct parked {
    int fd;          /* + 1; 0: a free entry */
    int gate;        /* -1: answered */
    int pid;         /* whose it is: a child's copy is of no use */
    int error;       /* negated; why it failed */
    uint64_t cookie; /* SO_COOKIE of the socket: tells it from the next one under its number */
    struct set set[PIL_PARK_SETS];
};

_Atomic uint32_t pil_park_count;
_Atomic bool pil_park_ever;

#define NUMBERS 65536u /* descriptors that can be parked */

static struct parked parked[PIL_PARK_MAX];
static _Atomic uint16_t place[NUMBERS]; /* of a descriptor's entry, + 1; 0: not parked */
static unsigned next_free;              /* where to look first */

static const struct pil_sysops *const sys = &pil_real_sys;

static long epoll_ctl_of(int set, int op, int fd, const struct epoll_event *event)
{
    return pil_sysops_call(SYS_epoll_ctl, set, op, fd, (long)event, 0, 0);
}

static int index_of(int fd)
{
    if ((unsigned)fd >= NUMBERS)
        return -1;
    return atomic_load_explicit(&place[fd], memory_order_acquire) - 1;
}

bool pil_park_lists(int fd)
{
    return index_of(fd) >= 0;
}

static void release(int i)
{
    struct parked *p = &parked[i];

    atomic_store_explicit(&place[p->fd - 1], 0, memory_order_release);
    if (p->gate >= 0)
        pil_ownfd_close(p->gate);
    *p = (struct parked){.gate = -1};
    atomic_fetch_sub(&pil_park_count, 1);
}

/* Takes the lock and finds fd's entry; one that is of a former socket under that number is dropped.
 * -1 when there is none. */
static int enter(int fd, uint64_t *mask)
{
    int i;

    pil_lock_take(&pil_process.parking, mask);
    i = index_of(fd);
    if (i >= 0 && parked[i].cookie != pil_hold_cookie(fd)) {
        release(i);
        i = -1;
    }
    return i;
}

static void leave(const uint64_t *mask)
{
    pil_lock_release(&pil_process.parking, mask);
}

/* ---- beginning ----------------------------------------------------------------------------- */

static int free_place(void)
{
    for (unsigned n = 0; n < PIL_PARK_MAX; n++) {
        unsigned i = (next_free + n) % PIL_PARK_MAX;

        if (parked[i].fd == 0) {
            next_free = i + 1;
            return (int)i;
        }
    }
    return -1;
}

/* The tag of a registration: its address, which lies in memory of ours. */
static void tag(struct epoll_event *event, const struct set *set)
{
    *event = (struct epoll_event){.events = EPOLLIN, .data.u64 = (uintptr_t)set};
}

/* One that the program made before it connected goes over to the gate. */
static void move_in(void *cookie, int epfd, uint32_t events, uint64_t data)
{
    struct parked *p = cookie;
    struct epoll_event event;

    for (unsigned i = 0; i < PIL_PARK_SETS; i++) {
        struct set *set = &p->set[i];

        if (set->number)
            continue;
        tag(&event, set);
        if (epoll_ctl_of(epfd, EPOLL_CTL_ADD, p->gate, &event) == 0)
            *set = (struct set){epfd + 1, events, data};
        return;
    }
}

static void move_out_of_kernel(const struct parked *p, int fd)
{
    for (unsigned i = 0; i < PIL_PARK_SETS; i++)
        if (p->set[i].number)
            epoll_ctl_of(p->set[i].number - 1, EPOLL_CTL_DEL, fd, NULL);
}

int pil_park_begin(int fd, int gate, bool watched)
{
    uint64_t mask;
    int i, high = pil_ownfd_adopt(gate);

    if (high < 0)
        return -EMFILE;
    pil_lock_take(&pil_process.parking, &mask);
    i = (unsigned)fd < NUMBERS && index_of(fd) < 0 ? free_place() : -1;
    if (i >= 0) {
        parked[i] = (struct parked){
            .fd = fd + 1, .gate = high, .pid = sys->getpid(), .cookie = pil_hold_cookie(fd)};
        atomic_store(&pil_park_ever, true);
        atomic_fetch_add(&pil_park_count, 1);
        atomic_store_explicit(&place[fd], (uint16_t)(i + 1), memory_order_release);
        if (watched) {
            pil_watched_find(fd, move_in, &parked[i]);
            move_out_of_kernel(&parked[i], fd);
        }
    }
    leave(&mask);
    if (i < 0)
        pil_ownfd_close(high);
    return i < 0 ? -EMFILE : 0;
}

/* ---- settling ------------------------------------------------------------------------------ */

/* From the gate to the real socket, as the program wrote it. A set that the program has closed in
 * the meantime, and whose number is something else now, does not know the gate. */
static void move_back(struct parked *p, int fd)
{
    for (unsigned i = 0; i < PIL_PARK_SETS; i++) {
        struct set *set = &p->set[i];
        struct epoll_event event = {.events = set->events, .data.u64 = set->data};

        if (set->number && epoll_ctl_of(set->number - 1, EPOLL_CTL_DEL, p->gate, NULL) == 0)
            epoll_ctl_of(set->number - 1, EPOLL_CTL_ADD, fd, &event);
        *set = (struct set){0};
    }
}

/* What failed is shut down, so that nothing leaves by it, and whoever waits for it wakes. */
static int conclude(int i, int fd, int result)
{
    struct parked *p = &parked[i];

    if (result)
        sys->shutdown(fd, SHUT_RDWR);
    move_back(p, fd);
    if (!result) {
        release(i);
        return 0;
    }
    pil_ownfd_close(p->gate);
    p->gate = -1;
    p->error = result;
    return result;
}

/* Of an entry that is held. */
static int settle(int i, int fd)
{
    struct parked *p = &parked[i];
    int result;

    if (p->gate < 0)
        return p->error;
    if (p->pid != sys->getpid())
        return -ECONNABORTED;
    result = pil_secure_take(p->gate, fd);
    return result == -EAGAIN ? result : conclude(i, fd, result);
}

int pil_park_settle(int fd)
{
    uint64_t mask;
    int i, result;

    if (!pil_park_has(fd))
        return 0;
    i = enter(fd, &mask);
    result = i < 0 ? 0 : settle(i, fd);
    leave(&mask);
    return result;
}

int pil_park_gate(int fd)
{
    uint64_t mask;
    int i, gate;

    if (!pil_park_has(fd))
        return -1;
    i = enter(fd, &mask);
    gate = i < 0 ? -1 : parked[i].gate;
    leave(&mask);
    return gate;
}

int pil_park_wait(int fd, uint64_t end_ns)
{
    for (;;) {
        int result = pil_park_settle(fd), gate, ready;
        uint64_t now = pil_real_now_ns();

        if (result != -EAGAIN)
            return result;
        if (now >= end_ns)
            return -EAGAIN;
        gate = pil_park_gate(fd);
        ready = pil_call_wait(gate, (int)((end_ns - now) / 1000000u) + 1);
        if (ready == -EINTR)
            return -EINTR;
    }
}

int pil_park_tell(int fd)
{
    uint64_t mask;
    int i = enter(fd, &mask), result = i < 0 ? 0 : settle(i, fd);

    if (i >= 0 && result && result != -EAGAIN)
        release(i);
    leave(&mask);
    return result == -EAGAIN ? 0 : -result;
}

/* ---- closing ------------------------------------------------------------------------------- */

/* Not in a child, which has the sets and the gate in common with its parent. */
static void forget(int i)
{
    if (parked[i].pid != sys->getpid())
        return;
    if (parked[i].gate >= 0)
        move_out_of_kernel(&parked[i], parked[i].gate);
    release(i);
}

void pil_park_close(int fd)
{
    if (pil_park_has(fd))
        pil_park_close_range((unsigned)fd, (unsigned)fd);
}

void pil_park_close_range(unsigned first, unsigned last)
{
    uint64_t mask;

    if (!pil_park_any())
        return;
    pil_lock_take(&pil_process.parking, &mask);
    for (unsigned fd = first; fd <= last && fd < NUMBERS; fd++)
        if (index_of((int)fd) >= 0)
            forget(index_of((int)fd));
    leave(&mask);
}

/* ---- epoll --------------------------------------------------------------------------------- */

/* Set number -1 is a free one. */
static struct set *find_set(struct parked *p, int epfd)
{
    for (unsigned i = 0; i < PIL_PARK_SETS; i++)
        if (p->set[i].number == epfd + 1)
            return &p->set[i];
    return NULL;
}

static int add(struct parked *p, int epfd, const struct epoll_event *wanted)
{
    struct set *set = find_set(p, -1);
    struct epoll_event event;
    int result;

    if (find_set(p, epfd))
        return -EEXIST;
    if (!set)
        return -ENOSPC;
    tag(&event, set);
    result = (int)epoll_ctl_of(epfd, EPOLL_CTL_ADD, p->gate, &event);
    if (result == 0)
        *set = (struct set){epfd + 1, wanted->events, wanted->data.u64};
    return result;
}

static int modify(struct parked *p, int epfd, const struct epoll_event *wanted)
{
    struct set *set = find_set(p, epfd);

    if (!set)
        return -ENOENT;
    set->events = wanted->events;
    set->data = wanted->data.u64;
    return 0;
}

static int withdraw(struct parked *p, int epfd)
{
    struct set *set = find_set(p, epfd);

    if (!set)
        return -ENOENT;
    *set = (struct set){0};
    return (int)epoll_ctl_of(epfd, EPOLL_CTL_DEL, p->gate, NULL);
}

/* An answer that came meanwhile is taken first: then the socket is the kernel's matter. */
bool pil_park_control(int epfd, int op, int fd, struct epoll_event *event, int *result)
{
    struct epoll_event wanted = {0};
    uint64_t mask;
    int i;
    bool ours;

    if (index_of(fd) < 0)
        return false;
    if (op != EPOLL_CTL_DEL)
        wanted = *event;
    i = enter(fd, &mask);
    ours = i >= 0 && settle(i, fd) == -EAGAIN;
    if (ours)
        *result = op == EPOLL_CTL_ADD   ? add(&parked[i], epfd, &wanted)
                  : op == EPOLL_CTL_MOD ? modify(&parked[i], epfd, &wanted)
                  : op == EPOLL_CTL_DEL ? withdraw(&parked[i], epfd)
                                        : -EINVAL;
    leave(&mask);
    return ours;
}

/* The entry that a tag is of, or -1 for data of the program's. */
static int tagged(uint64_t data)
{
    uint64_t first = (uintptr_t)parked, offset = data - first;

    return data >= first && offset < sizeof(parked) ? (int)(offset / sizeof(parked[0])) : -1;
}

int pil_park_filter(struct epoll_event *events, int count)
{
    int left = 0;

    for (int e = 0; e < count; e++) {
        int i = tagged(events[e].data.u64);

        if (i < 0)
            events[left++] = events[e];
        else
            (void)pil_park_settle(parked[i].fd - 1);
    }
    return left;
}
