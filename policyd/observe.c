#include "policyd/observe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/err.h"
#include "policyd/daemon.h"
#include "policyd/session.h"
#include "policyd/store.h"
#include "policyd/tally.h"

#define LOST_MAX 64u /* paths that a learner keeps */

/* Programs that a learner could not follow. */
struct lost {
    char path[PIL_EVENT_TEXT + 1];
    uint64_t count;
};

struct pil_learner {
    struct pil_learner *next, **link;
    struct pil_tally *tally;
    char *unit, *workload, *exe; /* NULL: any */
    struct lost lost[LOST_MAX];
    unsigned lost_count;
    uint64_t lost_more; /* that found no room */
};

struct pil_observer {
    struct pil_daemon *d;
    struct pil_tally *shadow;
    uint64_t since_ns;
    uint64_t would_deny, would_allow; /* calls; exact also when the tally is full */
    uint64_t untold;                  /* of rings that found no slot for them */
    struct pil_learner *learners;
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int pil_observer_open(struct pil_daemon *d, struct pil_observer **out)
{
    struct pil_observer *o = calloc(1, sizeof(*o));
    int err = o ? pil_tally_open(PIL_OBSERVE_SHADOW, &o->shadow) : PIL_E_NOMEM;

    if (err) {
        free(o);
        return err;
    }
    o->d = d;
    o->since_ns = now_ns();
    *out = o;
    return PIL_OK;
}

void pil_observer_close(struct pil_observer *o)
{
    if (!o)
        return;
    pil_tally_close(o->shadow);
    free(o);
}

/* ---- adding ------------------------------------------------------------------------------- */

static const char *policy_name(const struct pil_policy_image *image, uint32_t policy)
{
    return image && policy != PIL_NO_INDEX ? pil_image_policy_name(&image->img, policy) : NULL;
}

static const char *rule_name(const struct pil_policy_image *image, uint32_t rule)
{
    return image && rule != PIL_NO_INDEX ? pil_image_rule_name(&image->img, rule) : NULL;
}

/* Names come from the image of the verdict's generation, as they do in the log. */
static struct pil_tally_item item_of(const struct pil_observer *o, const struct pil_process *p,
                                     const struct pil_query *q, const struct pil_verdict *v)
{
    const struct pil_policy_image *image = pil_store_of(o->d->store, v->generation);

    return (struct pil_tally_item){
        .exe = p->exe,
        .user = p->user,
        .unit = p->unit,
        .workload = pil_process_workload(o->d, p),
        .policy = policy_name(image, v->policy),
        .rule = rule_name(image, v->rule),
        .shadow_policy = policy_name(image, v->shadow_policy),
        .shadow_rule = rule_name(image, v->shadow_rule),
        .uid = p->uid,
        .query = *q,
        .verdict = *v,
    };
}

static bool same(const char *want, const char *have)
{
    return !want || (have && strcmp(want, have) == 0);
}

static bool concerns(const struct pil_daemon *d, const struct pil_learner *l,
                     const struct pil_process *p)
{
    return same(l->unit, p->unit) && same(l->exe, p->exe) &&
           same(l->workload, pil_process_workload(d, p));
}

static void add_shadow(struct pil_observer *o, const struct pil_process *p,
                       const struct pil_query *q, const struct pil_verdict *v, uint64_t calls,
                       uint64_t at_ns)
{
    struct pil_tally_item item = item_of(o, p, q, v);

    pil_tally_add(o->shadow, &item, calls, at_ns);
    if (v->shadow == PIL_SHADOW_WOULD_DENY)
        o->would_deny += calls;
    else
        o->would_allow += calls;
}

/* A connection that is to be secured is decided once more, with its peer, and counts then. */
static bool comes_again(const struct pil_query *q, const struct pil_verdict *v)
{
    return q->action == PIL_ACTION_CONNECT && !(q->seen & PIL_FIELD_PEER) &&
           v->effect == PIL_ALLOW &&
           (v->encrypt == PIL_ENCRYPT_REQUIRED || v->encrypt == PIL_ENCRYPT_PERMISSIVE);
}

void pil_observe_decision(struct pil_observer *o, const struct pil_process *p,
                          const struct pil_query *q, const struct pil_verdict *v,
                          uint64_t realtime_ns)
{
    if (!o || comes_again(q, v))
        return;
    if (v->shadow != PIL_SHADOW_NONE)
        add_shadow(o, p, q, v, 1, realtime_ns);
    for (struct pil_learner *l = o->learners; l; l = l->next) {
        struct pil_tally_item item;

        if (!concerns(o->d, l, p))
            continue;
        item = item_of(o, p, q, v);
        item.cgroup = p->cgroup;
        pil_tally_add(l->tally, &item, 1, realtime_ns);
    }
}

/* Nothing in a ring is believed: what is off its list counts for nothing. */
static bool sensible(const struct pil_tally_body *b)
{
    return b->action > PIL_ACTION_NONE && b->action < PIL_ACTION_COUNT && b->kind > PIL_KIND_NONE &&
           b->kind < PIL_KIND_COUNT && b->effect <= PIL_THROTTLE &&
           (b->shadow == PIL_SHADOW_WOULD_DENY || b->shadow == PIL_SHADOW_WOULD_ALLOW) &&
           b->reason < PIL_REASON_COUNT && b->shadow_reason < PIL_REASON_COUNT;
}

static void add_body(struct pil_observer *o, const struct pil_process *p,
                     const struct pil_tally_body *b, uint32_t calls)
{
    struct pil_query q = {
        .action = b->action,
        .kind = b->kind,
        .seen = b->seen & PIL_FIELD_TOLD,
        .port = b->port,
        .ip = b->ip,
        .source = b->source,
        .name = {b->text, b->text_len},
        .caller = {b->text + b->text_len, b->caller_len},
    };
    struct pil_verdict v = {
        .effect = b->effect,
        .reason = b->reason,
        .shadow = b->shadow,
        .shadow_reason = b->shadow_reason,
        .rule = b->rule,
        .policy = b->policy,
        .shadow_rule = b->shadow_rule,
        .shadow_policy = b->shadow_policy,
        .generation = b->generation,
    };

    add_shadow(o, p, &q, &v, calls, now_ns());
}

void pil_observe_ring(struct pil_observer *o, struct pil_process *p)
{
    struct pil_ring *ring = pil_process_ring(p);
    struct pil_tally_body body;
    uint32_t told, calls;

    if (!o || !ring)
        return;
    told = atomic_load_explicit(&ring->told, memory_order_acquire);
    if (told == p->told)
        return;
    p->told = told;
    for (unsigned i = 0; i < PIL_RING_TALLIES; i++) {
        calls = pil_ring_tally_take(ring, i, &body);
        if (calls > 0 && sensible(&body))
            add_body(o, p, &body, calls);
    }
    o->untold += atomic_exchange_explicit(&ring->untold, 0, memory_order_relaxed);
}

static void keep_lost(struct pil_learner *l, struct pil_slice path)
{
    char text[PIL_EVENT_TEXT + 1];

    snprintf(text, sizeof(text), "%.*s", (int)path.len, path.at);
    for (unsigned i = 0; i < l->lost_count; i++)
        if (strcmp(l->lost[i].path, text) == 0) {
            l->lost[i].count++;
            return;
        }
    if (l->lost_count == LOST_MAX) {
        l->lost_more++;
        return;
    }
    strcpy(l->lost[l->lost_count].path, text);
    l->lost[l->lost_count++].count = 1;
}

void pil_observe_lost(struct pil_observer *o, const struct pil_process *p, struct pil_slice path)
{
    if (!o)
        return;
    for (struct pil_learner *l = o->learners; l; l = l->next)
        if (concerns(o->d, l, p))
            keep_lost(l, path);
}

/* ---- the report --------------------------------------------------------------------------- */

static json_t *time_json(uint64_t at_ns)
{
    time_t seconds = (time_t)(at_ns / 1000000000u);
    char text[32];
    struct tm tm;

    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
    return json_string(text);
}

json_t *pil_observe_shadow(struct pil_observer *o)
{
    struct pil_tally_counts n;

    pil_tally_count(o->shadow, &n);
    return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "since", time_json(o->since_ns),
                     "would_deny", (json_int_t)o->would_deny, "would_allow",
                     (json_int_t)o->would_allow, "missed", (json_int_t)n.missed, "untold",
                     (json_int_t)o->untold, "bytes", (json_int_t)n.bytes, "max_bytes",
                     (json_int_t)n.max_bytes, "entries", pil_tally_json(o->shadow));
}

