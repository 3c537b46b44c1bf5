#include "core/eval_parts.h"

#include "core/glob.h"

/*
 * A decision looks into three parts of the index: that of services, that of the workload, and the
 * common one. What
 * the question asks of a part becomes probes, a handful at a time: first all their slots are
 * fetched, then all their candidates, then these are judged, so that the waits for memory overlap
 * instead of adding up.
 */
#define PROBES 16u

/* The best rules so far for one way of looking: with shadow policies or without. */
struct outcome {
    uint32_t deny;  /* first deny rule, PIL_NO_INDEX: none */
    uint32_t allow; /* first allow rule */
    bool unseen;    /* `deny` denies because a condition of it cannot be seen */
};

struct probe {
    const struct pil_layout_slot *table;
    const struct pil_layout_slot *found;
    uint64_t hi, lo;
    const char *text; /* NAME: lo bytes that must be the slot's. Path: as asked; lo is the folder's
                         length when shape.bits is 1 */
    uint32_t mask, at;
    uint16_t port;
    struct pil_layout_shape shape;
};

struct search {
    struct pil_eval_asked asked;
    struct outcome real, shadow;
    uint8_t encrypt;
    uint8_t count; /* probes waiting */
    unsigned told;
    void (*tell)(void *cookie, const char *identity); /* may be NULL */
    void *cookie;
    struct probe probe[PROBES];
};

bool pil_layout_set_has(const struct pil_layout_head *h, uint32_t set, uint32_t workload)
{
    const struct pil_layout_set *s = pil_layout_sets(h) + set;
    const uint32_t *list = pil_layout_lists(h) + s->span.first;
    uint32_t low = 0, high = s->span.count;

    if (s->kind == PIL_LAYOUT_SET_EVERYONE)
        return true;
    if (s->kind == PIL_LAYOUT_SET_BITS)
        return workload / 64 < s->span.count &&
               (pil_layout_words(h)[s->span.first + workload / 64] >> workload % 64 & 1);
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (list[mid] == workload)
            return true;
        if (list[mid] < workload)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

/* ---- judging candidates ---------------------------------------------------------------------- */

static void note_deny(struct outcome *o, uint32_t rule, bool unseen)
{
    if (rule > o->deny)
        return;
    o->unseen = rule == o->deny ? o->unseen && unseen : unseen;
    o->deny = rule;
}

static void note(struct outcome *o, const struct pil_layout_candidate *c, bool unseen)
{
    if (c->effect == PIL_DENY)
        note_deny(o, c->rule, unseen);
    else if (!unseen && c->rule < o->allow)
        o->allow = c->rule;
}

/* Also when the name cannot be seen: then it may be this service, and encryption does no harm. */
static void judge_service(struct search *s, const struct pil_layout_candidate *c)
{
    const struct pil_layout_service *service = pil_layout_services(s->asked.head) + c->rule;

    if (c->encrypt > s->encrypt)
        s->encrypt = c->encrypt;
    if (!s->tell || !service->identity)
        return;
    s->tell(s->cookie, pil_layout_text(s->asked.head, service->identity));
    s->told++;
}

/* `blind`: the candidate is here because the host name cannot be seen. */
static void judge(struct search *s, const struct pil_layout_candidate *c, bool blind)
{
    struct pil_eval_asked *a = &s->asked;
    enum pil_step step = PIL_STEP_MATCH;
    bool unseen;

    if (c->effect == PIL_LAYOUT_SERVICE) {
        judge_service(s, c);
        return;
    }
    if (c->active <= a->bucket ||
        (c->set && !pil_layout_set_has(a->head, c->set, a->who->workload)))
        return;
    if (c->when)
        step = pil_eval_when(a, pil_layout_whens(a->head) + c->when);
    if (step == PIL_STEP_LATER && c->effect == PIL_ALLOW)
        step = PIL_STEP_MATCH;
    if (step != PIL_STEP_MATCH && step != PIL_STEP_UNSEEN && !blind)
        return;
    unseen = blind || step == PIL_STEP_UNSEEN;
    note(&s->shadow, c, unseen);
    if (c->enforce > a->bucket)
        note(&s->real, c, unseen);
}

/* ---- looking up ------------------------------------------------------------------------------ */

static bool text_fits(const struct search *s, const struct probe *p,
                      const struct pil_layout_slot *slot)
{
    const char *text = pil_layout_text(s->asked.head, (uint32_t)slot->lo);

    if (slot->lo >> 32 != p->lo)
        return false;
    if (p->shape.key == PIL_LAYOUT_KEY_UNIX && p->shape.bits)
        return pil_glob_match(pil_slice_of(text), s->asked.q->name, true);
    return p->lo == 0 || memcmp(text, p->text, (size_t)p->lo) == 0;
}

static bool slot_fits(const struct search *s, const struct probe *p,
                      const struct pil_layout_slot *slot)
{
    if (slot->hi != p->hi || slot->port != p->port ||
        memcmp(&slot->shape, &p->shape, sizeof(p->shape)) != 0)
        return false;
    return p->text ? text_fits(s, p, slot) : slot->lo == p->lo;
}

/* The next slot that fits; NULL at the end of the run. Several may fit: patterns of a folder. */
static const struct pil_layout_slot *next_slot(const struct search *s, struct probe *p)
{
    for (;;) {
        const struct pil_layout_slot *slot = p->table + (p->at++ & p->mask);

        if (slot->shape.key == PIL_LAYOUT_KEY_NONE)
            return NULL;
        if (slot_fits(s, p, slot))
            return slot;
    }
}

static void judge_slot(struct search *s, const struct pil_layout_slot *slot)
{
    const struct pil_layout_candidate *c =
        pil_layout_candidates(s->asked.head) + slot->candidates.first;

    for (uint32_t i = 0; i < slot->candidates.count; i++)
        judge(s, c + i, slot->shape.key == PIL_LAYOUT_KEY_UNSEEN);
}

static void flush(struct search *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        struct probe *p = &s->probe[i];

        p->found = next_slot(s, p);
        if (p->found)
            __builtin_prefetch(pil_layout_candidates(s->asked.head) + p->found->candidates.first);
    }
    for (unsigned i = 0; i < s->count; i++)
        for (const struct pil_layout_slot *slot = s->probe[i].found; slot;
             slot = next_slot(s, &s->probe[i]))
            judge_slot(s, slot);
    s->count = 0;
}

