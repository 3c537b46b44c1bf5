/* The life of a connection whose records are ours: see conn.h. */
#include "shim/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "core/err.h"
#include "shim/conn_demote.h"
#include "shim/conn_way.h"
#include "shim/real.h"
#include "shim/state.h"

#define FLUSH_MS 5000 /* the last words of a connection that policyd cannot be given */

bool pil_conn_possible(void)
{
    return pil_aead_host() != NULL;
}

bool pil_conn_any(void)
{
    return pil_slot_top() > 0;
}

/* ---- beginning ----------------------------------------------------------------------------- */

static int fill(struct pil_slot *slot, const struct pil_secured *s)
{
    const struct pil_aead *aead = pil_aead_host();
    int err = aead->init(slot->in.ctx, s->suite, s->in.key);

    if (!err)
        err = aead->init(slot->out.ctx, s->suite, s->out.key);
    slot->suite = s->suite;
    slot->id = s->id;
    slot->generation = s->generation;
    slot->in.traffic = s->in;
    slot->out.traffic = s->out;
    return err;
}

static bool fits(const struct pil_secured *s)
{
    size_t len = pil_suite_hash_len(s->suite);

    return s->status == PIL_OK && s->path == PIL_PATH_PROCESS && len > 0 &&
           s->in.secret_len == len && s->out.secret_len == len;
}

static int install(int fd, uint64_t cookie, const struct pil_secured *s)
{
    uint16_t number = 0;
    struct pil_slot *slot = pil_slot_make(&number);
    int err;

    if (!slot)
        return PIL_E_FULL;
    err = fill(slot, s);
    if (err) {
        pil_slot_free(slot, number);
        return err;
    }
    pil_slot_hold(slot, 1);
    atomic_store(&slot->state, PIL_SLOT_LIVE);
    atomic_store(&slot->cookie, cookie);
    pil_slot_note_top(fd);
    atomic_store(&pil_conn_table[fd], number);
    return PIL_OK;
}

int pil_conn_install(int fd, const struct pil_secured *s)
{
    uint64_t cookie = pil_slot_cookie(fd), mask;
    int err;

    if (!fits(s) || !cookie)
        return PIL_E_MALFORMED;
    if (!pil_conn_possible())
        return PIL_E_UNMET;
    if ((unsigned)fd >= PIL_CONN_FDS)
        return PIL_E_RANGE;
    pil_state_ready();
    pil_slot_watch_forks();
    pil_slot_adopt();
    mask = pil_slot_enter();
    pil_conn_release((unsigned)fd, (unsigned)fd);
    err = install(fd, cookie, s);
    pil_slot_leave(mask);
    return err;
}

/* ---- ending -------------------------------------------------------------------------------- */

/* The program wants the peer to see a reset. */
static bool wants_reset(int fd)
{
    struct linger linger = {0};
    socklen_t len = sizeof(linger);

    return !pil_real_sys.getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len) && linger.l_onoff &&
           linger.l_linger == 0;
}

/* Says that nothing more will come, behind all that the program was told is sent. What the kernel
 * has no room for goes on through policyd; without policyd it is waited for, a little. */
static void say_end(struct pil_slot *slot, int fd)
{
    uint64_t end;

    if (slot->out_failed || pil_way_alert(slot, fd, PIL_ALERT_CLOSE_NOTIFY) != 0 ||
        pil_demote_rest(slot, fd))
        return;
    for (end = pil_real_now_ns() + FLUSH_MS * UINT64_C(1000000); pil_real_now_ns() < end;) {
        struct pollfd pfd = {.fd = fd, .events = POLLOUT};

        pil_real_sys.poll(&pfd, 1, 100);
        if (pil_way_flush(slot, fd, MSG_NOSIGNAL) != 0)
            return;
    }
}

/* The last holder lets go, life is locked. Records that are no data would make the kernel answer
 * our end with a reset, as unread data does, and as it does for a plain socket's. */