void pil_observe_reset(struct pil_observer *o)
{
    pil_tally_reset(o->shadow);
    o->since_ns = now_ns();
    o->would_deny = o->would_allow = o->untold = 0;
}

/* ---- learners ----------------------------------------------------------------------------- */

static int read_filter(struct pil_learner *l, const json_t *filter, char *problem, size_t cap)
{
    char **const into[] = {&l->unit, &l->workload, &l->exe};
    static const char *const keys[] = {"unit", "workload", "exe"};
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)filter, key, value)
    {
        size_t i = 0;

        while (i < PIL_NELEM(keys) && strcmp(key, keys[i]) != 0)
            i++;
        if (i == PIL_NELEM(keys) || !json_is_string(value)) {
            snprintf(problem, cap, "filter \"%.40s\"; legal is unit, workload, exe, each a text",
                     key);
            return PIL_E_SYNTAX;
        }
        *into[i] = strdup(json_string_value(value));
        if (!*into[i])
            return PIL_E_NOMEM;
    }
    return PIL_OK;
}

static void learner_free(struct pil_learner *l)
{
    pil_tally_close(l->tally);
    free(l->unit);
    free(l->workload);
    free(l->exe);
    free(l);
}

static unsigned count_of(const struct pil_observer *o)
{
    unsigned count = 0;

    for (const struct pil_learner *l = o->learners; l; l = l->next)
        count++;
    return count;
}

