/* What goes: the program's bytes are sealed and given to the kernel; see conn.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>

#include "core/err.h"
#include "shim/conn.h"
#include "shim/conn_way.h"
#include "shim/real.h"

#define SIGNALS 64

/* What a call sends: the program's buffers, or a file. */
struct source {
    struct pil_walk walk;
    int file; /* -1: the walk */
    int64_t offset;
    size_t left;
};

/* One writing call. */
struct writing {
    struct pil_slot *slot;
    int fd, flags;
    struct source from;
    size_t done;
};

/* ---- the kernel's side ----------------------------------------------------------------------- */

int pil_way_flush(struct pil_slot *slot, int fd, int flags)
{
    while (slot->unsent_at < slot->unsent_end) {
        ssize_t n = pil_way_send(fd, slot->unsent + slot->unsent_at,
                                 slot->unsent_end - slot->unsent_at, flags);

        if (n == -EAGAIN)
            return 0;
        if (n < 0) {
            slot->out_failed = true;
            return (int)n;
        }
        slot->unsent_at += (uint32_t)n;
    }
    slot->unsent_at = slot->unsent_end = 0;
    return 1;
}

static void keep_unsent(struct pil_slot *slot, const uint8_t *from, size_t len)
{
    slot->touched = true;
    if (from != slot->unsent)
        memcpy(slot->unsent + slot->unsent_end, from, len);
    slot->unsent_end += (uint32_t)len;
}

int pil_way_alert(struct pil_slot *slot, int fd, enum pil_alert alert)
{
    uint8_t record[PIL_RECORD_ALERT];

    if (!slot->out_closed && !slot->out_failed) {
        slot->out_closed = true;
        if (pil_record_alert(pil_aead_host(), slot->out.ctx, slot->suite, &slot->out.traffic, alert,
                             record))
            return -EPIPE;
        if (slot->unsent_at > 0) {
            memmove(slot->unsent, slot->unsent + slot->unsent_at,
                    slot->unsent_end - slot->unsent_at);
            slot->unsent_end -= slot->unsent_at;
            slot->unsent_at = 0;
        }
        keep_unsent(slot, record, sizeof(record));
    }
    return pil_way_flush(slot, fd, MSG_NOSIGNAL);
}

/* ---- sealing ------------------------------------------------------------------------------- */

/* The next bytes for one record: where they lie together, or gathered at `room`. Zero: none. */
static ssize_t next_bytes(struct source *s, uint8_t *room, const uint8_t **at)
{
    size_t most = s->left < PIL_RECORD_MAX ? s->left : PIL_RECORD_MAX, len = 0, n;
    uint8_t *here = NULL;
    ssize_t got;

    *at = room;
    if (s->file >= 0) {
        got = pil_real_sys.pread(s->file, room, most, s->offset);
        return got;
    }
    n = pil_walk_here(&s->walk, most, &here);
    if (n == most) {
        *at = here;
        return (ssize_t)n;
    }
    for (struct pil_walk w = s->walk; len < most && n > 0;
         n = pil_walk_here(&w, most - len, &here)) {
        memcpy(room + len, here, n);
        pil_walk_go(&w, n);
        len += n;
    }
    return (ssize_t)len;
}

static void go(struct source *s, size_t len)
{
    s->left -= len;
    if (s->file >= 0)
        s->offset += (int64_t)len;
    else
        pil_walk_go(&s->walk, len);
}

/* A fresh key when the peer asked for one, or this one is worn. */
static int update(struct pil_slot *slot, uint8_t *out, size_t *len)
{
    if (PIL_LIKELY(!atomic_load_explicit(&slot->answer, memory_order_relaxed) &&
                   !pil_record_worn(slot->suite, &slot->out.traffic)))
        return PIL_OK;
    atomic_store(&slot->answer, false);
    *len += PIL_RECORD_UPDATE;
    return pil_record_update(pil_aead_host(), slot->out.ctx, slot->suite, &slot->out.traffic, out);
}

