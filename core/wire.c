#include "core/wire.h"

#include <string.h>

#include "core/err.h"

#define CONTROL_VERB_MAX 32u
#define VERSION_TEXT_MAX 32u

int pil_wire_open(const void *frame, size_t len, struct pil_wire_head *head, struct pil_reader *r)
{
    if (len < sizeof(*head))
        return PIL_E_TRUNCATED;
    memcpy(head, frame, sizeof(*head));
    pil_reader_init(r, (const uint8_t *)frame + sizeof(*head), len - sizeof(*head));
    if (head->magic != PIL_WIRE_MAGIC || head->length != len)
        return PIL_E_MALFORMED;
    if (head->major != PIL_WIRE_MAJOR)
        return PIL_E_VERSION;
    if (head->type == PIL_WIRE_NONE || head->type >= PIL_WIRE_TYPE_COUNT)
        return PIL_E_MALFORMED;
    return PIL_OK;
}

void pil_wire_begin(struct pil_writer *w, void *buf, size_t cap, enum pil_wire_type type,
                    uint32_t sequence)
{
    struct pil_wire_head head = {
        .magic = PIL_WIRE_MAGIC,
        .major = PIL_WIRE_MAJOR,
        .minor = PIL_WIRE_MINOR,
        .type = (uint16_t)type,
        .sequence = sequence,
    };

    pil_writer_init(w, buf, cap);
    pil_put_bytes(w, &head, sizeof(head));
}

int pil_wire_finish(struct pil_writer *w)
{
    uint32_t length = (uint32_t)w->len;

    if (pil_writer_end(w))
        return PIL_E_FULL;
    memcpy(w->start + offsetof(struct pil_wire_head, length), &length, sizeof(length));
    return PIL_OK;
}

void pil_wire_put_hello(struct pil_writer *w, const struct pil_hello *hello)
{
    pil_put_u32(w, hello->flags);
    pil_put_u32(w, hello->pid);
    pil_put_text(w, hello->version);
}

int pil_wire_get_hello(struct pil_reader *r, struct pil_hello *out)
{
    out->flags = pil_get_u32(r);
    out->pid = pil_get_u32(r);
    out->version = pil_get_text(r, VERSION_TEXT_MAX);
    return pil_reader_end(r);
}

void pil_wire_put_welcome(struct pil_writer *w, const struct pil_welcome *welcome)
{
    pil_put_u32(w, welcome->status);
    pil_put_u32(w, welcome->flags);
    pil_put_u32(w, welcome->deadline_ms);
    pil_put_text(w, welcome->workload);
}

int pil_wire_get_welcome(struct pil_reader *r, struct pil_welcome *out)
{
    out->status = pil_get_u32(r);
    out->flags = pil_get_u32(r);
    out->deadline_ms = pil_get_u32(r);
    out->workload = pil_get_text(r, PIL_TITLE_MAX);
    return pil_reader_end(r);
}

void pil_wire_put_query(struct pil_writer *w, const struct pil_query *q)
{
    pil_put_u8(w, q->action);
    pil_put_u8(w, q->kind);
    pil_put_u8(w, q->seen);
    pil_put_u8(w, q->flags);
    pil_put_u16(w, q->port);
    pil_put_bytes(w, &q->ip, sizeof(q->ip));
    pil_put_bytes(w, &q->source, sizeof(q->source));
    pil_put_text(w, q->name);
    pil_put_text(w, q->caller);
}

void pil_wire_put_queries(struct pil_writer *w, const struct pil_query *queries, unsigned count)
{
    pil_put_u16(w, (uint16_t)count);
    for (unsigned i = 0; i < count; i++)
        pil_wire_put_query(w, &queries[i]);
}

/* The rules of query.h that a cursor cannot check. */
static int check_query(const struct pil_query *q)
{
    if ((q->flags & ~PIL_QUERY_FLAGS) || q->action == PIL_ACTION_NONE ||
        q->action >= PIL_ACTION_COUNT)
        return PIL_E_MALFORMED;
    if (q->kind == PIL_KIND_NONE || q->kind >= PIL_KIND_COUNT || (q->seen & ~PIL_FIELD_TOLD))
        return PIL_E_MALFORMED;
    if ((q->flags & PIL_QUERY_PEER_LATER) && q->action != PIL_ACTION_CONNECT)
        return PIL_E_MALFORMED;
    return (q->action == PIL_ACTION_RESOLVE) == (q->kind == PIL_KIND_NAME) ? PIL_OK
                                                                           : PIL_E_MALFORMED;
}

