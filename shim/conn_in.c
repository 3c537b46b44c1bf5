/* What comes: records are read, opened and given to the program; see conn.h. */
#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "core/err.h"
#include "shim/conn.h"
#include "shim/conn_way.h"
#include "shim/event.h"
#include "shim/real.h"

#define STRAIGHT 2048u /* bytes of a record that is worth opening where it is to go */

/* How a round ended. Negated errnos stand beside these. */
enum {
    ROUND_END = 0,     /* the peer has ended, in order */
    ROUND_MORE = 1,    /* something came, and more may be there */
    ROUND_DRAINED = 2, /* something came, and nothing more is there */
};

/* One reading call, under in_lock. */
struct reading {
    struct pil_slot *slot;
    int fd;
    uint64_t cookie;
    bool discard; /* MSG_TRUNC: counted, not copied */
    struct pil_walk to;
    size_t done;
    uint8_t *buf; /* where records are read to and opened */
    size_t cap;
    size_t have;
};

/* ---- giving -------------------------------------------------------------------------------- */

static void give(struct reading *r, const uint8_t *data, size_t len)
{
    r->done += len;
    while (len > 0) {
        uint8_t *at = NULL;
        size_t n = pil_walk_here(&r->to, len, &at);

        if (!r->discard)
            memcpy(at, data, n);
        pil_walk_go(&r->to, n);
        data += n;
        len -= n;
    }
}

void pil_way_take_tail(struct pil_slot *slot, int fd)
{
    uint8_t byte;

    if (slot->tail_held)
        pil_way_recv(fd, &byte, 1, 0);
    slot->tail_held = false;
}

static size_t kept(const struct pil_slot *slot)
{
    return slot->plain_end - slot->plain_at;
}

static void give_kept(struct reading *r)
{
    struct pil_slot *slot = r->slot;
    size_t n = kept(slot) < r->to.left ? kept(slot) : r->to.left;

    give(r, slot->plain + slot->plain_at, n);
    slot->plain_at += (uint32_t)n;
    if (kept(slot) > 0)
        return;
    slot->plain_at = slot->plain_end = 0;
    pil_way_take_tail(slot, r->fd);
}

/* ---- ending -------------------------------------------------------------------------------- */

/* A stream that broke: every read says so from now on, nothing is sent any more, and poll sees it.
 */
static void give_up(struct reading *r, int alert)
{
    struct pil_slot *slot = r->slot;

    slot->in_error = ECONNRESET;
    if (alert >= 0 && pil_slot_lock(slot, &slot->out_lock, r->cookie)) {
        pil_way_alert(slot, r->fd, (enum pil_alert)alert);
        slot->out_failed = true;
        pil_slot_unlock(&slot->out_lock);
    }
    pil_way_shutdown(r->fd, SHUT_RDWR);
}

/* The kernel's end, without the peer's word for it, may be anybody's. */
static int at_end(struct reading *r)
{
    if (r->slot->in_shut)
        return ROUND_END;
    r->slot->in_error = ECONNRESET;
    pil_event_broken(PIL_EVENT_TLS_TRUNCATED, r->slot->id);
    return -ECONNRESET;
}

static int refused(struct reading *r, int err)
{
    pil_event_broken(PIL_EVENT_TLS_BROKEN, r->slot->id);
    give_up(r, pil_record_alert_for(err));
    return -ECONNRESET;
}

/* ---- records ------------------------------------------------------------------------------- */

static int rekey(struct reading *r)
{
    struct pil_slot *slot = r->slot;

    return pil_record_rekey(pil_aead_host(), slot->in.ctx, slot->suite, &slot->in.traffic);
}

/* What a record that is no data asks for. After the peer's end poll must see one, although it may
 * keep the socket open: the kernel is told that nothing is read any more. */
static int obey(struct reading *r, unsigned todo)
{
    if (todo & PIL_POST_ANSWER)
        atomic_store(&r->slot->answer, true);
    if (todo & PIL_POST_CLOSED) {
        r->slot->in_closed = true;
        pil_way_shutdown(r->fd, SHUT_RD);
    }
    if (todo & PIL_POST_FATAL) {
        give_up(r, -1);
        return -ECONNRESET;
    }
    return todo & PIL_POST_REKEY ? rekey(r) : 0;
}

/* Opens one record of total bytes to `to`; *len is that of its data, none when it has none. */
static int open_one(struct reading *r, const uint8_t *record, size_t total, uint8_t *to,
                    size_t *len)
{
    struct pil_slot *slot = r->slot;
    struct pil_opened opened;
    unsigned todo = 0;
    int err = pil_record_open_to(pil_aead_host(), slot->in.ctx, &slot->in.traffic, record, total,
                                 to, &opened);

    *len = 0;
    slot->usual = (uint32_t)total;
    if (!err)
        err = pil_posthand_take(&slot->post, &opened, to, &todo);
    if (!err && opened.type == PIL_CONTENT_DATA)
        *len = opened.len;
    if (!err)
        err = obey(r, todo);
    if (err < 0)
        return err;
    return err ? refused(r, err) : ROUND_MORE;
}