static void part(struct pil_slot *slot, int fd, uint16_t number, bool closing)
{
    uint64_t cookie = atomic_load(&slot->cookie);
    bool live = atomic_load(&slot->state) == PIL_SLOT_LIVE && fd >= 0;

    if (live && !wants_reset(fd)) {
        if (closing && pil_slot_lock(slot, &slot->in_lock, cookie)) {
            if (!slot->in_error && !slot->in_closed)
                pil_way_settle(slot, fd, cookie);
            pil_slot_unlock(&slot->in_lock);
        }
        if (pil_slot_lock(slot, &slot->out_lock, cookie)) {
            say_end(slot, fd);
            pil_slot_unlock(&slot->out_lock);
        }
    }
    if (!closing || !pil_slot_free_locked(slot, number, cookie))
        pil_slot_unlock(&slot->life_lock);
}

/* One number of this process less. */
static void let_go(struct pil_slot *slot, int fd, uint16_t number, bool closing)
{
    if (!pil_slot_lock(slot, &slot->life_lock, atomic_load(&slot->cookie)))
        return;
    pil_slot_hold(slot, -1);
    if (pil_slot_last(slot))
        part(slot, fd, number, closing);
    else
        pil_slot_unlock(&slot->life_lock);
}

static void release(int fd)
{
    uint16_t number = atomic_load(&pil_conn_table[fd]);
    struct pil_slot *slot;
    bool same;

    if (!number || !pil_slot_at_home())
        return;
    slot = pil_slot_at(number);
    same = pil_slot_cookie(fd) == atomic_load(&slot->cookie);
    if (atomic_exchange(&pil_conn_table[fd], 0) == number)
        let_go(slot, same ? fd : -1, number, true);
}

void pil_conn_release(unsigned first, unsigned last)
{
    unsigned end = (unsigned)pil_slot_top();
    uint64_t mask;

    for (unsigned fd = first; fd < end && fd <= last; fd++)
        if (pil_conn_maybe((int)fd)) {
            pil_slot_adopt();
            mask = pil_slot_enter();
            release((int)fd);
            pil_slot_leave(mask);
        }
}

/* Descriptors stay open and secured until the process is gone. */
void pil_conn_farewell(void)
{
    uint64_t mask;

    if (!pil_slot_top() || !pil_slot_at_home())
        return;
    pil_slot_adopt();
    mask = pil_slot_enter();
    for (int fd = 0; fd < pil_slot_top(); fd++) {
        uint16_t number = atomic_load(&pil_conn_table[fd]);

        if (number && pil_slot_cookie(fd) == atomic_load(&pil_slot_at(number)->cookie))
            let_go(pil_slot_at(number), fd, number, false);
    }
    pil_slot_leave(mask);
}

/* ---- copies -------------------------------------------------------------------------------- */

static void share(int to, uint16_t number)
{
    struct pil_slot *slot = pil_slot_at(number);
    uint64_t cookie = pil_slot_cookie(to), mask = pil_slot_enter();

    if (cookie && pil_slot_lock(slot, &slot->life_lock, cookie)) {
        pil_slot_hold(slot, 1);
        pil_slot_unlock(&slot->life_lock);
        pil_slot_note_top(to);
        atomic_store(&pil_conn_table[to], number);
    }
    pil_slot_leave(mask);
}

/* A number that is too high for the table, or that the program's input and output libraries have
 * already, is the relay's. */
void pil_conn_copied(int from, int to)
{
    uint16_t number;

    pil_slot_adopt();
    number = atomic_load(&pil_conn_table[from]);
    if (!number || from == to)
        return;
    if (to <= 2 || (unsigned)to >= PIL_CONN_FDS || !pil_slot_at_home())
        (void)pil_demote_with(from, to);
    else
        share(to, number);
}

/* ---- halves -------------------------------------------------------------------------------- */

static int end_out(struct pil_slot *slot, int fd)
{
    uint64_t cookie = atomic_load(&slot->cookie);
    int left = 1;

    if (!pil_slot_lock(slot, &slot->out_lock, cookie))
        return 1;
    if (atomic_load(&slot->state) == PIL_SLOT_LIVE && !slot->out_failed)
        left = pil_way_alert(slot, fd, PIL_ALERT_CLOSE_NOTIFY);
    pil_slot_unlock(&slot->out_lock);
    return left;
}