/* Everything that is cached is asked anew, with everything that can be told. */
static void start(struct pil_session *s, struct pil_learner *l)
{
    struct pil_observer *o = s->d->observer;
    bool first = !o->learners;

    l->next = o->learners;
    l->link = &o->learners;
    if (l->next)
        l->next->link = &l->next;
    o->learners = l;
    s->learner = l;
    if (first)
        pil_store_look(s->d->store, PIL_FIELD_ALL);
}

int pil_observe_learn(struct pil_session *s, const json_t *filter, char *problem, size_t cap)
{
    struct pil_learner *l;
    int err;

    if (s->learner || count_of(s->d->observer) >= PIL_OBSERVE_LEARNERS) {
        snprintf(problem, cap, "%s",
                 s->learner ? "this connection learns already" : "others learn already");
        return PIL_E_FULL;
    }
    l = calloc(1, sizeof(*l));
    if (!l)
        return PIL_E_NOMEM;
    err = read_filter(l, filter, problem, cap);
    if (!err)
        err = pil_tally_open(PIL_OBSERVE_LEARN, &l->tally);
    if (err)
        learner_free(l);
    else
        start(s, l);
    return err;
}

static json_t *lost_json(const struct pil_learner *l)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < l->lost_count; i++) {
        json_t *path = json_string(l->lost[i].path);

        json_array_append_new(list, json_pack("{s:o, s:I}", "path",
                                              path ? path : json_string("(not UTF-8)"), "count",
                                              (json_int_t)l->lost[i].count));
    }
    return list;
}

json_t *pil_observe_learned(const struct pil_session *s)
{
    const struct pil_learner *l = s->learner;
    struct pil_tally_counts n;
    unsigned processes = 0;

    if (!l)
        return NULL;
    for (const struct pil_process *p = s->d->processes.all; p; p = p->next)
        processes += concerns(s->d, l, p);
    pil_tally_count(l->tally, &n);
    return json_pack("{s:i, s:I, s:I, s:o, s:I, s:o}", "processes", (int)processes, "decisions",
                     (json_int_t)n.calls, "missed", (json_int_t)n.missed, "lost", lost_json(l),
                     "lost_more", (json_int_t)l->lost_more, "entries", pil_tally_json(l->tally));
}

void pil_observe_stop(struct pil_session *s)
{
    struct pil_learner *l = s->learner;

    if (!l)
        return;
    *l->link = l->next;
    if (l->next)
        l->next->link = l->link;
    s->learner = NULL;
    learner_free(l);
    if (!s->d->observer->learners)
        pil_store_look(s->d->store, 0);
}