static void ask(struct search *s, const struct pil_layout_part *part,
                const struct pil_layout_shape *shape, uint64_t hi, uint64_t lo, const char *text)
{
    struct probe *p;

    if (s->count == PROBES)
        flush(s);
    p = &s->probe[s->count++];
    p->shape = *shape;
    p->port = pil_layout_mask_port(shape->port_bits, s->asked.q->port);
    p->hi = hi;
    p->lo = lo;
    p->text = text;
    p->table = pil_layout_slots(s->asked.head) + part->slots;
    p->mask = part->mask;
    p->at = pil_layout_home(hi, text ? 0 : lo, *shape, p->port);
    __builtin_prefetch(p->table + (p->at & p->mask));
}

/* Asks for a text, or a folder or suffix of it when `bits` is 1, in every shape that has such. */
static void ask_text(struct search *s, const struct pil_layout_part *part, uint8_t key,
                     uint8_t bits, uint64_t hash, struct pil_slice text)
{
    const struct pil_layout_shape *shape = pil_layout_shapes(s->asked.head) + part->shapes.first;

    for (uint32_t i = 0; i < part->shapes.count; i++)
        if (shape[i].key == key && shape[i].bits == bits &&
            (shape[i].actions >> s->asked.q->action & 1))
            ask(s, part, &shape[i], hash, text.len, text.len ? text.at : "");
}

static void ask_name(struct search *s, const struct pil_layout_part *part)
{
    struct pil_slice name = s->asked.q->name;
    uint64_t hash = PIL_LAYOUT_MIX;

    for (size_t i = name.len; i > 0; i--) {
        if (name.at[i - 1] == '.' && i > 1 && i < name.len)
            ask_text(s, part, PIL_LAYOUT_KEY_NAME, 1, hash,
                     (struct pil_slice){name.at + i, name.len - i});
        hash = pil_layout_mix(hash, name.at[i - 1]);
    }
    ask_text(s, part, PIL_LAYOUT_KEY_NAME, 0, hash, name);
}