static void end_in(struct pil_slot *slot)
{
    if (pil_slot_lock(slot, &slot->in_lock, atomic_load(&slot->cookie))) {
        slot->in_shut = true;
        pil_slot_unlock(&slot->in_lock);
    }
}

/* What the kernel has no room for is pumped by the relay, to which the end is told like any. */
int pil_conn_shutdown(int fd, int how)
{
    struct pil_slot *slot = pil_slot_of(fd);
    uint64_t mask;
    int left = 1;

    if (!slot)
        return PIL_CONN_NOT;
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
        return -EINVAL;
    mask = pil_slot_enter();
    if (how != SHUT_WR)
        end_in(slot);
    if (how != SHUT_RD)
        left = end_out(slot, fd);
    pil_slot_leave(mask);
    if (left == 0 && pil_conn_demote(fd) != 0)
        return -ENOBUFS;
    return pil_way_shutdown(fd, how);
}

/* ---- exec ---------------------------------------------------------------------------------- */

/* What ends with this image, and nobody else has, is said to have ended. */
static void end_with_image(int fd, uint16_t number)
{
    struct pil_slot *slot = pil_slot_at(number);

    if (!pil_slot_lock(slot, &slot->life_lock, atomic_load(&slot->cookie)))
        return;
    if (!pil_slot_shared(slot))
        part(slot, fd, number, false);
    else
        pil_slot_unlock(&slot->life_lock);
}

/* The flags of a number that is a connection of ours, or -1. */
static int flags_of(int fd)
{
    uint16_t number = atomic_load(&pil_conn_table[fd]);
    int flags = number ? pil_real_sys.fcntl(fd, F_GETFD, 0) : -1;

    if (flags < 0 || pil_slot_cookie(fd) != atomic_load(&pil_slot_at(number)->cookie))
        return -1;
    return flags;
}

/*
 * A copy that the new image would get: through the relay where it is this process' alone; else it
 * does not get it, because the new image would not know that it must not write there. A vfork
 * child's are its parent's.
 */
void pil_conn_before_exec(void)
{
    bool home = pil_slot_top() && pil_slot_at_home();
    uint64_t mask;
    int flags;

    if (!pil_slot_top())
        return;
    if (home)
        pil_slot_adopt();
    mask = pil_slot_enter();
    for (int fd = 0; fd < pil_slot_top(); fd++) {
        flags = flags_of(fd);
        if (flags >= 0 && !(flags & FD_CLOEXEC) && (!home || pil_demote_alone(fd) != 0))
            pil_real_sys.fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
    }
    for (int fd = 0; home && fd < pil_slot_top(); fd++)
        if (flags_of(fd) >= 0)
            end_with_image(fd, atomic_load(&pil_conn_table[fd]));
    pil_slot_leave(mask);
}

/* ---- spawn --------------------------------------------------------------------------------- */

static _Atomic uint64_t lent[PIL_CONN_FDS / 64]; /* numbers that are close-on-exec for now */
static _Atomic int spawns;

void pil_conn_before_spawn(void)
{
    int flags;

    atomic_fetch_add(&spawns, 1);
    for (int fd = 0; fd < pil_slot_top(); fd++) {
        flags = flags_of(fd);
        if (flags < 0 || (flags & FD_CLOEXEC))
            continue;
        atomic_fetch_or(&lent[fd / 64], UINT64_C(1) << fd % 64);
        pil_real_sys.fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
    }
}

void pil_conn_after_spawn(void)
{
    if (atomic_fetch_sub(&spawns, 1) != 1)
        return;
    for (int i = 0; i <= pil_slot_top() / 64 && i < (int)PIL_NELEM(lent); i++)
        for (uint64_t set = atomic_exchange(&lent[i], 0); set; set &= set - 1) {
            int fd = i * 64 + __builtin_ctzll(set), flags = flags_of(fd);

            if (flags >= 0)
                pil_real_sys.fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC);
        }
}