/* Where a record may be opened right into the program's buffer: a long one, which will hardly be
 * anything but data. */
static uint8_t *straight(struct reading *r, size_t total)
{
    size_t len = total - PIL_RECORD_OVERHEAD;
    uint8_t *at = NULL;

    if (r->discard || total < STRAIGHT || pil_walk_here(&r->to, len, &at) < len)
        return NULL;
    return at;
}

static int open_and_give(struct reading *r, uint8_t *record, size_t total)
{
    uint8_t *to = straight(r, total), *content = to ? to : record + PIL_RECORD_HEAD;
    size_t len = 0;
    int result = open_one(r, record, total, content, &len);

    if (result == ROUND_MORE && to) {
        r->done += len;
        pil_walk_go(&r->to, len);
    } else if (result == ROUND_MORE) {
        give(r, content, len);
    }
    return result;
}

/* All whole records at the start of the buffer, which fit into the room by how much was read. */
static int open_whole(struct reading *r)
{
    size_t at = 0, total = 0;
    int result = ROUND_MORE, err = PIL_OK;

    while (!r->slot->in_closed && result == ROUND_MORE) {
        err = pil_record_length(r->buf + at, r->have - at, &total);
        if (err || total > r->have - at)
            break;
        result = open_and_give(r, r->buf + at, total);
        at += total;
    }
    if (result == ROUND_MORE && err && err != PIL_E_AGAIN)
        result = refused(r, err);
    r->have -= at;
    memmove(r->buf, r->buf + at, r->have);
    return result;
}

static void keep(struct pil_slot *slot, const uint8_t *data, size_t len)
{
    slot->touched = true;
    memcpy(slot->plain + slot->plain_end, data, len);
    slot->plain_end += (uint32_t)len;
}

/* A record that does not fit the room, of which all but the last byte has come. That byte is only
 * looked at as long as anything of the record is kept. */
static int open_large(struct reading *r, size_t total)
{
    struct pil_slot *slot = r->slot;
    uint8_t *content = r->buf + PIL_RECORD_HEAD;
    size_t len, now;
    ssize_t got = pil_way_recv(r->fd, r->buf + total - 1, 1, MSG_PEEK);
    int result;

    if (got <= 0)
        return got < 0 ? (int)got : at_end(r);
    result = open_one(r, r->buf, total, content, &len);
    r->have = 0;
    slot->tail_held = true;
    if (result == ROUND_MORE) {
        now = len < r->to.left ? len : r->to.left;
        give(r, content, now);
        keep(slot, content + now, len - now);
    }
    if (kept(slot) == 0)
        pil_way_take_tail(slot, r->fd);
    return result;
}

/* ---- rounds -------------------------------------------------------------------------------- */

/* How much to ask the kernel for: what is sure to fit when it is opened, and where records are
 * likely to end. *total is that of a record that does not fit, else 0. */
static size_t want(const struct reading *r, size_t *total)
{
    size_t room = r->to.left + PIL_RECORD_OVERHEAD, most = r->cap < room ? r->cap : room;
    size_t usual = r->slot->usual, even = usual > STRAIGHT ? most - most % usual : most;

    *total = 0;
    if (pil_record_length(r->buf, r->have, total))
        *total = 0;
    if (*total > room)
        return *total - 1 - r->have;
    if (even > r->have && even >= *total)
        most = even;
    *total = 0;
    return most - r->have;
}

static int read_records(struct reading *r)
{
    size_t total, ask = want(r, &total);
    ssize_t got = 0;

    if (ask > 0) {
        got = pil_way_recv(r->fd, r->buf + r->have, ask, 0);
        if (got <= 0)
            return got < 0 ? (int)got : at_end(r);
        r->have += (size_t)got;
    }
    if (total == 0) {
        int result = open_whole(r);

        return result == ROUND_MORE && (size_t)got < ask ? ROUND_DRAINED : result;
    }
    if (r->have == total - 1)
        return open_large(r, total);
    return ROUND_DRAINED;
}