/* Seals up to four records into out. *len is what they take there, *bytes what they hold. */
static int seal_some(struct writing *w, uint8_t *out, size_t *len, size_t *bytes)
{
    struct pil_slot *slot = w->slot;
    ssize_t n = 0;
    int err;

    *len = *bytes = 0;
    if (update(slot, out, len))
        return -EPIPE;
    for (unsigned i = 0; i < PIL_SLOT_RECORDS && w->from.left > 0; i++) {
        const uint8_t *at = NULL;

        n = next_bytes(&w->from, out + *len + PIL_RECORD_HEAD, &at);
        if (n <= 0)
            break;
        err = pil_record_seal(pil_aead_host(), slot->out.ctx, slot->suite, &slot->out.traffic,
                              PIL_CONTENT_DATA, at, (size_t)n, out + *len);
        if (err)
            return -EPIPE;
        *len += (size_t)n + PIL_RECORD_OVERHEAD;
        *bytes += (size_t)n;
        go(&w->from, (size_t)n);
    }
    if (*bytes == 0)
        w->from.left = 0;
    return *bytes == 0 && n < 0 ? (int)n : 0;
}

/* ---- rounds -------------------------------------------------------------------------------- */

/* 1: all was taken. 0: the kernel is full, and one byte less than was sealed is counted: the
 * program comes back with it, and finds it sent. */
static int send_sealed(struct writing *w, const uint8_t *out, size_t len, size_t bytes,
                       const struct source *before)
{
    ssize_t n = pil_way_send(w->fd, out, len, w->flags);

    if (n < 0 && n != -EAGAIN) {
        w->slot->out_failed = true;
        return (int)n;
    }
    if (n == (ssize_t)len) {
        w->slot->was_full = false;
        w->done += bytes;
        return 1;
    }
    if (n > 0)
        len -= (size_t)n, out += n;
    if (out >= w->slot->unsent && out < w->slot->unsent + PIL_SLOT_UNSENT) {
        w->slot->unsent_at = (uint32_t)(out - w->slot->unsent);
        w->slot->unsent_end = w->slot->unsent_at;
        out = w->slot->unsent;
    }
    keep_unsent(w->slot, out, len);
    w->slot->was_full = true;
    w->slot->owed = bytes > 0;
    if (bytes > 0) {
        w->from = *before;
        go(&w->from, bytes - 1);
        w->done += bytes - 1;
    }
    return 0;
}

/* Where it did not take all last time, it is asked first, so that little lies in the slot. */
static bool has_room(const struct writing *w)
{
    struct pollfd pfd = {.fd = w->fd, .events = POLLOUT};

    return !w->slot->was_full || pil_real_sys.poll(&pfd, 1, 0) != 0;
}

static int seal_and_send(struct writing *w)
{
    struct source before = w->from;
    uint8_t *area = pil_slot_area(), *out = area ? area : w->slot->unsent;
    size_t len = 0, bytes = 0;
    int result = seal_some(w, out, &len, &bytes);

    w->slot->touched = w->slot->touched || !area;
    if (result == -EPIPE)
        w->slot->out_failed = true;
    else if (len > 0)
        result = send_sealed(w, out, len, bytes, &before);
    if (area)
        pil_slot_area_return(area);
    return result;
}

/* The byte that was sealed and not counted is the first that the program brings again. */
static void settle_debt(struct writing *w)
{
    if (!w->slot->owed || w->from.left == 0)
        return;
    w->slot->owed = false;
    go(&w->from, 1);
    w->done++;
}

/* The kernel has been told of the end, and says what it says to writes behind it. */
static int refuse(struct writing *w)
{
    ssize_t n = pil_way_send(w->fd, "", 0, w->flags);

    return n < 0 ? (int)n : -EPIPE;
}

/* 0: all is sent; -EAGAIN: not without waiting. */
static int rounds(struct writing *w)
{
    int result = 1;

    if (w->slot->out_closed || w->slot->out_failed)
        return refuse(w);
    result = pil_way_flush(w->slot, w->fd, w->flags);
    if (result > 0)
        settle_debt(w);
    while (result > 0 && w->from.left > 0)
        result = has_room(w) ? seal_and_send(w) : 0;
    if (result < 0)
        return result;
    return result > 0 || w->from.left == 0 ? 0 : -EAGAIN;
}

static int write_now(struct writing *w)
{
    struct pil_slot *slot = w->slot;
    uint64_t mask = pil_slot_enter();
    int result = -EPIPE;

    if (pil_slot_lock(slot, &slot->out_lock, atomic_load(&slot->cookie))) {
        result = atomic_load(&slot->state) == PIL_SLOT_LIVE ? rounds(w) : refuse(w);
        atomic_store_explicit(&slot->spoken, true, memory_order_relaxed);
        pil_slot_unlock(&slot->out_lock);
    }
    pil_slot_leave(mask);
    return result;
}

