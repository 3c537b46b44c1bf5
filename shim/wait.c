/*
 * poll, select and epoll: with nothing parked, libc's own. A parked socket is waited for by its
 * gate (shim/park.h), and what the program sees is what the kernel says of the socket afterwards.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <unistd.h>

#include "shim/call.h"
#include "shim/park.h"
#include "shim/real.h"
#include "shim/shim.h"
#include "shim/state.h"
#include "shim/watched.h"

#define NS       INT64_C(1000000000)
#define MS       INT64_C(1000000)
#define ON_STACK 32u
#define SLICE_NS (10 * MS)

/* ---- time ---------------------------------------------------------------------------------- */

/* When a wait is over; negative: never. */
static int64_t end_of(const struct timespec *timeout)
{
    int64_t now = (int64_t)pil_real_now_ns();

    if (!timeout)
        return -1;
    if (timeout->tv_sec > (INT64_MAX - now) / NS - 1)
        return -1;
    return now + timeout->tv_sec * NS + timeout->tv_nsec;
}

/* What is left of it, NULL for ever. */
static const struct timespec *left_of(int64_t end, struct timespec *room)
{
    int64_t left = end - (int64_t)pil_real_now_ns();

    if (end < 0)
        return NULL;
    if (left < 0)
        left = 0;
    *room = (struct timespec){(time_t)(left / NS), (long)(left % NS)};
    return room;
}

/* ---- poll ---------------------------------------------------------------------------------- */

/* libc's, as a cancellation point, with the error as a value. */
static int real_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *left,
                      const sigset_t *mask)
{
    int saved = errno, result = pil_real_libc.ppoll(fds, count, left, mask);

    if (result < 0) {
        result = -errno;
        errno = saved;
    }
    return result;
}

/* Puts the gates of parked sockets in their places; how many. */
static unsigned with_gates(const struct pollfd *fds, nfds_t count, struct pollfd *copy)
{
    unsigned gates = 0;

    for (nfds_t i = 0; i < count; i++) {
        int gate =
            fds[i].fd < 0 || pil_park_settle(fds[i].fd) != -EAGAIN ? -1 : pil_park_gate(fds[i].fd);

        copy[i] = fds[i];
        if (gate >= 0) {
            copy[i] = (struct pollfd){.fd = gate, .events = POLLIN};
            gates++;
        }
    }
    return gates;
}

/* True when a gate has its answer: the program's sockets are then to be looked at once more. */
static bool answered(const struct pollfd *fds, nfds_t count, const struct pollfd *copy)
{
    for (nfds_t i = 0; i < count; i++)
        if (copy[i].fd != fds[i].fd && copy[i].revents)
            return true;
    return false;
}

static void give_back(struct pollfd *fds, nfds_t count, const struct pollfd *copy)
{
    for (nfds_t i = 0; i < count; i++)
        fds[i].revents = copy[i].fd == fds[i].fd ? copy[i].revents : 0;
}

static int poll_gates(struct pollfd *fds, nfds_t count, struct pollfd *copy, int64_t end,
                      const sigset_t *mask)
{
    struct timespec room;

    for (;;) {
        int result;

        if (with_gates(fds, count, copy) == 0)
            return real_ppoll(fds, count, left_of(end, &room), mask);
        result = real_ppoll(copy, count, left_of(end, &room), mask);
        if (result < 0)
            return result;
        if (!answered(fds, count, copy)) {
            give_back(fds, count, copy);
            return result;
        }
    }
}

/* Room for `count` entries that is not the program's: a signal handler, or another thread, may look
 * at its own. NULL when there is none. */
static struct pollfd *take_scratch(size_t count)
{
    uintptr_t at = pil_real_sys.mmap(NULL, count * sizeof(struct pollfd), PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return at > (uintptr_t)-4096 ? NULL : (struct pollfd *)at;
}

static int poll_parked(struct pollfd *fds, nfds_t count, int64_t end, const sigset_t *mask)
{
    struct pollfd small[ON_STACK], *copy = small;
    int result;

    if (!pil_call_readable(fds, count * sizeof(*fds)))
        return -EFAULT;
    if (count > ON_STACK)
        copy = take_scratch(count);
    if (!copy)
        return -ENOMEM;
    result = poll_gates(fds, count, copy, end, mask);
    if (copy != small)
        pil_real_sys.munmap(copy, count * sizeof(*copy));
    return result;
}

static bool is_sane(const struct pollfd *fds, nfds_t count)
{
    return fds && count > 0 && count < 1u << 20;
}

int pil_shim_poll(struct pollfd *fds, nfds_t count, int timeout)
{
    struct timespec limit = {timeout / 1000, timeout % 1000 * MS};

    if (PIL_LIKELY(!pil_park_any()) || !is_sane(fds, count))
        return PIL_BOUND(poll)(fds, count, timeout);
    return (int)pil_call_result(poll_parked(fds, count, end_of(timeout < 0 ? NULL : &limit), NULL));
}

/* The fortified twin ends the program when its array is too small; that is libc's to do. */
int pil_shim___poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t room)
{
    if (room / sizeof(*fds) < count)
        return PIL_BOUND(__poll_chk)(fds, count, timeout, room);
    return pil_shim_poll(fds, count, timeout);
}