static void ask_path(struct search *s, const struct pil_layout_part *part)
{
    struct pil_slice path = s->asked.q->name;
    uint64_t hash = PIL_LAYOUT_MIX;

    ask_text(s, part, PIL_LAYOUT_KEY_UNIX, 1, hash, (struct pil_slice){path.at, 0});
    for (size_t i = 0; i < path.len; i++) {
        hash = pil_layout_mix(hash, path.at[i]);
        if (path.at[i] == '/')
            ask_text(s, part, PIL_LAYOUT_KEY_UNIX, 1, hash, (struct pil_slice){path.at, i + 1});
    }
    ask_text(s, part, PIL_LAYOUT_KEY_UNIX, 0, hash, path);
}

static void ask_shape(struct search *s, const struct pil_layout_part *part,
                      const struct pil_layout_shape *shape, uint64_t hi, uint64_t lo)
{
    const struct pil_query *q = s->asked.q;

    switch (shape->key) {
    case PIL_LAYOUT_KEY_ANY:
        ask(s, part, shape, 0, 0, NULL);
        return;
    case PIL_LAYOUT_KEY_INET:
        if (q->kind != PIL_KIND_INET)
            return;
        pil_layout_mask_ip(shape->bits, &hi, &lo);
        ask(s, part, shape, hi, lo, NULL);
        return;
    case PIL_LAYOUT_KEY_UNSEEN:
        if (pil_eval_name_unseen(q))
            ask(s, part, shape, 0, 0, NULL);
        return;
    default:
        return;
    }
}

static void ask_part(struct search *s, const struct pil_layout_part *part)
{
    const struct pil_layout_shape *shape = pil_layout_shapes(s->asked.head) + part->shapes.first;
    const struct pil_query *q = s->asked.q;
    uint64_t hi, lo;
    unsigned keys = 0;

    pil_layout_ip(&q->ip, &hi, &lo);
    for (uint32_t i = 0; i < part->shapes.count; i++) {
        if (!(shape[i].actions >> q->action & 1))
            continue;
        keys |= 1u << shape[i].key;
        ask_shape(s, part, &shape[i], hi, lo);
    }
    if ((keys >> PIL_LAYOUT_KEY_UNIX & 1) && q->kind == PIL_KIND_UNIX)
        ask_path(s, part);
    if ((keys >> PIL_LAYOUT_KEY_NAME & 1) && q->kind != PIL_KIND_UNIX && q->name.len > 0 &&
        (q->kind == PIL_KIND_NAME || (q->seen & PIL_FIELD_NAME)))
        ask_name(s, part);
}

/* ---- deciding -------------------------------------------------------------------------------- */

/* An outcome brought to its end. */
struct decision {
    uint8_t effect, reason;
    uint32_t rule, policy;
};

static struct decision by_fallback(uint8_t fallback, uint32_t policy)
{
    if (fallback == PIL_LAYOUT_DEFAULT_ALLOW)
        return (struct decision){PIL_ALLOW, PIL_REASON_DEFAULT_ALLOW, PIL_NO_INDEX, policy};
    if (fallback == PIL_LAYOUT_DEFAULT_DENY)
        return (struct decision){PIL_DENY, PIL_REASON_DEFAULT_DENY, PIL_NO_INDEX, policy};
    return (struct decision){PIL_DENY, PIL_REASON_NO_DEFAULT, PIL_NO_INDEX, PIL_NO_INDEX};
}

static struct decision by_default(const struct search *s, const struct pil_layout_part *part,
                                  bool shadow)
{
    const struct pil_layout_head *h = s->asked.head;
    const struct pil_layout_default *d = pil_layout_defaults(h) + part->defaults.first;

    for (uint32_t i = 0; i < part->defaults.count; i++)
        if ((shadow ? d[i].active : d[i].enforce) > s->asked.bucket)
            return by_fallback(d[i].fallback, d[i].policy);
    return by_fallback(h->fallback, PIL_NO_INDEX);
}

static struct decision decide(const struct search *s, const struct outcome *o,
                              const struct pil_layout_part *part, bool shadow)
{
    const struct pil_layout_rule *rules = pil_layout_rules(s->asked.head);

    if (o->deny != PIL_NO_INDEX)
        return (struct decision){PIL_DENY,
                                 o->unseen ? PIL_REASON_UNSEEN_FIELD : PIL_REASON_RULE_DENY,
                                 o->deny, rules[o->deny].policy};
    if (s->asked.q->action == PIL_ACTION_SEND && s->encrypt == PIL_ENCRYPT_REQUIRED)
        return (struct decision){PIL_DENY, PIL_REASON_UNENCRYPTED, PIL_NO_INDEX, PIL_NO_INDEX};
    if (o->allow != PIL_NO_INDEX)
        return (struct decision){PIL_ALLOW, PIL_REASON_RULE_ALLOW, o->allow,
                                 rules[o->allow].policy};
    return by_default(s, part, shadow);
}

