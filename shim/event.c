#include "shim/event.h"

#include <string.h>

#include "shim/real.h"
#include "shim/state.h"

static struct pil_ring *ring(void)
{
    return atomic_load_explicit(&pil_process.ring, memory_order_acquire);
}

void pil_event_count(const struct pil_verdict *v)
{
    struct pil_ring *r = ring();

    if (!r)
        return;
    atomic_fetch_add_explicit(&r->counters.decisions[v->tier % PIL_TIER_COUNT][v->effect % 3], 1,
                              memory_order_relaxed);
    if (v->tier == PIL_TIER_FAIL)
        atomic_fetch_add_explicit(&r->counters.failed[v->reason % PIL_REASON_COUNT], 1,
                                  memory_order_relaxed);
}

static uint32_t thread(void)
{
    int tid = pil_real_sys.gettid();

    return tid > 0 ? (uint32_t)tid : 0;
}

static void set_text(struct pil_event *event, struct pil_slice text)
{
    event->text_len = (uint16_t)(text.len < PIL_EVENT_TEXT ? text.len : PIL_EVENT_TEXT);
    if (event->text_len > 0)
        memcpy(event->text, text.at, event->text_len);
}

void pil_event_decision(const struct pil_query *q, const struct pil_verdict *v, int error,
                        uint64_t elapsed_ns)
{
    struct pil_ring *r = ring();
    struct pil_event event = {
        .realtime_ns = pil_real_wall_ns(),
        .generation = v->generation,
        .rule = v->rule,
        .policy = v->policy,
        .shadow_rule = v->shadow_rule,
        .shadow_policy = v->shadow_policy,
        .tid = thread(),
        .elapsed_ns = elapsed_ns < UINT32_MAX ? (uint32_t)elapsed_ns : UINT32_MAX,
        .type = PIL_EVENT_DECISION,
        .action = q->action,
        .kind = q->kind,
        .seen = q->seen,
        .effect = v->effect,
        .reason = v->reason,
        .shadow = v->shadow,
        .tier = v->tier,
        .port = q->port,
        .error = (uint16_t)error,
        .ip = q->ip,
        .source = q->source,
    };

    if (!r)
        return;
    set_text(&event, q->name);
    pil_ring_put(r, &event);
}

/* The path of a unix socket always fits; a caller gets what a long host name leaves. */
static void set_texts(struct pil_tally_body *body, const struct pil_query *q)
{
    size_t name = q->name.len < PIL_TALLY_TEXT ? q->name.len : PIL_TALLY_TEXT;
    size_t left = PIL_TALLY_TEXT - name;
    size_t caller = q->caller.len < left ? q->caller.len : left;

    body->text_len = (uint16_t)name;
    body->caller_len = (uint16_t)caller;
    if (name > 0)
        memcpy(body->text, q->name.at, name);
    if (caller > 0)
        memcpy(body->text + name, q->caller.at, caller);
}

void pil_event_shadow(const struct pil_query *q, const struct pil_verdict *v, uint32_t tag)
{
    struct pil_ring *r = ring();
    struct pil_tally_body body = {
        .generation = v->generation,
        .rule = v->rule,
        .policy = v->policy,
        .shadow_rule = v->shadow_rule,
        .shadow_policy = v->shadow_policy,
        .action = q->action,
        .kind = q->kind,
        .seen = q->seen,
        .effect = v->effect,
        .reason = v->reason,
        .shadow = v->shadow,
        .shadow_reason = v->shadow_reason,
        .port = q->port,
        .ip = q->ip,
        .source = q->source,
    };

    if (!r || pil_ring_tally_count(r, tag))
        return;
    set_texts(&body, q);
    pil_ring_tally_open(r, tag, &body);
}

static void tell(enum pil_event_type type, const char *text, unsigned kind)
{
    struct pil_ring *r = ring();
    struct pil_event event = {
        .realtime_ns = pil_real_wall_ns(),
        .rule = PIL_NO_INDEX,
        .policy = PIL_NO_INDEX,
        .shadow_rule = PIL_NO_INDEX,
        .shadow_policy = PIL_NO_INDEX,
        .tid = thread(),
        .type = (uint8_t)type,
        .kind = (uint8_t)kind,
    };

    if (!r)
        return;
    set_text(&event, pil_slice_of(text));
    pil_ring_put(r, &event);
}

void pil_event_exec(enum pil_event_type type, const char *path, unsigned cover)
{
    tell(type, path, cover);
}

void pil_event_reach(enum pil_event_type type, const char *text)
{
    tell(type, text, 0);
}

void pil_event_broken(enum pil_event_type type, uint64_t id)
{
    char room[24];
    struct pil_text text;

    pil_text_init(&text, room, sizeof(room));
    pil_text_add_u64(&text, id);
    tell(type, room, 0);
}