/* Like the kernel's, which glibc hides, this leaves the time as it was. */
int pil_shim_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                   const sigset_t *mask)
{
    if (PIL_LIKELY(!pil_park_any()) || !is_sane(fds, count))
        return PIL_BOUND(ppoll)(fds, count, timeout, mask);
    return (int)pil_call_result(poll_parked(fds, count, end_of(timeout), mask));
}

int pil_shim___ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                         const sigset_t *mask, size_t room)
{
    if (room / sizeof(*fds) < count)
        return PIL_BOUND(__ppoll_chk)(fds, count, timeout, mask, room);
    return pil_shim_ppoll(fds, count, timeout, mask);
}

/* ---- select -------------------------------------------------------------------------------- */

#define SETS 3 /* to be read, to be written, exceptional */

struct selection {
    int count;
    fd_set *set[SETS]; /* the program's */
    int64_t end;
    const sigset_t *mask;
    struct pollfd *copy; /* room for `count` */
    unsigned listed;     /* of them are in use */
};

static bool is_in(const fd_set *set, int fd)
{
    return set && FD_ISSET(fd, set);
}

/* Whatever select would wait for, and the gates of what is parked; how many gates. */
static unsigned list_selected(struct selection *s)
{
    static const short events[SETS] = {POLLIN, POLLOUT, POLLPRI};
    unsigned gates = 0;

    s->listed = 0;
    for (int fd = 0; fd < s->count; fd++) {
        struct pollfd entry = {.fd = -1};

        for (int i = 0; i < SETS; i++)
            if (is_in(s->set[i], fd)) {
                entry.fd = fd;
                entry.events = (short)(entry.events | events[i]);
            }
        if (entry.fd < 0)
            continue;
        if (pil_park_settle(fd) == -EAGAIN && pil_park_gate(fd) >= 0) {
            entry = (struct pollfd){.fd = pil_park_gate(fd), .events = POLLIN, .revents = 1};
            gates++;
        }
        s->copy[s->listed++] = entry;
    }
    return gates;
}

/* The kernel's word on all that is not parked, at once. The sets are as large as the program's
 * count says, which may be more than an fd_set; so they are saved by that count, in the copy's
 * memory, which is larger. */
static int select_now(struct selection *s)
{
    struct timeval none = {0};
    size_t bytes = ((size_t)s->count + 63) / 64 * 8;
    unsigned char *saved = (unsigned char *)s->copy;
    int saved_errno = errno, result;

    for (int i = 0; i < SETS; i++)
        if (s->set[i])
            memcpy(saved + (size_t)i * bytes, s->set[i], bytes);
    for (int fd = 0; fd < s->count; fd++)
        if (pil_park_gate(fd) >= 0)
            for (int i = 0; i < SETS; i++)
                if (s->set[i])
                    FD_CLR(fd, s->set[i]);
    result = pil_real_libc.select(s->count, s->set[0], s->set[1], s->set[2], &none);
    if (result > 0)
        return result;
    if (result < 0) {
        result = -errno;
        errno = saved_errno;
    }
    for (int i = 0; i < SETS; i++)
        if (s->set[i])
            memcpy(s->set[i], saved + (size_t)i * bytes, bytes);
    return result;
}

static int finish_empty(struct selection *s)
{
    for (int i = 0; i < SETS; i++)
        if (s->set[i])
            memset(s->set[i], 0, ((size_t)s->count + 63) / 64 * 8);
    return 0;
}

static int select_gates(struct selection *s)
{
    struct timespec room;

    for (;;) {
        unsigned gates = list_selected(s);
        int ready = real_ppoll(s->copy, s->listed, left_of(s->end, &room), s->mask), result;

        if (ready < 0)
            return ready;
        result = select_now(s);
        if (result)
            return result;
        if (s->end >= 0 && (int64_t)pil_real_now_ns() >= s->end)
            return finish_empty(s);
        /* Something is ready that select does not count, an end of which nobody asked: what is
         * parked is waited for alone, for a moment. */
        if (ready > 0 && gates > 0)
            real_ppoll(NULL, 0, &(struct timespec){0, SLICE_NS / 10}, NULL);
    }
}

static int select_parked(int count, fd_set *set[SETS], int64_t end, const sigset_t *mask)
{
    struct selection s = {count, {set[0], set[1], set[2]}, end, mask, NULL, 0};
    int result;

    for (int i = 0; i < SETS; i++)
        if (set[i] && !pil_call_readable(set[i], ((size_t)count + 7) / 8))
            return -EFAULT;
    s.copy = take_scratch((size_t)count + 1);
    if (!s.copy)
        return -ENOMEM;
    result = select_gates(&s);
    pil_real_sys.munmap(s.copy, ((size_t)count + 1) * sizeof(*s.copy));
    return result;
}

static bool is_sane_count(int count)
{
    return count > 0 && count < 1 << 20;
}

