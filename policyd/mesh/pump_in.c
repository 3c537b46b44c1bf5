#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/err.h"
#include "policyd/mesh/pump_parts.h"
#include "policyd/tls/aead.h"

enum { NEW_SESSION_TICKET = 4, KEY_UPDATE = 24 }; /* RFC 8446 section 4 */

/* ---- to the program ------------------------------------------------------------------------- */

static void sent(struct pil_pump *p, size_t len)
{
    atomic_fetch_add_explicit(&p->bytes_in, len, memory_order_relaxed);
    while (len > 0) {
        struct pil_stretch *s = &p->plain[p->plain_first];
        uint32_t part = len < s->len ? (uint32_t)len : s->len;

        s->at += part;
        s->len -= part;
        len -= part;
        if (s->len == 0) {
            p->plain_first++;
            p->plain_count--;
        }
    }
}

static enum pil_pump_state give(struct pil_pump *p)
{
    struct iovec iov[PIL_NELEM(p->plain)];
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = p->plain_count};
    ssize_t put;

    for (unsigned i = 0; i < p->plain_count; i++) {
        struct pil_stretch *s = &p->plain[p->plain_first + i];

        iov[i] = (struct iovec){p->in_buf->at + s->at, s->len};
    }
    put = sendmsg(p->local, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put >= 0) {
        sent(p, (size_t)put);
        return PIL_PUMP_MORE;
    }
    if (errno == EINTR)
        return PIL_PUMP_MORE;
    if (errno != EAGAIN)
        return PIL_PUMP_LOST; /* it reads no more, and the peer shall know, as of a closed socket */
    p->local_writable = false;
    return PIL_PUMP_WAIT;
}

/* ---- records -------------------------------------------------------------------------------- */

static void add_plain(struct pil_pump *p, uint32_t at, size_t len)
{
    if (len > 0)
        p->plain[p->plain_first + p->plain_count++] = (struct pil_stretch){at, (uint32_t)len};
}

/* One message of the handshake layer, whole, as senders of these two send it. Tickets are of no use
 * here. */
static bool handshake(struct pil_pump *p, const uint8_t *m, size_t len)
{
    while (len >= 4) {
        size_t body = (size_t)m[1] << 16 | (size_t)m[2] << 8 | m[3];

        if (body > len - 4)
            return false;
        if (m[0] == KEY_UPDATE) {
            /* Nothing of the old key may follow it in its record. */
            if (body != 1 || m[4] > 1 || len != 5 ||
                pil_record_rekey(&pil_aead_evp, p->in_ctx, p->suite, &p->in))
                return false;
            p->update_due = p->update_due || m[4] == 1;
        } else if (m[0] != NEW_SESSION_TICKET) {
            return false;
        }
        m += 4 + body;
        len -= 4 + body;
    }
    return len == 0;
}

static bool alert(struct pil_pump *p, const uint8_t *m, size_t len)
{
    if (len != 2 || (m[1] != PIL_ALERT_CLOSE_NOTIFY && m[1] != PIL_ALERT_USER_CANCELED))
        return false;
    p->in_ended = p->in_ended || m[1] == PIL_ALERT_CLOSE_NOTIFY;
    return true;
}

static bool take_record(struct pil_pump *p, size_t total)
{
    uint8_t *record = p->in_buf->at + p->in_next;
    const uint8_t *content = record + PIL_RECORD_HEAD;
    struct pil_opened got;

    if (pil_record_open(&pil_aead_evp, p->in_ctx, &p->in, record, total, &got))
        return false;
    switch (got.type) {
    case PIL_CONTENT_DATA:
        add_plain(p, p->in_next + PIL_RECORD_HEAD, got.len);
        return true;
    case PIL_CONTENT_ALERT:
        return alert(p, content, got.len);
    default:
        return handshake(p, content, got.len);
    }
}

/* Opens what is whole, as long as there is room to note it. What follows close_notify is not
 * looked at. */
static bool open_records(struct pil_pump *p)
{
    while (!p->in_ended && p->plain_count < PIL_NELEM(p->plain) - p->plain_first) {
        size_t have = p->in_have - p->in_next, total;
        int err = pil_record_length(p->in_buf->at + p->in_next, have, &total);

        if (err == PIL_E_AGAIN || (!err && total > have))
            return true;
        if (err || !take_record(p, total))
            return false;
        p->in_next += (uint32_t)total;
    }
    return true;
}

/* ---- from the peer -------------------------------------------------------------------------- */

/* Everything opened has been given: the beginning of the next record moves to the front. */
static void compact(struct pil_pump *p, struct pil_buffers *pool)
{
    uint32_t left = p->in_have - p->in_next;

    if (left > 0 && p->in_next > 0)
        memmove(p->in_buf->at, p->in_buf->at + p->in_next, left);
    p->in_have = left;
    p->in_next = 0;
    p->plain_first = 0;
    if (left > 0)
        return;
    pil_buffer_put(pool, p->in_buf);
    p->in_buf = NULL;
}

static enum pil_pump_state receive(struct pil_pump *p, struct pil_buffers *pool)
{
    ssize_t got;

    if (!p->in_buf)
        p->in_buf = pil_buffer_get(pool);
    if (!p->in_buf)
        return PIL_PUMP_LOST;
    got = recv(p->tcp, p->in_buf->at + p->in_have, PIL_PUMP_BUFFER - p->in_have, MSG_DONTWAIT);
    if (got > 0) {
        p->in_have += (uint32_t)got;
        return open_records(p) ? PIL_PUMP_MORE : PIL_PUMP_LOST;
    }
    if (got < 0 && errno == EINTR)
        return PIL_PUMP_MORE;
    if (got == 0 || errno != EAGAIN)
        return PIL_PUMP_LOST; /* an end without close_notify is none */
    p->tcp_readable = false;
    return PIL_PUMP_WAIT;
}

static enum pil_pump_state finish(struct pil_pump *p)
{
    if (!p->in_shut)
        shutdown(p->local, SHUT_WR);
    p->in_shut = true;
    return PIL_PUMP_WAIT;
}

enum pil_pump_state pil_pump_in(struct pil_pump *p, struct pil_buffers *pool)
{
    enum pil_pump_state state;

    if (p->plain_count > 0)
        return p->local_writable ? give(p) : PIL_PUMP_WAIT;
    p->plain_first = 0;
    if (p->in_buf && p->in_next < p->in_have && !open_records(p))
        return PIL_PUMP_LOST;
    if (p->plain_count > 0)
        return PIL_PUMP_MORE;
    if (p->in_ended && p->in_buf)
        p->in_next = p->in_have;
    if (p->in_buf)
        compact(p, pool);
    if (p->in_ended)
        return finish(p);
    if (!p->tcp_readable)
        return PIL_PUMP_WAIT;
    state = receive(p, pool);
    if (p->in_buf && p->in_have == 0)
        compact(p, pool);
    return state;
}