int pil_wire_get_query(struct pil_reader *r, struct pil_query *q)
{
    q->action = pil_get_u8(r);
    q->kind = pil_get_u8(r);
    q->seen = pil_get_u8(r);
    q->flags = pil_get_u8(r);
    q->port = pil_get_u16(r);
    pil_get_bytes(r, &q->ip, sizeof(q->ip));
    pil_get_bytes(r, &q->source, sizeof(q->source));
    q->name = pil_get_text(r, PIL_NAME_MAX);
    q->caller = pil_get_text(r, PIL_CALLER_MAX);
    q->peer = (struct pil_slice){NULL, 0};
    return r->failed ? PIL_E_TRUNCATED : check_query(q);
}

int pil_wire_get_queries(struct pil_reader *r, struct pil_query out[PIL_BATCH_MAX], unsigned *count)
{
    unsigned n = pil_get_u16(r);

    *count = 0;
    if (r->failed)
        return PIL_E_TRUNCATED;
    if (n == 0 || n > PIL_BATCH_MAX)
        return PIL_E_MALFORMED;
    for (unsigned i = 0; i < n; i++) {
        int err = pil_wire_get_query(r, &out[i]);

        if (err)
            return err;
    }
    *count = n;
    return pil_reader_end(r);
}

void pil_wire_put_verdicts(struct pil_writer *w, const struct pil_verdict *v, unsigned count)
{
    pil_put_u16(w, (uint16_t)count);
    for (unsigned i = 0; i < count; i++) {
        pil_put_u8(w, v[i].effect);
        pil_put_u8(w, v[i].reason);
        pil_put_u8(w, v[i].shadow);
        pil_put_u8(w, v[i].shadow_reason);
        pil_put_u8(w, v[i].encrypt);
        pil_put_u8(w, v[i].tier);
        pil_put_u16(w, v[i].error);
        pil_put_u32(w, v[i].rule);
        pil_put_u32(w, v[i].policy);
        pil_put_u32(w, v[i].shadow_rule);
        pil_put_u32(w, v[i].shadow_policy);
        pil_put_u32(w, v[i].ttl_ms);
        pil_put_u64(w, v[i].generation);
    }
}

static int get_verdict(struct pil_reader *r, struct pil_verdict *v)
{
    v->effect = pil_get_u8(r);
    v->reason = pil_get_u8(r);
    v->shadow = pil_get_u8(r);
    v->shadow_reason = pil_get_u8(r);
    v->encrypt = pil_get_u8(r);
    v->tier = pil_get_u8(r);
    v->error = pil_get_u16(r);
    v->rule = pil_get_u32(r);
    v->policy = pil_get_u32(r);
    v->shadow_rule = pil_get_u32(r);
    v->shadow_policy = pil_get_u32(r);
    v->ttl_ms = pil_get_u32(r);
    v->generation = pil_get_u64(r);
    if (r->failed)
        return PIL_E_TRUNCATED;
    if (v->effect > PIL_THROTTLE || v->reason >= PIL_REASON_COUNT ||
        v->shadow > PIL_SHADOW_WOULD_ALLOW || v->shadow_reason >= PIL_REASON_COUNT ||
        v->encrypt > PIL_ENCRYPT_REQUIRED || v->tier >= PIL_TIER_COUNT)
        return PIL_E_MALFORMED;
    return PIL_OK;
}

int pil_wire_get_verdicts(struct pil_reader *r, struct pil_verdict *out, unsigned expected)
{
    unsigned n = pil_get_u16(r);

    if (r->failed)
        return PIL_E_TRUNCATED;
    if (n != expected)
        return PIL_E_MALFORMED;
    for (unsigned i = 0; i < n; i++) {
        int err = get_verdict(r, &out[i]);

        if (err)
            return err;
    }
    return pil_reader_end(r);
}

void pil_wire_put_control(struct pil_writer *w, const struct pil_control *control)
{
    pil_put_text(w, control->verb);
    pil_put_text(w, control->argument);
}

int pil_wire_get_control(struct pil_reader *r, struct pil_control *out)
{
    out->verb = pil_get_text(r, CONTROL_VERB_MAX);
    out->argument = pil_get_text(r, PIL_WIRE_MAX);
    return pil_reader_end(r);
}

void pil_wire_put_end(struct pil_writer *w, uint32_t status, struct pil_slice text)
{
    pil_put_u32(w, status);
    pil_put_text(w, text);
}

int pil_wire_get_end(struct pil_reader *r, uint32_t *status, struct pil_slice *text)
{
    *status = pil_get_u32(r);
    *text = pil_get_text(r, PIL_WIRE_MAX);
    return pil_reader_end(r);
}
