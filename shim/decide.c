#include "shim/decide.h"

#include <string.h>

#include "core/err.h"
#include "core/genpage.h"
#include "shim/cache.h"
#include "shim/confine.h"
#include "shim/event.h"
#include "shim/link.h"
#include "shim/real.h"
#include "shim/site.h"
#include "shim/state.h"

#define CHECK_NS UINT64_C(1000000000) /* how often a busy process looks after its link */
#define TRIES    3                    /* a policy change between question and answer asks again */

/* A query with its conditions, ready to be looked up. */
struct question {
    struct pil_query query;
    struct pil_key key;
    uint64_t word; /* of the status page, under which it was made */
    struct pil_name name;
};

static uint64_t page_word(void)
{
    const struct pil_genpage *page = atomic_load_explicit(&pil_process.page, memory_order_acquire);

    return page ? pil_genpage_word(page) : 0;
}

static uint32_t subject(void)
{
    return atomic_load_explicit(&pil_process.subject, memory_order_relaxed);
}

/* Once a second, or when there was no page yet: is there a policyd, is it the same, are we? */
static void look_after_link(uint64_t now_ns, uint64_t *end_ns)
{
    atomic_store_explicit(&pil_process.check_ns, now_ns + CHECK_NS, memory_order_relaxed);
    if (pil_link_alive())
        return;
    *end_ns = pil_link_deadline();
    (void)!pil_link_renew(*end_ns); /* what failed is found again, and counted, when asked */
}

static void add_name(struct question *question, struct pil_digest *digest)
{
    struct pil_query *q = &question->query;

    if (!pil_names_find(&q->ip, &question->name)) {
        if (!pil_names_lost(&q->ip))
            q->seen |= PIL_FIELD_NAME; /* and what is seen is that it has none */
    } else {
        q->seen |= PIL_FIELD_NAME;
        q->name = (struct pil_slice){question->name.text, question->name.len};
        *digest = question->name.digest;
    }
}

static void add_caller(struct question *question, const void *address, struct pil_digest *digest)
{
    struct pil_query *q = &question->query;

    if (!address || !pil_site_module(address, &q->caller))
        return;
    q->seen |= PIL_FIELD_CALLER;
    *digest = pil_digest_of(q->caller);
}

/* Who is there is known when the connection stands, and policyd then decides once more. */
static uint8_t peer_flag(const struct pil_query *q, unsigned fields)
{
    return q->action == PIL_ACTION_CONNECT && q->kind == PIL_KIND_INET && (fields & PIL_FIELD_PEER)
               ? PIL_QUERY_PEER_LATER
               : 0;
}

/* Adds what the policy looks at and makes the key. */
static void complete(struct question *question, const struct pil_query *asked, const void *caller,
                     uint64_t word)
{
    unsigned fields = pil_genpage_fields(word);
    struct pil_digest name = {{0, 0}}, calling = {{0, 0}};
    struct pil_query *q = &question->query;

    *q = *asked;
    question->word = word;
    if (q->kind != PIL_KIND_INET)
        name = pil_digest_of(q->name);
    else if (fields & PIL_FIELD_NAME)
        add_name(question, &name);
    if (fields & PIL_FIELD_CALLER)
        add_caller(question, caller, &calling);
    if (q->action == PIL_ACTION_ACCEPT && (fields & PIL_FIELD_SOURCE))
        q->seen |= PIL_FIELD_SOURCE;
    else
        memset(&q->source, 0, sizeof(q->source));
    q->flags |= peer_flag(q, fields);
    pil_key_make(&question->key, q, subject(), name, calling);
}

/* The one fail-closed rule: whatever kept policyd from answering is a denial with its name. */
static void refuse(int err, struct pil_verdict *v)
{
    *v = (struct pil_verdict){
        .effect = PIL_DENY,
        .reason = err == PIL_E_TIMEOUT     ? PIL_REASON_TIMED_OUT
                  : err == PIL_E_REFUSED   ? PIL_REASON_REFUSED
                  : err == PIL_E_MALFORMED ? PIL_REASON_MALFORMED
                                           : PIL_REASON_UNREACHABLE,
        .tier = PIL_TIER_FAIL,
        .rule = PIL_NO_INDEX,
        .policy = PIL_NO_INDEX,
        .shadow_rule = PIL_NO_INDEX,
        .shadow_policy = PIL_NO_INDEX,
    };
}

/* Whether the verdict was made under the policy that the question was made for. Under generation 0,
 * no policy, it can only be a denial. */
static bool fits(const struct question *question, const struct pil_verdict *v)
{
    uint64_t generation = pil_genpage_generation(question->word);

    return v->generation == generation && (generation != 0 || v->effect != PIL_ALLOW);
}

/* Asks policyd; an answer from another generation than the question's is asked again, because
 * the new policy may look at conditions that the question did not carry. */
static void ask(struct question *question, const struct pil_query *asked, const void *caller,
                uint64_t now_ns, uint64_t end_ns, struct pil_verdict *v)
{
    for (int i = 0; i < TRIES; i++) {
        int err = question->word ? PIL_OK : pil_link_welcome(end_ns);

        if (!err && !question->word)
            complete(question, asked, caller, page_word());
        if (!err)
            err = pil_link_ask(&question->query, 1, v, end_ns);
        if (err) {
            refuse(err, v);
            return;
        }
        if (fits(question, v)) {
            pil_cache_keep(&question->key, v, now_ns);
            return;
        }
        complete(question, asked, caller, page_word());
    }
    if (v->effect == PIL_ALLOW)
        refuse(PIL_E_TIMEOUT, v);
}

