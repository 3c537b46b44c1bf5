#include "policyd/mesh/pump.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/mesh/pump_parts.h"
#include "policyd/tls/aead.h"

#define SPARE_MAX 16u /* free buffers that a thread keeps */

struct pil_buffer *pil_buffer_get(struct pil_buffers *pool)
{
    struct pil_buffer *b = pool->free;

    if (!b)
        return malloc(sizeof(*b));
    pool->free = b->next;
    pool->spare--;
    return b;
}

void pil_buffer_put(struct pil_buffers *pool, struct pil_buffer *b)
{
    if (pool->spare >= SPARE_MAX) {
        free(b);
        return;
    }
    b->next = pool->free;
    pool->free = b;
    pool->spare++;
}

void pil_buffers_free(struct pil_buffers *pool)
{
    while (pool->free)
        free(pil_buffer_get(pool));
}

static void *make_context(unsigned suite, const struct pil_traffic *t)
{
    void *ctx = calloc(1, pil_aead_evp.room);

    if (ctx && pil_aead_evp.init(ctx, suite, t->key)) {
        free(ctx);
        return NULL;
    }
    return ctx;
}

bool pil_pump_open(struct pil_pump *p)
{
    if (pil_suite_key_len(p->suite) == 0)
        return false;
    p->in_ctx = make_context(p->suite, &p->in);
    p->out_ctx = make_context(p->suite, &p->out);
    p->tcp_readable = p->tcp_writable = p->local_readable = p->local_writable = true;
    return p->in_ctx && p->out_ctx;
}

bool pil_pump_preload(struct pil_pump *p, struct pil_buffers *pool, const uint8_t *in,
                      size_t in_len, const uint8_t *out, size_t out_len)
{
    if (in_len > PIL_PUMP_BUFFER || out_len > PIL_PUMP_BUFFER)
        return false;
    if (in_len > 0) {
        p->in_buf = pil_buffer_get(pool);
        if (!p->in_buf)
            return false;
        memcpy(p->in_buf->at, in, in_len);
        p->in_have = (uint32_t)in_len;
    }
    if (out_len > 0) {
        p->out_buf = pil_buffer_get(pool);
        if (!p->out_buf)
            return false;
        memcpy(p->out_buf->at, out, out_len);
        p->out_len = (uint32_t)out_len;
    }
    return true;
}

void pil_pump_tcp_event(struct pil_pump *p, uint32_t events)
{
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        p->tcp_readable = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        p->tcp_writable = true;
    if (events & EPOLLERR)
        p->tcp_failed = true;
}

void pil_pump_local_event(struct pil_pump *p, uint32_t events)
{
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        p->local_readable = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        p->local_writable = true;
    if (events & (EPOLLRDHUP | EPOLLHUP))
        p->local_closing = true;
    if (events & (EPOLLHUP | EPOLLERR))
        p->local_gone = true;
}

/* In order when both have ended. A program that has closed its socket has heard enough: what
 * it said has been sent, and what comes yet is answered by the kernel. */
static bool is_done(const struct pil_pump *p)
{
    return p->out_shut && (p->in_shut || p->local_gone);
}

enum pil_pump_state pil_pump_step(struct pil_pump *p, struct pil_buffers *pool)
{
    enum pil_pump_state in, out;

    /* Once nobody reads here, what comes is not opened but reset. */
    if (p->in_shut && p->tcp_failed)
        return PIL_PUMP_LOST;
    in = p->local_gone ? PIL_PUMP_WAIT : pil_pump_in(p, pool);
    if (in == PIL_PUMP_LOST)
        return in;
    out = pil_pump_out(p, pool);
    if (out == PIL_PUMP_LOST)
        return out;
    if (is_done(p))
        return PIL_PUMP_DONE;
    return in == PIL_PUMP_MORE || out == PIL_PUMP_MORE ? PIL_PUMP_MORE : PIL_PUMP_WAIT;
}

static void free_context(void *ctx)
{
    if (!ctx)
        return;
    pil_aead_drop(ctx);
    free(ctx);
}

void pil_pump_close(struct pil_pump *p, struct pil_buffers *pool, bool in_order)
{
    struct linger linger = {.l_onoff = !in_order};
    char known;

    setsockopt(p->tcp, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    if (in_order)
        (void)!recv(p->local, &known, 1, MSG_DONTWAIT); /* what is left unread is a reset */
    close(p->tcp);
    close(p->local);
    if (p->in_buf)
        pil_buffer_put(pool, p->in_buf);
    if (p->out_buf)
        pil_buffer_put(pool, p->out_buf);
    free_context(p->in_ctx);
    free_context(p->out_ctx);
    explicit_bzero(&p->in, sizeof(p->in));
    explicit_bzero(&p->out, sizeof(p->out));
}
