#include "core/query.h"

#include <errno.h>

#define NAME_OF(table, index, fallback)                                                            \
    ((index) < PIL_NELEM(table) && (table)[index] ? (table)[index] : (fallback))

static const char *const action_names[PIL_ACTION_COUNT] = {[PIL_ACTION_NONE] = "none",
#define ROW(id, number, text) [number] = text,
                                                           PIL_ACTION_LIST(ROW)
#undef ROW
};

static const char *const reason_names[PIL_REASON_COUNT] = {
#define ROW(id, number, name, text) [number] = name,
    PIL_REASON_LIST(ROW)
#undef ROW
};

static const char *const reason_texts[PIL_REASON_COUNT] = {
#define ROW(id, number, name, text) [number] = text,
    PIL_REASON_LIST(ROW)
#undef ROW
};

static const char *const effect_names[] = {"deny", "allow", "throttle"};
static const char *const shadow_names[] = {"none", "would-deny", "would-allow"};
static const char *const encrypt_names[] = {"unset", "off", "permissive", "native", "required"};
static const char *const tier_names[] = {"none", "process", "host", "engine", "fail"};

const char *pil_action_name(unsigned action)
{
    return NAME_OF(action_names, action, "none");
}

unsigned pil_action_parse(struct pil_slice name)
{
    for (unsigned i = 1; i < PIL_ACTION_COUNT; i++)
        if (pil_slice_equal(name, pil_slice_of(action_names[i])))
            return i;
    return PIL_ACTION_NONE;
}

const char *pil_effect_name(unsigned effect)
{
    return NAME_OF(effect_names, effect, "deny");
}

const char *pil_reason_name(unsigned reason)
{
    return NAME_OF(reason_names, reason, "undecided");
}

const char *pil_reason_text(unsigned reason)
{
    return NAME_OF(reason_texts, reason, "nothing has decided");
}

const char *pil_shadow_name(unsigned shadow)
{
    return NAME_OF(shadow_names, shadow, "none");
}

const char *pil_encrypt_name(unsigned mode)
{
    return NAME_OF(encrypt_names, mode, "unset");
}

const char *pil_tier_name(unsigned tier)
{
    return NAME_OF(tier_names, tier, "none");
}

static void print_endpoint(const struct pil_query *q, struct pil_text *out)
{
    char ip[PIL_IP_TEXT];
    bool v4 = pil_ip_is_v4(&q->ip);

    pil_ip_print(&q->ip, ip);
    if (q->name.len > 0) {
        pil_text_add_slice(out, q->name);
    } else {
        pil_text_add(out, v4 ? "" : "[");
        pil_text_add(out, ip);
        pil_text_add(out, v4 ? "" : "]");
    }
    pil_text_add(out, ":");
    pil_text_add_u64(out, q->port);
    if (q->name.len > 0) {
        pil_text_add(out, " (");
        pil_text_add(out, ip);
        pil_text_add(out, ")");
    }
}

void pil_query_print(const struct pil_query *q, struct pil_text *out)
{
    switch (q->kind) {
    case PIL_KIND_INET:
        print_endpoint(q, out);
        return;
    case PIL_KIND_UNIX:
        pil_text_add(out, "unix:");
        pil_text_add_slice(out, q->name);
        return;
    case PIL_KIND_NAME:
    case PIL_KIND_OTHER:
        pil_text_add_slice(out, q->name);
        return;
    default:
        pil_text_add(out, "none");
    }
}

int pil_verdict_errno(const struct pil_verdict *v, unsigned action)
{
    if (v->effect == PIL_ALLOW)
        return 0;
    /* Of the settable ones accept(2) documents none, so an accept always ends as aborted. */
    if (action == PIL_ACTION_ACCEPT)
        return ECONNABORTED;
    return v->error == ECONNREFUSED || v->error == ETIMEDOUT ? v->error : EACCES;
}
