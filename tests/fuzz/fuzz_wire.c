// sources: core/wire.c core/wire_tls.c core/query.c core/addr.c core/bytes.c core/err.c
/*
 * Frames: any bytes are opened and decoded as what they claim to be. What is taken can be encoded
 * again, byte for byte, and keeps its bounds.
 */
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/wire_tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static void check_query(const struct pil_query *q)
{
    need(q->action > PIL_ACTION_NONE && q->action < PIL_ACTION_COUNT);
    need(q->kind > PIL_KIND_NONE && q->kind < PIL_KIND_COUNT && q->seen <= PIL_FIELD_TOLD);
    need(!(q->flags & ~PIL_QUERY_FLAGS) && q->peer.len == 0);
    need(q->name.len <= PIL_NAME_MAX && q->caller.len <= PIL_CALLER_MAX);
}

static void check_verdict(const struct pil_verdict *v)
{
    need(v->effect <= PIL_THROTTLE && v->reason < PIL_REASON_COUNT);
    need(v->shadow <= PIL_SHADOW_WOULD_ALLOW && v->shadow_reason < PIL_REASON_COUNT);
    need(v->encrypt <= PIL_ENCRYPT_REQUIRED && v->tier < PIL_TIER_COUNT);
}

static int queries(struct pil_reader *r, struct pil_writer *w)
{
    struct pil_query q[PIL_BATCH_MAX];
    unsigned count;
    int err = pil_wire_get_queries(r, q, &count);

    for (unsigned i = 0; i < count && !err; i++)
        check_query(&q[i]);
    if (!err)
        pil_wire_put_queries(w, q, count);
    return err;
}

static int verdicts(struct pil_reader *r, struct pil_writer *w)
{
    struct pil_verdict v[PIL_BATCH_MAX];
    unsigned expected = r->left ? r->at[0] % (PIL_BATCH_MAX + 1) : 1;
    int err = pil_wire_get_verdicts(r, v, expected);

    for (unsigned i = 0; i < expected && !err; i++)
        check_verdict(&v[i]);
    if (!err)
        pil_wire_put_verdicts(w, v, expected);
    return err;
}

/* Those of secured connections. */
static int pass_tls(uint16_t type, struct pil_reader *r, struct pil_writer *w)
{
    union {
        struct pil_delegate delegate;
        struct pil_delegated delegated;
        struct pil_secure secure;
        struct pil_secured secured;
        struct pil_demote demote;
        struct pil_recheck recheck;
        struct pil_rechecked rechecked;
        uint32_t status;
    } m;
    unsigned expected = r->left ? r->at[0] : 1;
    int err;

#define PASS(kind)                                                                                 \
    err = pil_wire_get_##kind(r, &m.kind);                                                         \
    if (!err)                                                                                      \
        pil_wire_put_##kind(w, &m.kind);                                                           \
    return err
    switch (type) {
    case PIL_WIRE_DELEGATE:
        PASS(delegate);
    case PIL_WIRE_DELEGATED:
        PASS(delegated);
    case PIL_WIRE_SECURE:
        PASS(secure);
    case PIL_WIRE_SECURED:
        PASS(secured);
    case PIL_WIRE_DEMOTE:
        PASS(demote);
    case PIL_WIRE_RECHECK:
        PASS(recheck);
#undef PASS
    case PIL_WIRE_DEMOTED:
        err = pil_wire_get_demoted(r, &m.status);
        if (!err)
            pil_wire_put_demoted(w, m.status);
        return err;
    case PIL_WIRE_RECHECKED:
        err = pil_wire_get_rechecked(r, &m.rechecked, expected);
        if (!err)
            pil_wire_put_rechecked(w, &m.rechecked);
        return err;
    default:
        return PIL_E_NOTFOUND;
    }
}

/* Decodes the body and writes it anew; the error of the decoder. */
static int pass(uint16_t type, struct pil_reader *r, struct pil_writer *w)
{
    union {
        struct pil_hello hello;
        struct pil_welcome welcome;
        struct pil_control control;
    } m;
    struct pil_slice text;
    uint32_t status;
    int err;

    switch (type) {
    case PIL_WIRE_HELLO:
        err = pil_wire_get_hello(r, &m.hello);
        if (!err)
            pil_wire_put_hello(w, &m.hello);
        return err;
    case PIL_WIRE_WELCOME:
        err = pil_wire_get_welcome(r, &m.welcome);
        if (!err)
            pil_wire_put_welcome(w, &m.welcome);
        return err;
    case PIL_WIRE_DECIDE:
        return queries(r, w);
    case PIL_WIRE_VERDICTS:
        return verdicts(r, w);
    case PIL_WIRE_CONTROL:
        err = pil_wire_get_control(r, &m.control);
        if (!err)
            pil_wire_put_control(w, &m.control);
        return err;
    case PIL_WIRE_END:
        err = pil_wire_get_end(r, &status, &text);
        if (!err)
            pil_wire_put_end(w, status, text);
        return err;
    default:
        return pass_tls(type, r, w);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t again[PIL_WIRE_MAX];
    struct pil_wire_head head;
    struct pil_reader r;
    struct pil_writer w;

    if (len > PIL_WIRE_MAX || pil_wire_open(data, len, &head, &r))
        return 0;
    pil_wire_begin(&w, again, sizeof(again), (enum pil_wire_type)head.type, head.sequence);
    if (pass(head.type, &r, &w))
        return 0;
    need(pil_wire_finish(&w) == PIL_OK && w.len == len);
    /* The minor version is the sender's. */
    again[offsetof(struct pil_wire_head, minor)] = head.minor;
    need(memcmp(again, data, len) == 0);
    return 0;
}