static void fill(const struct search *s, const struct pil_layout_part *part,
                 struct pil_verdict *out)
{
    struct decision real = decide(s, &s->real, part, false);
    struct decision shadow = decide(s, &s->shadow, part, true);

    out->effect = real.effect;
    out->reason = real.reason;
    out->rule = real.rule;
    out->policy = real.policy;
    out->ttl_ms = s->asked.ttl_ms;
    if (s->asked.q->action != PIL_ACTION_SEND) /* a datagram is refused or goes as it is */
        out->encrypt = s->encrypt;
    if (real.effect != PIL_ALLOW && real.policy != PIL_NO_INDEX)
        out->error = pil_layout_policies(s->asked.head)[real.policy].deny_errno;
    if (shadow.effect == real.effect)
        return;
    out->shadow = shadow.effect == PIL_ALLOW ? PIL_SHADOW_WOULD_ALLOW : PIL_SHADOW_WOULD_DENY;
    out->shadow_reason = shadow.reason;
    out->shadow_rule = shadow.rule;
    out->shadow_policy = shadow.policy;
}

/* A question that cannot have been asked by anyone who knows the rules. */
static bool malformed(const struct pil_query *q)
{
    return q->action == PIL_ACTION_NONE || q->action >= PIL_ACTION_COUNT ||
           q->kind == PIL_KIND_NONE || q->kind >= PIL_KIND_COUNT;
}

static void ask_services(struct search *s)
{
    const struct pil_layout_head *h = s->asked.head;

    ask_part(s, pil_layout_parts(h) + pil_layout_count(h, PIL_LAYOUT_WORKLOADS) + 1);
}

static void look_up_services(struct search *s, const struct pil_image *img,
                             const struct pil_query *q)
{
    s->asked.head = pil_layout_head(img);
    s->asked.q = q;
    if (malformed(q))
        return;
    ask_services(s);
    flush(s);
}

uint8_t pil_eval_encrypt(const struct pil_image *img, const struct pil_query *q)
{
    struct search s = {.encrypt = PIL_ENCRYPT_UNSET};

    look_up_services(&s, img, q);
    return s.encrypt;
}

unsigned pil_eval_identities(const struct pil_image *img, const struct pil_query *q,
                             void (*tell)(void *cookie, const char *identity), void *cookie)
{
    struct search s = {.tell = tell, .cookie = cookie};

    look_up_services(&s, img, q);
    return s.told;
}

void pil_eval(const struct pil_image *img, const struct pil_subject *who, const struct pil_query *q,
              const struct pil_eval_env *env, struct pil_verdict *out)
{
    const struct pil_layout_head *h = pil_layout_head(img);
    const struct pil_layout_part *parts = pil_layout_parts(h);
    struct search s;

    *out = (struct pil_verdict){.reason = PIL_REASON_MALFORMED,
                                .rule = PIL_NO_INDEX,
                                .policy = PIL_NO_INDEX,
                                .shadow_rule = PIL_NO_INDEX,
                                .shadow_policy = PIL_NO_INDEX};
    if (malformed(q) || who->workload >= pil_layout_count(h, PIL_LAYOUT_WORKLOADS))
        return;
    s.asked = (struct pil_eval_asked){h, who, q, env, env->host_bucket, env->ttl_ms, false};
    if (s.asked.bucket > 99)
        s.asked.bucket = 99;
    s.real = s.shadow = (struct outcome){PIL_NO_INDEX, PIL_NO_INDEX, false};
    s.encrypt = PIL_ENCRYPT_UNSET;
    s.count = 0;
    s.tell = NULL;
    ask_services(&s);
    if (q->flags & PIL_QUERY_PEER_LATER) { /* rules depend on it */
        flush(&s);
        s.asked.peer_later = pil_eval_secures(s.encrypt);
    }
    ask_part(&s, parts + who->workload);
    ask_part(&s, parts + pil_layout_count(h, PIL_LAYOUT_WORKLOADS));
    flush(&s);
    fill(&s, parts + who->workload, out);
}