/* Records are read to scratch memory; only the beginning of one is kept in the slot. */
static int with_buffer(struct reading *r)
{
    struct pil_slot *slot = r->slot;
    uint8_t *area = pil_slot_area();
    int result;

    r->buf = area ? area : slot->cipher;
    r->cap = area ? PIL_SLOT_AREA : PIL_SLOT_CIPHER;
    r->have = slot->cipher_len;
    if (area)
        memcpy(area, slot->cipher, r->have);
    result = read_records(r);
    if (area && r->have > 0)
        memcpy(slot->cipher, area, r->have);
    if (r->have > 0 || !area)
        slot->touched = true;
    slot->cipher_len = (uint32_t)r->have;
    if (area)
        pil_slot_area_return(area);
    return result;
}

static int round_once(struct reading *r)
{
    struct pil_slot *slot = r->slot;

    if (kept(slot) > 0) {
        give_kept(r);
        return ROUND_MORE;
    }
    if (slot->in_error)
        return -slot->in_error;
    return slot->in_closed ? ROUND_END : with_buffer(r);
}

static int rounds(struct reading *r)
{
    int result;

    do
        result = round_once(r);
    while (result == ROUND_MORE && r->to.left > 0);
    return result == ROUND_MORE || result == ROUND_DRAINED ? -EAGAIN : result;
}

/* ---- looking ahead --------------------------------------------------------------------------- */

/* The record behind the one whose last byte is in the kernel has come whole. */
static bool next_is_whole(struct reading *r)
{
    uint8_t *area = pil_slot_area();
    size_t total = 0;
    ssize_t got = 0;
    bool whole;

    if (!area)
        return false;
    got = pil_way_recv(r->fd, area, PIL_RECORD_WIRE_MAX + 1, MSG_PEEK);
    whole = got > 1 && !pil_record_length(area + 1, (size_t)got - 1, &total) && (size_t)got > total;
    pil_slot_area_return(area);
    return whole;
}

/* May another record be kept beside what is kept already? */
static bool can_keep_more(struct reading *r)
{
    struct pil_slot *slot = r->slot;

    if (kept(slot) == 0)
        return true;
    if (slot->in_closed || slot->in_error || kept(slot) > PIL_SLOT_PLAIN - PIL_RECORD_MAX)
        return false;
    if (!next_is_whole(r))
        return false;
    memmove(slot->plain, slot->plain + slot->plain_at, kept(slot));
    slot->plain_end -= slot->plain_at;
    slot->plain_at = 0;
    pil_way_take_tail(slot, r->fd);
    return true;
}

/* Keeps records until that many bytes are there, or no more can be had. The walk has no room. Of a
 * record that is known to be whole a part may be here already. */
static int keep_records(struct reading *r, size_t wanted)
{
    int result = ROUND_MORE;

    while (result == ROUND_MORE && kept(r->slot) < wanted &&
           (r->slot->cipher_len > 0 || can_keep_more(r))) {
        if (r->slot->in_error)
            return -r->slot->in_error;
        result = r->slot->in_closed ? ROUND_END : with_buffer(r);
    }
    return result == ROUND_MORE || result == ROUND_DRAINED ? -EAGAIN : result;
}

/* MSG_PEEK */
static int peek(struct reading *r)
{
    struct pil_slot *slot = r->slot;
    struct pil_walk to = r->to;
    size_t n;
    int result;

    pil_walk_start(&r->to, NULL, 0);
    result = keep_records(r, to.left);
    r->to = to;
    n = kept(slot) < to.left ? kept(slot) : to.left;
    give(r, slot->plain + slot->plain_at, n);
    return result;
}

void pil_way_settle(struct pil_slot *slot, int fd, uint64_t cookie)
{
    struct reading r = {.slot = slot, .fd = fd, .cookie = cookie};

    (void)keep_records(&r, 1);
}

/* ---- the call ------------------------------------------------------------------------------ */

static void note_ready(struct pil_slot *slot)
{
    bool ready = kept(slot) > 0 || slot->in_error || slot->in_closed;

    atomic_store_explicit(&slot->ready, ready, memory_order_relaxed);
    atomic_store_explicit(&slot->spoken, false, memory_order_relaxed);
}

/* Everything that can be done without waiting. */
static int read_now(struct reading *r, int flags)
{
    struct pil_slot *slot = r->slot;
    uint64_t mask = pil_slot_enter();
    int result = -ECONNRESET;

    r->cookie = atomic_load(&slot->cookie);
    if (pil_slot_lock(slot, &slot->in_lock, r->cookie)) {
        if (atomic_load(&slot->state) == PIL_SLOT_LIVE)
            result = flags & MSG_PEEK ? peek(r) : rounds(r);
        note_ready(slot);
        pil_slot_unlock(&slot->in_lock);
    }
    pil_slot_leave(mask);
    return result;
}

/*
 * Waits as the kernel would in a read: by its flag, its time limit, its way with signals, and as a
 * cancellation point. What it finds is only looked at.
 */