/* ---- waiting ------------------------------------------------------------------------------- */

/* Has any handler been set without SA_RESTART? Which signal it was cannot be told afterwards; where
 * all of them restart calls, the kernel would have gone on. */
static bool may_interrupt(void)
{
    struct {
        void *handler;
        unsigned long flags;
        void *restorer;
        uint64_t mask;
    } action;

    for (int i = 1; i <= SIGNALS; i++) {
        if (pil_sysops_call(SYS_rt_sigaction, i, 0, (long)&action, sizeof(uint64_t), 0, 0))
            continue;
        if (action.handler != (void *)SIG_DFL && action.handler != (void *)SIG_IGN &&
            !(action.flags & SA_RESTART))
            return true;
    }
    return false;
}

/* SO_SNDTIMEO in milliseconds; -1: none. */
static int time_limit(int fd)
{
    struct timeval limit = {0};
    socklen_t len = sizeof(limit);

    if (pil_real_sys.getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, &len) ||
        (limit.tv_sec == 0 && limit.tv_usec == 0))
        return -1;
    if (limit.tv_sec > 2000000)
        return 2000000000;
    return (int)(limit.tv_sec * 1000 + (limit.tv_usec + 999) / 1000);
}

/* Waits until the socket can be written to, as a write on it would: 0, or why not. */
static int wait_writable(int fd)
{
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};
    int flags = pil_real_sys.fcntl(fd, F_GETFL, 0), saved = errno, result;

    if (flags < 0 || (flags & O_NONBLOCK))
        return flags < 0 ? flags : -EAGAIN;
    do
        result = pil_real_libc.poll(&pfd, 1, time_limit(fd)) < 0 ? -errno : (int)pfd.revents;
    while (result == -EINTR && !may_interrupt());
    errno = saved;
    if (result == 0)
        return -EAGAIN;
    return result < 0 ? result : 0;
}

static ssize_t write_all(struct writing *w)
{
    for (;;) {
        int result;

        w->slot = pil_slot_of(w->fd);
        if (!w->slot)
            return w->done ? (ssize_t)w->done : PIL_CONN_NOT;
        result = write_now(w);
        if (result == -EAGAIN && !(w->flags & MSG_DONTWAIT))
            result = wait_writable(w->fd);
        else if (result == 0)
            return (ssize_t)w->done;
        if (result)
            return w->done ? (ssize_t)w->done : result;
    }
}

/* ---- the calls ----------------------------------------------------------------------------- */

#define FLAGS (MSG_NOSIGNAL | MSG_MORE | MSG_DONTWAIT)

/* Urgent data would stand outside of the records. */
ssize_t pil_conn_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    struct writing w = {.fd = fd, .flags = flags & FLAGS, .from.file = -1};

    if (flags & MSG_OOB)
        return pil_slot_of(fd) ? -EOPNOTSUPP : PIL_CONN_NOT;
    pil_walk_start(&w.from.walk, msg->msg_iov, msg->msg_iovlen);
    w.from.left = w.from.walk.left;
    return write_all(&w);
}

static int64_t seek(int fd, int64_t offset, int whence)
{
    return pil_sysops_call(SYS_lseek, fd, (long)offset, whence, 0, 0, 0);
}

/* Without an offset the file's own position is where to begin, and is moved. */
ssize_t pil_conn_sendfile(int fd, int in, int64_t *offset, size_t count)
{
    struct writing w = {.fd = fd, .from = {.file = in, .left = count}};
    ssize_t result;

    if (in < 0)
        return pil_slot_of(fd) ? -EBADF : PIL_CONN_NOT;
    w.from.offset = offset ? *offset : seek(in, 0, SEEK_CUR);
    if (w.from.offset < 0)
        return w.from.offset == -ESPIPE || offset ? -EINVAL : (ssize_t)w.from.offset;
    if (w.from.left > INT32_MAX)
        w.from.left = INT32_MAX;
    result = write_all(&w);
    if (result > 0 && offset)
        *offset += result;
    else if (result > 0)
        seek(in, result, SEEK_CUR);
    return result == -ESPIPE ? -EINVAL : result;
}
