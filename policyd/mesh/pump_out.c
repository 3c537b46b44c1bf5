#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/err.h"
#include "policyd/mesh/pump_parts.h"
#include "policyd/tls/aead.h"

#define SLOT (PIL_RECORD_MAX + PIL_RECORD_OVERHEAD) /* a full record */
/* A change of key and close_notify find room behind full records. */
_Static_assert(PIL_PUMP_RECORDS *SLOT + PIL_RECORD_UPDATE + PIL_RECORD_ALERT <= PIL_PUMP_BUFFER,
               "room for all that a step can seal");

/* ---- to the peer ---------------------------------------------------------------------------- */

static enum pil_pump_state send_out(struct pil_pump *p, struct pil_buffers *pool)
{
    ssize_t put = send(p->tcp, p->out_buf->at + p->out_at, p->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (put < 0 && errno == EINTR)
        return PIL_PUMP_MORE;
    if (put < 0 && errno != EAGAIN)
        return PIL_PUMP_LOST;
    if (put < 0) {
        p->tcp_writable = false;
        return PIL_PUMP_WAIT;
    }
    p->out_at += (uint32_t)put;
    p->out_len -= (uint32_t)put;
    if (p->out_len == 0) {
        pil_buffer_put(pool, p->out_buf);
        p->out_buf = NULL;
    }
    return PIL_PUMP_MORE;
}

/* ---- from the program ----------------------------------------------------------------------- */

/* Where the n-th byte of plain text lies: behind the heads of its records. */
static uint8_t *place(struct pil_pump *p, uint32_t front, size_t n)
{
    return p->out_buf->at + front + n / PIL_RECORD_MAX * SLOT + PIL_RECORD_HEAD +
           n % PIL_RECORD_MAX;
}

/* Reads `want` bytes and leaves the last of them in the queue. True when all of them came. */
static bool read_text(struct pil_pump *p, uint32_t front, size_t want)
{
    char known;
    struct iovec iov[PIL_PUMP_RECORDS + 1] = {{&known, 1}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 1};

    for (size_t n = 0; n < want - 1; n += PIL_RECORD_MAX) {
        size_t part = want - 1 - n < PIL_RECORD_MAX ? want - 1 - n : PIL_RECORD_MAX;

        iov[msg.msg_iovlen++] = (struct iovec){place(p, front, n), part};
    }
    if (recvmsg(p->local, &msg, MSG_DONTWAIT) != (ssize_t)want)
        return false;
    return recv(p->local, place(p, front, want - 1), 1, MSG_DONTWAIT | MSG_PEEK) == 1;
}

/* Seals `len` bytes that lie in their places, from `front` on; false when the cipher fails. */
static bool seal(struct pil_pump *p, uint32_t front, size_t len)
{
    uint32_t at = front;

    for (size_t n = 0; n < len; n += PIL_RECORD_MAX) {
        size_t part = len - n < PIL_RECORD_MAX ? len - n : PIL_RECORD_MAX;
        uint8_t *record = p->out_buf->at + at;

        if (pil_record_seal(&pil_aead_evp, p->out_ctx, p->suite, &p->out, PIL_CONTENT_DATA,
                            record + PIL_RECORD_HEAD, part, record))
            return false;
        at += (uint32_t)(part + PIL_RECORD_OVERHEAD);
    }
    p->out_len = at;
    atomic_fetch_add_explicit(&p->bytes_out, len, memory_order_relaxed);
    return true;
}

/* A new key first, when the peer asks for one or this one is worn. */
static bool update_key(struct pil_pump *p)
{
    if (!p->update_due && !pil_record_worn(p->suite, &p->out))
        return true;
    p->update_due = false;
    if (pil_record_update(&pil_aead_evp, p->out_ctx, p->suite, &p->out, p->out_buf->at))
        return false;
    p->out_len = PIL_RECORD_UPDATE;
    return true;
}

static bool begin(struct pil_pump *p, struct pil_buffers *pool)
{
    p->out_buf = pil_buffer_get(pool);
    p->out_at = p->out_len = 0;
    return p->out_buf && update_key(p);
}

static enum pil_pump_state take_text(struct pil_pump *p, struct pil_buffers *pool, size_t there)
{
    size_t want =
        there < PIL_PUMP_RECORDS * PIL_RECORD_MAX ? there : PIL_PUMP_RECORDS * PIL_RECORD_MAX;

    if (!begin(p, pool) || !read_text(p, p->out_len, want) || !seal(p, p->out_len, want))
        return PIL_PUMP_LOST;
    return PIL_PUMP_MORE;
}

static enum pil_pump_state end_out(struct pil_pump *p, struct pil_buffers *pool)
{
    if (!begin(p, pool) || pil_record_alert(&pil_aead_evp, p->out_ctx, p->suite, &p->out,
                                            PIL_ALERT_CLOSE_NOTIFY, p->out_buf->at + p->out_len))
        return PIL_PUMP_LOST;
    p->out_len += PIL_RECORD_ALERT;
    p->out_ended = true;
    return PIL_PUMP_MORE;
}

static enum pil_pump_state update_alone(struct pil_pump *p, struct pil_buffers *pool)
{
    return begin(p, pool) ? PIL_PUMP_MORE : PIL_PUMP_LOST;
}

static enum pil_pump_state finish(struct pil_pump *p)
{
    if (!p->out_shut)
        shutdown(p->tcp, SHUT_WR);
    p->out_shut = true;
    return PIL_PUMP_WAIT;
}

/* The first byte of the queue is known already (pump.h). */
static size_t waiting(const struct pil_pump *p)
{
    int bytes = 0;

    return ioctl(p->local, FIONREAD, &bytes) == 0 && bytes > 1 ? (size_t)bytes - 1 : 0;
}

enum pil_pump_state pil_pump_out(struct pil_pump *p, struct pil_buffers *pool)
{
    size_t there;

    if (p->out_buf)
        return p->tcp_writable ? send_out(p, pool) : PIL_PUMP_WAIT;
    if (p->out_ended)
        return finish(p);
    if (p->update_due)
        return update_alone(p, pool);
    if (!p->local_readable)
        return PIL_PUMP_WAIT;
    there = waiting(p);
    if (there > 0)
        return take_text(p, pool, there);
    if (p->local_closing)
        return end_out(p, pool);
    p->local_readable = false;
    return PIL_PUMP_WAIT;
}