static int wait_readable(struct reading *r, int flags)
{
    int saved = errno, result;
    uint8_t byte;

    result =
        pil_real_libc.recv(r->fd, &byte, 1, MSG_PEEK | (flags & MSG_DONTWAIT)) < 0 ? -errno : 0;
    errno = saved;
    atomic_store_explicit(&r->slot->waits, result == 0, memory_order_relaxed);
    return result;
}

/* Who waits for an answer to what was just written waits at once, and looks then. What is kept, and
 * what has ended, is not waited for; that another thread may change that is no matter, because the
 * kernel's socket then says so, too. */
static bool waits_first(const struct pil_slot *slot)
{
    return atomic_load_explicit(&slot->spoken, memory_order_relaxed) &&
           atomic_load_explicit(&slot->waits, memory_order_relaxed) &&
           !atomic_load_explicit(&slot->ready, memory_order_relaxed);
}

static bool enough(const struct reading *r, int flags)
{
    return r->to.left == 0 || (r->done > 0 && (!(flags & MSG_WAITALL) || (flags & MSG_PEEK)));
}

static ssize_t read_all(struct reading *r, int flags)
{
    for (;;) {
        int result;

        r->slot = pil_slot_of(r->fd);
        if (!r->slot)
            return r->done ? (ssize_t)r->done : PIL_CONN_NOT;
        result = waits_first(r->slot) ? wait_readable(r, flags) : 0;
        if (result)
            return r->done ? (ssize_t)r->done : result;
        result = read_now(r, flags);
        if (enough(r, flags))
            return (ssize_t)r->done;
        if (result == -EAGAIN && !(flags & MSG_DONTWAIT))
            result = wait_readable(r, flags);
        else if (result == 0 || r->done > 0)
            return (ssize_t)r->done;
        if (result)
            return r->done ? (ssize_t)r->done : result;
    }
}

/* TCP has no addresses and no control messages to give. */
ssize_t pil_conn_recvmsg(int fd, struct msghdr *msg, int flags)
{
    struct reading r = {.fd = fd, .discard = flags & MSG_TRUNC};
    ssize_t result;

    if (flags & MSG_ERRQUEUE)
        return PIL_CONN_NOT;
    if (flags & MSG_OOB)
        return pil_slot_of(fd) ? -EINVAL : PIL_CONN_NOT;
    pil_walk_start(&r.to, msg->msg_iov, msg->msg_iovlen);
    result = read_all(&r, flags);
    if (result >= 0) {
        msg->msg_namelen = 0;
        msg->msg_controllen = 0;
        msg->msg_flags = 0;
    }
    return result;
}

/* ---- FIONREAD ------------------------------------------------------------------------------ */

/* What lies beyond what was looked at, too much rather than too little: whoever takes more than he
 * was told of believes that it came since, and waits for an edge that is not to come. */
static size_t beyond(int fd, size_t seen)
{
    int queued = 0, saved = errno, result = pil_real_libc.ioctl(fd, FIONREAD, &queued);

    errno = saved;
    return result == 0 && queued > 0 && (size_t)queued > seen ? (size_t)queued - seen : 0;
}

/* What the whole records behind the first one hold, unless they are padded. */
static size_t behind(struct reading *r)
{
    uint8_t *area = pil_slot_area();
    size_t at = r->slot->tail_held ? 1 : 0, sum = 0, total = 0;
    ssize_t got;

    if (!area)
        return 0;
    got = pil_way_recv(r->fd, area, PIL_SLOT_AREA, MSG_PEEK);
    while (got > 0 && at < (size_t)got && !pil_record_length(area + at, (size_t)got - at, &total) &&
           total <= (size_t)got - at) {
        sum += total - PIL_RECORD_OVERHEAD;
        at += total;
    }
    pil_slot_area_return(area);
    if (got == PIL_SLOT_AREA)
        sum += beyond(r->fd, at);
    return sum;
}

int pil_conn_pending(int fd, int *bytes)
{
    struct pil_slot *slot = pil_slot_of(fd);
    struct reading r = {.slot = slot, .fd = fd};
    uint64_t mask;

    if (!slot)
        return PIL_CONN_NOT;
    *bytes = 0;
    mask = pil_slot_enter();
    r.cookie = atomic_load(&slot->cookie);
    if (pil_slot_lock(slot, &slot->in_lock, r.cookie)) {
        if (atomic_load(&slot->state) == PIL_SLOT_LIVE) {
            (void)keep_records(&r, 1);
            *bytes = (int)(kept(slot) + (kept(slot) > 0 ? behind(&r) : 0));
        }
        note_ready(slot);
        pil_slot_unlock(&slot->in_lock);
    }
    pil_slot_leave(mask);
    return 0;
}
