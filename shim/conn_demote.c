#include "shim/conn_demote.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "core/err.h"
#include "shim/conn.h"
#include "shim/conn_way.h"
#include "shim/link.h"
#include "shim/real.h"

static const struct pil_sysops *const sys = &pil_real_sys;

/* ---- what goes along ------------------------------------------------------------------------ */

static bool put(int memfd, const uint8_t *at, size_t len)
{
    while (len > 0) {
        long n = pil_sysops_call(SYS_write, memfd, (long)at, (long)len, 0, 0, 0);

        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static int pack(const struct pil_slot *slot, const struct pil_demote *d)
{
    int memfd = (int)pil_sysops_call(SYS_memfd_create, (long)"pillion", MFD_CLOEXEC, 0, 0, 0, 0);

    if (memfd < 0)
        return memfd;
    if (put(memfd, slot->plain + slot->plain_at, d->plain_len) &&
        put(memfd, slot->cipher, d->cipher_in_len) &&
        put(memfd, slot->unsent + slot->unsent_at, d->cipher_out_len))
        return memfd;
    sys->close(memfd);
    return -ENOMEM;
}

static void describe(const struct pil_slot *slot, bool in_too, struct pil_demote *d)
{
    *d = (struct pil_demote){
        .id = slot->id,
        .suite = slot->suite,
        .ended = (uint8_t)((slot->in_closed || !in_too ? PIL_ENDED_IN : 0) |
                           (slot->out_closed ? PIL_ENDED_OUT : 0)),
        .in = slot->in.traffic,
        .out = slot->out.traffic,
        .plain_len = in_too ? slot->plain_end - slot->plain_at : 0,
        .cipher_in_len = in_too ? slot->cipher_len : 0,
        .cipher_out_len = slot->unsent_end - slot->unsent_at,
    };
}

/* ---- asking -------------------------------------------------------------------------------- */

static void put_demote(struct pil_writer *w, const void *message)
{
    pil_wire_put_demote(w, message);
}

static int get_demoted(struct pil_reader *r, void *out)
{
    return pil_wire_get_demoted(r, out);
}

/* The relay's socket, or a negated errno. */
static int ask(const struct pil_slot *slot, int fd, bool in_too)
{
    struct pil_demote d;
    uint32_t status = PIL_E_INTERNAL;
    int fds[2] = {fd, -1}, relay = -1, err;
    struct pil_link_call call = {.type = PIL_WIRE_DEMOTE,
                                 .answer = PIL_WIRE_DEMOTED,
                                 .put = put_demote,
                                 .message = &d,
                                 .get = get_demoted,
                                 .out = &status,
                                 .fds = fds,
                                 .fd_count = 2,
                                 .got = &relay,
                                 .got_count = 1};

    describe(slot, in_too, &d);
    fds[1] = pack(slot, &d);
    if (fds[1] < 0)
        return fds[1];
    err = pil_link_call(&call, pil_link_deadline());
    pil_record_wipe(&d, sizeof(d));
    sys->close(fds[1]);
    if (!err && status == PIL_OK && call.got_count == 1)
        return relay;
    if (call.got_count == 1)
        sys->close(relay);
    return -EIO;
}

bool pil_demote_rest(struct pil_slot *slot, int fd)
{
    int relay = ask(slot, fd, false);

    if (relay < 0)
        return false;
    slot->unsent_at = slot->unsent_end = 0;
    sys->close(relay);
    return true;
}

/* ---- taking the place ------------------------------------------------------------------------ */

static void replace(int relay, int fd)
{
    int flags = sys->fcntl(fd, F_GETFD, 0);

    sys->dup3(relay, fd, flags >= 0 && (flags & FD_CLOEXEC) ? O_CLOEXEC : 0);
}

/* Every number of this process that has the socket. A vfork child changes its own descriptors, and
 * leaves the table to its parent. */
static void replace_all(int relay, uint16_t number, uint64_t cookie, bool home,
                        struct pil_slot *slot)
{
    for (int fd = 0; fd < pil_slot_top(); fd++) {
        if (atomic_load(&pil_conn_table[fd]) != number || pil_slot_cookie(fd) != cookie)
            continue;
        replace(relay, fd);
        if (home) {
            atomic_store(&pil_conn_table[fd], 0);
            pil_slot_hold(slot, -1);
        }
    }
}

static int give(struct pil_slot *slot, int fd, int also)
{
    uint16_t number = atomic_load(&pil_conn_table[fd]);
    uint64_t cookie = atomic_load(&slot->cookie);
    int flags = sys->fcntl(fd, F_GETFL, 0), relay;

    pil_way_take_tail(slot, fd);
    relay = ask(slot, fd, true);
    if (relay < 0)
        return relay;
    if (flags >= 0 && (flags & O_NONBLOCK))
        sys->fcntl(relay, F_SETFL, sys->fcntl(relay, F_GETFL, 0) | O_NONBLOCK);
    atomic_store(&slot->state, PIL_SLOT_GONE);
    pil_record_wipe(&slot->in, sizeof(slot->in));
    pil_record_wipe(&slot->out, sizeof(slot->out));
    replace_all(relay, number, cookie, pil_slot_at_home(), slot);
    if (also >= 0)
        replace(relay, also);
    sys->close(relay);
    return 0;
}

/* All three locks are held; afterwards none is. */
static int with_locks(struct pil_slot *slot, int fd, int also, bool alone)
{
    uint16_t number = atomic_load(&pil_conn_table[fd]);
    int result = -ECONNRESET;

    if (alone && pil_slot_shared(slot))
        result = -EBUSY;
    else if (atomic_load(&slot->state) == PIL_SLOT_LIVE)
        result = give(slot, fd, also);
    if (result == 0 && pil_slot_last(slot)) {
        pil_slot_free(slot, number);
        return 0;
    }
    pil_slot_unlock(&slot->out_lock);
    pil_slot_unlock(&slot->in_lock);
    pil_slot_unlock(&slot->life_lock);
    return result;
}

static int locked(struct pil_slot *slot, int fd, int also, bool alone)
{
    uint64_t cookie = atomic_load(&slot->cookie);

    if (!pil_slot_lock(slot, &slot->life_lock, cookie))
        return -ECONNRESET;
    if (pil_slot_lock(slot, &slot->in_lock, cookie)) {
        if (pil_slot_lock(slot, &slot->out_lock, cookie))
            return with_locks(slot, fd, also, alone);
        pil_slot_unlock(&slot->in_lock);
    }
    pil_slot_unlock(&slot->life_lock);
    return -ECONNRESET;
}

static int demote(int fd, int also, bool alone)
{
    struct pil_slot *slot = pil_conn_maybe(fd) ? pil_slot_of(fd) : NULL;
    uint64_t mask;
    int result;

    if (!slot)
        return PIL_CONN_NOT;
    mask = pil_slot_enter();
    result = locked(slot, fd, also, alone);
    pil_slot_leave(mask);
    return result;
}

int pil_conn_demote(int fd)
{
    return demote(fd, -1, false);
}

int pil_demote_with(int fd, int also)
{
    return demote(fd, also, false);
}

int pil_demote_alone(int fd)
{
    return demote(fd, -1, true);
}