/* Linux tells what was left of the time. */
int pil_shim_select(int count, fd_set *in, fd_set *out, fd_set *other, struct timeval *timeout)
{
    struct timespec limit, room;
    int64_t end;
    int result;

    if (PIL_LIKELY(!pil_park_any()) || !is_sane_count(count))
        return PIL_BOUND(select)(count, in, out, other, timeout);
    if (timeout)
        limit = (struct timespec){timeout->tv_sec, timeout->tv_usec * 1000};
    end = end_of(timeout ? &limit : NULL);
    result = select_parked(count, (fd_set *[SETS]){in, out, other}, end, NULL);
    if (timeout && left_of(end, &room))
        *timeout = (struct timeval){room.tv_sec, room.tv_nsec / 1000};
    return (int)pil_call_result(result);
}

int pil_shim_pselect(int count, fd_set *in, fd_set *out, fd_set *other,
                     const struct timespec *timeout, const sigset_t *mask)
{
    if (PIL_LIKELY(!pil_park_any()) || !is_sane_count(count))
        return PIL_BOUND(pselect)(count, in, out, other, timeout, mask);
    return (int)pil_call_result(
        select_parked(count, (fd_set *[SETS]){in, out, other}, end_of(timeout), mask));
}

/* ---- epoll --------------------------------------------------------------------------------- */

int pil_shim_epoll_ctl(int set, int op, int fd, struct epoll_event *event)
{
    int result;

    if (op == EPOLL_CTL_ADD)
        pil_watched_note(fd, set);
    if (PIL_UNLIKELY(pil_park_any()) &&
        (op == EPOLL_CTL_DEL || pil_call_readable(event, sizeof(*event))) &&
        pil_park_control(set, op, fd, event, &result))
        return (int)pil_call_result(result);
    return PIL_BOUND(epoll_ctl)(set, op, fd, event);
}

/* One wait of any of the three kinds, until `end`. */
typedef int wait_fn(int set, struct epoll_event *events, int max, int64_t end,
                    const sigset_t *mask);

static int wait_pwait(int set, struct epoll_event *events, int max, int64_t end,
                      const sigset_t *mask)
{
    struct timespec room;
    const struct timespec *left = left_of(end, &room);
    int64_t ms = left ? left->tv_sec * 1000 + (left->tv_nsec + MS - 1) / MS : -1;

    return pil_real_libc.epoll_pwait(set, events, max, ms > INT32_MAX ? INT32_MAX : (int)ms, mask);
}

static int wait_pwait2(int set, struct epoll_event *events, int max, int64_t end,
                       const sigset_t *mask)
{
    struct timespec room;

    return pil_real_libc.epoll_pwait2(set, events, max, left_of(end, &room), mask);
}

/* What a real wait gave, without our own events; waits on when nothing else was there. */
static int sift(int count, int set, struct epoll_event *events, int max, int64_t end,
                const sigset_t *mask, wait_fn *again)
{
    while (count > 0) {
        int saved = errno, left = pil_park_filter(events, count);

        errno = saved;
        if (left > 0)
            return left;
        count = again(set, events, max, end, mask);
    }
    return count;
}

static inline bool may_be_parked(void)
{
    return PIL_UNLIKELY(atomic_load_explicit(&pil_park_ever, memory_order_relaxed));
}

int pil_shim_epoll_wait(int set, struct epoll_event *events, int max, int timeout)
{
    struct timespec limit = {timeout / 1000, timeout % 1000 * MS};
    int64_t end = may_be_parked() ? end_of(timeout < 0 ? NULL : &limit) : -2;
    int count = PIL_BOUND(epoll_wait)(set, events, max, timeout);

    if (count <= 0 || !may_be_parked())
        return count;
    if (end == -2) /* the first one of all was parked while this thread slept */
        end = end_of(timeout < 0 ? NULL : &limit);
    return sift(count, set, events, max, end, NULL, wait_pwait);
}

int pil_shim_epoll_pwait(int set, struct epoll_event *events, int max, int timeout,
                         const sigset_t *mask)
{
    struct timespec limit = {timeout / 1000, timeout % 1000 * MS};
    int64_t end = may_be_parked() ? end_of(timeout < 0 ? NULL : &limit) : -2;
    int count = PIL_BOUND(epoll_pwait)(set, events, max, timeout, mask);

    if (count <= 0 || !may_be_parked())
        return count;
    if (end == -2)
        end = end_of(timeout < 0 ? NULL : &limit);
    return sift(count, set, events, max, end, mask, wait_pwait);
}

int pil_shim_epoll_pwait2(int set, struct epoll_event *events, int max,
                          const struct timespec *timeout, const sigset_t *mask)
{
    int64_t end = may_be_parked() ? end_of(timeout) : -2;
    int count;

    if (!PIL_BOUND(epoll_pwait2))
        return (int)pil_call_result(-ENOSYS);
    count = pil_real_libc.epoll_pwait2(set, events, max, timeout, mask);
    if (count <= 0 || !may_be_parked())
        return count;
    if (end == -2)
        end = end_of(timeout);
    return sift(count, set, events, max, end, mask, wait_pwait2);
}