static bool cached(const struct question *question, uint64_t now_ns, struct pil_verdict *v)
{
    uint64_t generation = pil_genpage_generation(question->word);

    return generation != 0 && pil_cache_find(&question->key, generation, now_ns, v);
}

/* A caller that does not look at the verdict cannot keep what it obliges to. */
static void refuse_unkept(struct pil_verdict *v)
{
    if (v->effect == PIL_ALLOW && v->encrypt >= PIL_ENCRYPT_PERMISSIVE) {
        v->effect = PIL_DENY;
        v->reason = PIL_REASON_UNENCRYPTED;
        v->tier = PIL_TIER_FAIL;
    }
}

/* What was asked as it goes into the log: with the source that the key may have left out. */
static void report(const struct question *question, const struct pil_query *asked,
                   const struct pil_verdict *v, int error, uint64_t begun_ns)
{
    struct pil_query q = question->query;

    if (v->tier != PIL_TIER_PROCESS && v->tier != PIL_TIER_FAIL)
        return;
    q.source = asked->source;
    pil_event_decision(&q, v, error, begun_ns ? pil_real_now_ns() - begun_ns : 0);
}

/* policyd saw the question when it was asked, and never one that was asked ahead; and a connect
 * that is to be secured it decides once more, with the peer. */
static void tell_shadow(const struct question *question, const struct pil_verdict *v)
{
    const bool again = question->query.action == PIL_ACTION_CONNECT && v->effect == PIL_ALLOW &&
                       v->encrypt >= PIL_ENCRYPT_PERMISSIVE;

    if (v->tier == PIL_TIER_PROCESS && !again)
        pil_event_shadow(&question->query, v, pil_key_tag(&question->key, v->generation));
}

static int conclude(const struct question *question, const struct pil_query *asked,
                    const struct pil_verdict *v, uint64_t begun_ns)
{
    int error = pil_verdict_errno(v, asked->action);

    pil_event_count(v);
    if (PIL_UNLIKELY(v->shadow != PIL_SHADOW_NONE))
        tell_shadow(question, v);
    if (PIL_UNLIKELY(error))
        report(question, asked, v, error, begun_ns);
    return error;
}

/* Where a filter keeps us from following links, a path is only how something is spelled. */
static bool path_untold(const struct pil_query *q)
{
    return PIL_UNLIKELY(atomic_load_explicit(&pil_confine_lost, memory_order_relaxed) &
                        PIL_LOSS_OF_PATHS) &&
           q->kind == PIL_KIND_UNIX && q->name.len > 0 && q->name.at[0] != '@';
}

int pil_decide(struct pil_query *asked, const void *caller, struct pil_verdict *out)
{
    struct question question;
    struct pil_verdict own, *v = out ? out : &own;
    uint64_t now_ns, end_ns = 0, begun_ns = 0; /* 0: not worth a clock */

    pil_state_ready();
    now_ns = pil_real_coarse_ns();
    if (PIL_UNLIKELY(now_ns >= atomic_load_explicit(&pil_process.check_ns, memory_order_relaxed)))
        look_after_link(now_ns, &end_ns);
    complete(&question, asked, caller, page_word());
    if (path_untold(asked))
        refuse(PIL_E_UNREACHABLE, v);
    else if (PIL_UNLIKELY(!cached(&question, now_ns, v))) {
        begun_ns = pil_real_now_ns();
        ask(&question, asked, caller, now_ns, end_ns ? end_ns : pil_link_deadline(), v);
    }
    if (PIL_UNLIKELY(!out))
        refuse_unkept(v);
    return conclude(&question, asked, v, begun_ns);
}

void pil_decide_complete(struct pil_query *q, const void *caller, struct pil_name *room)
{
    struct question question;

    complete(&question, q, caller, page_word());
    *q = question.query;
    *room = question.name;
    if (q->kind == PIL_KIND_INET && q->name.len)
        q->name.at = room->text;
}

void pil_decide_ahead(const struct pil_ip *ip, const uint16_t *port, unsigned count,
                      const struct pil_name *name)
{
    struct pil_query queries[PIL_AHEAD_MAX];
    struct pil_verdict verdicts[PIL_AHEAD_MAX];
    uint64_t word = page_word(), now_ns = pil_real_coarse_ns();
    unsigned fields = pil_genpage_fields(word);

    /* A caller condition would need the call site of a connect that has not happened yet. */
    if (!word || (fields & PIL_FIELD_CALLER) || count > PIL_AHEAD_MAX)
        return;
    for (unsigned i = 0; i < count; i++)
        queries[i] = (struct pil_query){
            .action = PIL_ACTION_CONNECT,
            .kind = PIL_KIND_INET,
            .flags = PIL_QUERY_AHEAD | (fields & PIL_FIELD_PEER ? PIL_QUERY_PEER_LATER : 0),
            .seen = (uint8_t)(fields & PIL_FIELD_NAME),
            .port = port[i],
            .ip = ip[i],
            .name = {name->text, fields & PIL_FIELD_NAME ? name->len : 0},
        };
    if (pil_link_ask(queries, count, verdicts, pil_link_deadline()))
        return;
    for (unsigned i = 0; i < count; i++) {
        struct pil_digest digest = {{0, 0}};
        struct pil_key key;

        if (verdicts[i].generation != pil_genpage_generation(word))
            continue;
        if (fields & PIL_FIELD_NAME)
            digest = name->digest;
        pil_key_make(&key, &queries[i], subject(), digest, (struct pil_digest){{0, 0}});
        pil_cache_keep(&key, &verdicts[i], now_ns);
    }
}
