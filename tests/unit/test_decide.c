/*
 * shim/decide: cache, policyd, fail rule. What a verdict says reaches the program as its errno,
 * and the ring as counters and events; nothing is served that is not covered.
 */
#include "tests/support/support.h"

#include <errno.h>

#include "shim/decide.h"
#include "shim/link.h"
#include "tests/support/shimworld.h"

static const unsigned inet_actions[] = {PIL_ACTION_CONNECT, PIL_ACTION_SEND, PIL_ACTION_LISTEN,
                                        PIL_ACTION_ACCEPT};

static struct pil_query inet(unsigned action, uint16_t port)
{
    return (struct pil_query){.action = (uint8_t)action,
                              .kind = PIL_KIND_INET,
                              .port = port,
                              .ip = world_ip(10, 0, 0, 1)};
}

static struct pil_query resolve(const char *name)
{
    return (struct pil_query){
        .action = PIL_ACTION_RESOLVE, .kind = PIL_KIND_NAME, .name = pil_slice_of(name)};
}

static int connect_to(uint16_t port, struct pil_verdict *v)
{
    struct pil_query q = inet(PIL_ACTION_CONNECT, port);

    return pil_decide(&q, NULL, v);
}

static void publish(struct fake_policyd *f, uint64_t generation, unsigned fields)
{
    pil_genpage_publish(fake_page(f), generation, fields);
}

/* Takes the next event off the ring. */
static struct pil_event next_event(uint32_t *tail)
{
    struct pil_event event;

    assert_true(pil_ring_get(atomic_load(&pil_process.ring), tail, &event));
    return event;
}

static void assert_no_event(uint32_t tail)
{
    struct pil_event event;

    assert_false(pil_ring_get(atomic_load(&pil_process.ring), &tail, &event));
}

/* ---- tiers ----------------------------------------------------------------------------------- */

static void asked_once_and_then_cached(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_verdict v;

    errno = 4711;
    assert_int_equal(connect_to(80, &v), 0);
    assert_int_equal(v.tier, PIL_TIER_ENGINE);
    assert_int_equal(v.generation, 1000);
    for (int i = 0; i < 3; i++) {
        memset(&v, 0, sizeof(v));
        assert_int_equal(connect_to(80, &v), 0);
        assert_int_equal(v.effect, PIL_ALLOW);
        assert_int_equal(v.reason, PIL_REASON_RULE_ALLOW);
        assert_int_equal(v.tier, PIL_TIER_PROCESS);
        assert_int_equal(v.rule, 7);
        assert_int_equal(v.policy, 3);
        assert_int_equal(v.generation, 1000);
    }
    assert_int_equal(errno, 4711);
    assert_int_equal(fake_seen(f).frames, 1);
    assert_int_equal(world_decisions(PIL_TIER_ENGINE, PIL_ALLOW), 1);
    assert_int_equal(world_decisions(PIL_TIER_PROCESS, PIL_ALLOW), 3);
    assert_no_event(0); /* an allow is counted, and no more */
}

static void each_question_has_its_own_entry(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_query q;

    for (unsigned i = 0; i < PIL_NELEM(inet_actions); i++) {
        q = inet(inet_actions[i], 80);
        assert_int_equal(pil_decide(&q, NULL, NULL), 0);
    }
    q = inet(PIL_ACTION_CONNECT, 81);
    assert_int_equal(pil_decide(&q, NULL, NULL), 0);
    q.ip = world_ip(10, 0, 0, 2);
    assert_int_equal(pil_decide(&q, NULL, NULL), 0);
    q = resolve("a.example");
    assert_int_equal(pil_decide(&q, NULL, NULL), 0);
    q = resolve("b.example");
    assert_int_equal(pil_decide(&q, NULL, NULL), 0);
    assert_int_equal(fake_seen(f).frames, 8);
    assert_int_equal(pil_decide(&q, NULL, NULL), 0);
    assert_int_equal(fake_seen(f).frames, 8);
}

static void a_verdict_without_ttl_is_asked_again(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_verdict v = {.effect = PIL_ALLOW, .tier = PIL_TIER_HOST};

    fake_verdict(f, &v);
    assert_int_equal(connect_to(80, &v), 0);
    assert_int_equal(connect_to(80, &v), 0);
    assert_int_equal(v.tier, PIL_TIER_HOST);
    assert_int_equal(fake_seen(f).frames, 2);
    assert_int_equal(world_decisions(PIL_TIER_HOST, PIL_ALLOW), 2);
}

/* ---- what the program gets ------------------------------------------------------------------- */

static void a_denial_is_the_errno_of_the_policy(void **state)
{
    static const struct {
        unsigned effect, error;
        int got, got_accept;
    } rows[] = {
        {PIL_DENY, 0, EACCES, ECONNABORTED},
        {PIL_DENY, EACCES, EACCES, ECONNABORTED},
        {PIL_DENY, ECONNREFUSED, ECONNREFUSED, ECONNABORTED},
        {PIL_DENY, ETIMEDOUT, ETIMEDOUT, ECONNABORTED},
        {PIL_DENY, ENOENT, EACCES, ECONNABORTED}, /* not a documented one */
        {PIL_THROTTLE, 0, EACCES, ECONNABORTED},
    };
    struct fake_policyd *f = *state;

    for (unsigned i = 0; i < PIL_NELEM(rows); i++) {
        struct pil_verdict v = {.effect = (uint8_t)rows[i].effect,
                                .reason = PIL_REASON_RULE_DENY,
                                .tier = PIL_TIER_ENGINE,
                                .error = (uint16_t)rows[i].error,
                                .ttl_ms = 100000};

        fake_verdict(f, &v);
        publish(f, 2000 + i, 0);
        for (unsigned k = 0; k < PIL_NELEM(inet_actions); k++) {
            struct pil_query q = inet(inet_actions[k], 80);
            int want = q.action == PIL_ACTION_ACCEPT ? rows[i].got_accept : rows[i].got;

            assert_int_equal(pil_decide(&q, NULL, &v), want); /* asked */
            assert_int_equal(v.tier, PIL_TIER_ENGINE);
            assert_int_equal(pil_decide(&q, NULL, &v), want); /* cached */
            assert_int_equal(v.tier, PIL_TIER_PROCESS);
        }
    }
}

static void only_cached_denials_are_told_by_event(void **state)
{
    struct pil_verdict v = {.effect = PIL_DENY,
                            .reason = PIL_REASON_RULE_DENY,
                            .tier = PIL_TIER_ENGINE,
                            .error = ECONNREFUSED,
                            .rule = 11,
                            .policy = 4,
                            .shadow = PIL_SHADOW_WOULD_ALLOW,
                            .shadow_rule = 12,
                            .shadow_policy = 5,
                            .ttl_ms = 100000};
    struct fake_policyd *f = *state;
    struct pil_ip ip = world_ip(10, 0, 0, 1);
    struct pil_event event;
    uint32_t tail = 0;

    fake_verdict(f, &v);
    assert_int_equal(connect_to(443, NULL), ECONNREFUSED);
    assert_no_event(tail); /* policyd knows what it said */
    assert_int_equal(connect_to(443, NULL), ECONNREFUSED);
    event = next_event(&tail);
    assert_int_equal(event.type, PIL_EVENT_DECISION);
    assert_int_equal(event.action, PIL_ACTION_CONNECT);
    assert_int_equal(event.kind, PIL_KIND_INET);
    assert_int_equal(event.seen, 0);
    assert_int_equal(event.effect, PIL_DENY);
    assert_int_equal(event.reason, PIL_REASON_RULE_DENY);
    assert_int_equal(event.shadow, PIL_SHADOW_WOULD_ALLOW);
    assert_int_equal(event.tier, PIL_TIER_PROCESS);
    assert_int_equal(event.error, ECONNREFUSED);
    assert_int_equal(event.generation, 1000);
    assert_int_equal(event.rule, 11);
    assert_int_equal(event.policy, 4);
    assert_int_equal(event.shadow_rule, 12);
    assert_int_equal(event.shadow_policy, 5);
    assert_int_equal(event.port, 443);
    assert_int_equal(event.tid, pil_sysops_kernel.gettid());
    assert_memory_equal(&event.ip, &ip, sizeof(ip));
    assert_int_equal(event.text_len, 0);
    assert_no_event(tail);
    assert_int_equal(world_decisions(PIL_TIER_ENGINE, PIL_DENY), 1);
    assert_int_equal(world_decisions(PIL_TIER_PROCESS, PIL_DENY), 1);
}

/* ---- the fail rule --------------------------------------------------------------------------- */

/* Brings the world into the state that has that cause for ever. */
static void cause_unreachable(struct fake_policyd *f)
{
    fake_die(f);
    world_deadline(WORLD_SHORT_MS);
}

static void cause_timed_out(struct fake_policyd *f)
{
    world_deadline(WORLD_SHORT_MS);
    fake_always(f, FAKE_HOLD);
}

static void cause_refused(struct fake_policyd *f)
{
    fake_greets(f, FAKE_WELCOME_REFUSED);
    fake_always(f, FAKE_CLOSE);
}

static void cause_malformed(struct fake_policyd *f)
{
    fake_always(f, FAKE_GARBAGE);
}

static const struct {
    void (*bring)(struct fake_policyd *f);
    unsigned reason;
} causes[] = {
    {cause_unreachable, PIL_REASON_UNREACHABLE},
    {cause_timed_out, PIL_REASON_TIMED_OUT},
    {cause_refused, PIL_REASON_REFUSED},
    {cause_malformed, PIL_REASON_MALFORMED},
};

static void assert_fails(struct pil_query q, unsigned reason)
{
    int want = q.action == PIL_ACTION_ACCEPT ? ECONNABORTED : EACCES;
    struct pil_verdict v;

    memset(&v, 0xff, sizeof(v));
    assert_int_equal(pil_decide(&q, NULL, &v), want);
    assert_int_equal(v.effect, PIL_DENY);
    assert_int_equal(v.reason, reason);
    assert_int_equal(v.tier, PIL_TIER_FAIL);
    assert_int_equal(v.rule, PIL_NO_INDEX);
    assert_int_equal(v.policy, PIL_NO_INDEX);
    assert_int_equal(v.generation, 0);
    assert_int_equal(v.error, 0);
}

static void each_cause_denies_every_action(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PIL_NELEM(causes); i++) {
        struct fake_policyd *f = world_begin();
        uint32_t tail = 0;

        assert_int_equal(connect_to(1, NULL), 0);
        causes[i].bring(f);
        for (unsigned k = 0; k < PIL_NELEM(inet_actions); k++)
            assert_fails(inet(inet_actions[k], 80), causes[i].reason);
        assert_fails(resolve("a.example"), causes[i].reason);
        assert_int_equal(world_failed(causes[i].reason), 5);
        assert_int_equal(world_decisions(PIL_TIER_FAIL, PIL_DENY), 5);
        for (unsigned k = 0; k < PIL_NELEM(inet_actions); k++) {
            struct pil_event event = next_event(&tail);

            assert_int_equal(event.action, inet_actions[k]);
            assert_int_equal(event.tier, PIL_TIER_FAIL);
            assert_int_equal(event.reason, causes[i].reason);
            assert_int_equal(event.error,
                             event.action == PIL_ACTION_ACCEPT ? ECONNABORTED : EACCES);
            assert_int_equal(event.rule, PIL_NO_INDEX);
        }
        assert_int_equal(next_event(&tail).action, PIL_ACTION_RESOLVE);
        assert_no_event(tail);
        world_end(f);
    }
}

/* Before there ever was a welcome: nothing to count in, and closed all the same. */
static void before_any_welcome_everything_is_refused(void **state)
{
    static const struct {
        enum fake_welcome greets;
        unsigned reason;
    } rows[] = {
        {FAKE_WELCOME_HOLD, PIL_REASON_TIMED_OUT},
        {FAKE_WELCOME_CLOSE, PIL_REASON_UNREACHABLE},
        {FAKE_WELCOME_REFUSED, PIL_REASON_REFUSED},
        {FAKE_WELCOME_NO_FDS, PIL_REASON_MALFORMED},
        {FAKE_WELCOME_PAGE_VERSION, PIL_REASON_MALFORMED},
    };
    struct fake_policyd *f = *state;

    for (unsigned i = 0; i < PIL_NELEM(rows); i++) {
        world_fresh(fake_path(f));
        if (rows[i].greets == FAKE_WELCOME_HOLD)
            world_deadline(WORLD_SHORT_MS);
        fake_greets(f, rows[i].greets);
        for (unsigned k = 0; k < PIL_NELEM(inet_actions); k++)
            assert_fails(inet(inet_actions[k], 80), rows[i].reason);
        assert_fails(resolve("a.example"), rows[i].reason);
        assert_null(atomic_load(&pil_process.ring));
    }
    assert_int_equal(fake_seen(f).frames, 0);
}

/* The guard against a hole: whatever breaks, and however, nothing is let through. */
static void no_broken_answer_ever_allows(void **state)
{
    struct fake_policyd *f = *state;

    for (enum fake_answer a = FAKE_HOLD; a < FAKE_ANSWERS; a++) {
        world_deadline(a == FAKE_HOLD ? WORLD_SHORT_MS : WORLD_LONG_MS);
        fake_always(f, a);
        assert_int_equal(connect_to((uint16_t)(100 + a), NULL), EACCES);
        world_later(1001);
    }
    fake_always(f, FAKE_VERDICT);
    for (enum fake_answer a = FAKE_HOLD; a < FAKE_ANSWERS; a++)
        assert_int_equal(connect_to((uint16_t)(100 + a), NULL), 0);
}

static void a_cached_verdict_serves_its_ttl_without_policyd(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_verdict v;

    assert_int_equal(connect_to(80, NULL), 0);
    fake_die(f);
    world_deadline(WORLD_SHORT_MS);
    for (int i = 0; i < 7; i++) { /* each second it looks for a policyd in vain */
        assert_int_equal(connect_to(80, &v), 0);
        assert_int_equal(v.tier, PIL_TIER_PROCESS);
        assert_fails(inet(PIL_ACTION_CONNECT, 81), PIL_REASON_UNREACHABLE);
        world_later(1001);
    }
    world_later(3000); /* 10 s after it was given, it is over */
    assert_fails(inet(PIL_ACTION_CONNECT, 80), PIL_REASON_UNREACHABLE);
    world_deadline(WORLD_LONG_MS);
    fake_live(f);
    world_later(1001);
    assert_int_equal(connect_to(80, &v), 0);
    assert_int_equal(v.tier, PIL_TIER_ENGINE);
    assert_int_equal(v.generation, 2000);
}

static void a_cached_denial_outlives_policyd_no_longer(void **state)
{
    struct pil_verdict v = {.effect = PIL_DENY, .reason = PIL_REASON_RULE_DENY, .ttl_ms = 5000};
    struct fake_policyd *f = *state;

    fake_verdict(f, &v);
    assert_int_equal(connect_to(80, NULL), EACCES);
    fake_die(f);
    world_deadline(WORLD_SHORT_MS);
    assert_int_equal(connect_to(80, &v), EACCES);
    assert_int_equal(v.reason, PIL_REASON_RULE_DENY);
    world_later(5001);
    assert_fails(inet(PIL_ACTION_CONNECT, 80), PIL_REASON_UNREACHABLE);
}

/* ---- generations ----------------------------------------------------------------------------- */

static void a_new_generation_is_seen_at_the_next_call(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_verdict v;

    assert_int_equal(connect_to(80, NULL), 0);
    publish(f, 1001, 0);
    assert_int_equal(connect_to(80, &v), 0);
    assert_int_equal(v.tier, PIL_TIER_ENGINE);
    assert_int_equal(v.generation, 1001);
    publish(f, 1000, 0); /* generations never come back, but the old entry is not what serves */
    assert_int_equal(connect_to(80, &v), 0);
    assert_int_equal(v.generation, 1000);
    assert_int_equal(fake_seen(f).frames, 3);
}

static void a_new_generation_ends_what_is_cached_also_without_policyd(void **state)
{
    struct fake_policyd *f = *state;

    assert_int_equal(connect_to(80, NULL), 0);
    publish(f, 1001, 0);
    fake_die(f);
    world_deadline(WORLD_SHORT_MS);
    assert_fails(inet(PIL_ACTION_CONNECT, 80), PIL_REASON_UNREACHABLE);
}

static void an_answer_of_another_generation_is_asked_again(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_verdict v;

    fake_once(f, FAKE_GENERATION);
    assert_int_equal(connect_to(80, &v), 0);
    assert_int_equal(v.generation, 1000);
    assert_int_equal(fake_seen(f).frames, 2);
    assert_int_equal(connect_to(80, &v), 0); /* the right one was kept */
    assert_int_equal(v.tier, PIL_TIER_PROCESS);
}

static void three_other_generations_are_no_allow(void **state)
{
    struct fake_policyd *f = *state;

    fake_always(f, FAKE_GENERATION);
    assert_fails(inet(PIL_ACTION_CONNECT, 80), PIL_REASON_TIMED_OUT);
    assert_int_equal(fake_seen(f).frames, 3);
    fake_always(f, FAKE_VERDICT);
    assert_int_equal(connect_to(80, NULL), 0); /* and nothing was kept */
    assert_int_equal(fake_seen(f).frames, 4);
}

static void a_denial_of_another_generation_is_a_denial(void **state)
{
    struct pil_verdict v = {.effect = PIL_DENY,
                            .reason = PIL_REASON_DEFAULT_DENY,
                            .tier = PIL_TIER_ENGINE,
                            .ttl_ms = 100000};
    struct fake_policyd *f = *state;

    fake_verdict(f, &v);
    fake_always(f, FAKE_GENERATION);
    assert_int_equal(connect_to(80, &v), EACCES);
    assert_int_equal(v.reason, PIL_REASON_DEFAULT_DENY);
    assert_int_equal(connect_to(80, &v), EACCES);
    assert_int_equal(fake_seen(f).frames, 6);
}

/* Generation 0 is no policy: a daemon that allows under it is not believed. */
static void generation_0_never_allows(void **state)
{
    struct pil_verdict v = {.effect = PIL_DENY,
                            .reason = PIL_REASON_NO_POLICY,
                            .tier = PIL_TIER_ENGINE,
                            .ttl_ms = 100000};
    struct fake_policyd *f = *state;

    publish(f, 0, 0);
    assert_int_equal(connect_to(80, &(struct pil_verdict){0}), EACCES);
    fake_verdict(f, &v);
    assert_int_equal(connect_to(80, &v), EACCES);
    assert_int_equal(v.reason, PIL_REASON_NO_POLICY);
    assert_int_equal(connect_to(80, &v), EACCES);
    assert_int_equal(v.tier, PIL_TIER_ENGINE); /* and is not cached */
}

/* ---- restarts -------------------------------------------------------------------------------- */

static void a_busy_process_finds_a_restarted_policyd_in_a_second(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_verdict v;

    assert_int_equal(connect_to(80, NULL), 0);
    fake_die(f);
    fake_live(f);
    assert_int_equal(connect_to(80, &v), 0);
    assert_int_equal(v.generation, 1000); /* cached, and nobody has looked yet */
    world_later(1001);
    assert_int_equal(connect_to(80, &v), 0);
    assert_int_equal(v.generation, 2000);
    assert_int_equal(fake_seen(f).hellos, 2);
}

static void a_retired_page_is_left_in_a_second(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_verdict v;

    assert_int_equal(connect_to(80, NULL), 0);
    pil_genpage_retire(fake_page(f));
    fake_die(f);
    fake_live(f);
    world_later(1001);
    assert_int_equal(connect_to(80, &v), 0);
    assert_int_equal(v.generation, 2000);
}

static uint32_t other_user;

static int fake_getresuid(uint32_t *real, uint32_t *effective, uint32_t *saved)
{
    *real = *effective = *saved = other_user;
    return 0;
}

/* A server that gives up its rights while it runs: what root was allowed is not served to it. */
static void another_user_is_another_subject(void **state)
{
    struct pil_verdict deny = {.reason = PIL_REASON_RULE_DENY, .tier = PIL_TIER_ENGINE}, v;
    struct fake_policyd *f = *state;

    pil_real_sys.getresuid = fake_getresuid;
    other_user = 0;
    assert_int_equal(connect_to(80, NULL), 0);
    other_user = 4711;
    fake_verdict(f, &deny);
    world_later(1001);
    assert_int_equal(connect_to(80, &v), EACCES);
    assert_int_equal(v.tier, deny.tier);
    assert_int_equal(fake_seen(f).connections, 2);
    world_later(1001);
    assert_int_equal(connect_to(80, &v), EACCES);
    assert_int_equal(fake_seen(f).connections, 2);
}

/* ---- conditions ------------------------------------------------------------------------------ */

static struct pil_name host(const char *text)
{
    struct pil_name name;

    assert_true(pil_name_make(text, &name));
    return name;
}

static void nothing_is_carried_that_nobody_looks_at(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_ip ip = world_ip(10, 0, 0, 1), none = {{0}};
    struct pil_query q = inet(PIL_ACTION_ACCEPT, 80);
    struct pil_name name = host("a.example");

    pil_names_note(&ip, &name);
    q.source = world_ip(192, 0, 2, 1);
    assert_int_equal(pil_decide(&q, (void *)connect_to, NULL), 0);
    assert_int_equal(fake_seen(f).last[0].seen, 0);
    assert_int_equal(fake_seen(f).last[0].name.len, 0);
    assert_int_equal(fake_seen(f).last[0].caller.len, 0);
    assert_memory_equal(&fake_seen(f).last[0].source, &none, sizeof(none));
    q.source = world_ip(192, 0, 2, 2); /* the same entry for everybody */
    assert_int_equal(pil_decide(&q, NULL, NULL), 0);
    assert_int_equal(fake_seen(f).frames, 1);
}

static void the_name_is_carried_when_rules_look_at_it(void **state)
{
    struct pil_ip ip = world_ip(10, 9, 0, 1);
    struct fake_policyd *f = *state;
    struct pil_query q = inet(PIL_ACTION_CONNECT, 80);
    struct pil_name name = host("named.example");
    struct fake_seen seen;

    publish(f, 1001, PIL_FIELD_NAME);
    q.ip = ip;
    assert_int_equal(pil_decide(&q, NULL, NULL), 0); /* nothing was resolved: seen, and empty */
    seen = fake_seen(f);
    assert_int_equal(seen.last[0].seen, PIL_FIELD_NAME);
    assert_int_equal(seen.last[0].name.len, 0);
    pil_names_note(&ip, &name);
    assert_int_equal(pil_decide(&q, NULL, NULL), 0);
    assert_int_equal(fake_seen(f).frames, 2);
    assert_string_equal(fake_seen(f).text[0][0], "named.example");
    assert_int_equal(pil_decide(&q, NULL, NULL), 0);
    assert_int_equal(fake_seen(f).frames, 2);
}

/* A name that was known and is no more cannot be seen, so that rules by name deny. */
static void a_name_that_was_lost_is_not_seen(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_name name = host("lost.example");
    struct pil_ip ip = world_ip(10, 0, 0, 1);

    pil_genpage_publish(fake_page(f), 1001, PIL_FIELD_NAME);
    for (unsigned i = 0; i < 4000 && (i == 0 || pil_names_find(&ip, &name)); i++) {
        struct pil_ip other = world_ip(10, 77, i / 256, i % 256);

        pil_names_note(i ? &other : &ip, &name);
    }
    assert_int_equal(connect_to(80, NULL), 0);
    assert_int_equal(fake_seen(f).last[0].seen & PIL_FIELD_NAME, 0);
}

/* A connect, and nothing else, is asked with its peer to come, and only when rules look at peers.
 */
static void a_peer_is_asked_for_later(void **state)
{
    static const uint8_t actions[] = {PIL_ACTION_CONNECT, PIL_ACTION_ACCEPT, PIL_ACTION_LISTEN,
                                      PIL_ACTION_SEND};
    struct fake_policyd *f = *state;

    for (unsigned i = 0; i < PIL_NELEM(actions); i++) {
        struct pil_query q = inet(actions[i], (uint16_t)(100 + i));

        publish(f, 1001, PIL_FIELD_PEER);
        assert_int_equal(pil_decide(&q, NULL, NULL), 0);
        assert_int_equal(fake_seen(f).last[0].flags,
                         actions[i] == PIL_ACTION_CONNECT ? PIL_QUERY_PEER_LATER : 0);
        assert_int_equal(fake_seen(f).last[0].seen & PIL_FIELD_PEER, 0);
        publish(f, 1002, PIL_FIELD_NAME);
        assert_int_equal(pil_decide(&q, NULL, NULL), 0);
        assert_int_equal(fake_seen(f).last[0].flags, 0);
    }
}

/* Who does not look at the verdict would speak in the clear. */
static void what_must_be_encrypted_is_refused_to_who_cannot(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_verdict v = {.effect = PIL_ALLOW,
                            .reason = PIL_REASON_RULE_ALLOW,
                            .tier = PIL_TIER_ENGINE,
                            .ttl_ms = 100000},
                       got;

    for (unsigned mode = PIL_ENCRYPT_UNSET; mode <= PIL_ENCRYPT_REQUIRED; mode++) {
        v.encrypt = (uint8_t)mode;
        fake_verdict(f, &v);
        publish(f, 3000 + mode, 0);
        for (unsigned i = 0; i < 2; i++) { /* asked, then cached */
            assert_int_equal(connect_to(80, NULL), mode > PIL_ENCRYPT_OFF ? EACCES : 0);
            assert_int_equal(connect_to(80, &got), 0);
            assert_int_equal(got.encrypt, mode);
        }
    }
}

static void the_source_is_carried_for_accept_alone(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_query q = inet(PIL_ACTION_ACCEPT, 80);
    struct pil_ip source = world_ip(192, 0, 2, 1);

    publish(f, 1001, PIL_FIELD_SOURCE);
    q.source = source;
    assert_int_equal(pil_decide(&q, NULL, NULL), 0);
    assert_int_equal(fake_seen(f).last[0].seen, PIL_FIELD_SOURCE);
    assert_memory_equal(&fake_seen(f).last[0].source, &source, sizeof(source));
    q.source = world_ip(192, 0, 2, 2);
    assert_int_equal(pil_decide(&q, NULL, NULL), 0);
    assert_int_equal(fake_seen(f).frames, 2); /* an entry for each of them */
    q.action = PIL_ACTION_CONNECT;
    assert_int_equal(pil_decide(&q, NULL, NULL), 0);
    assert_int_equal(fake_seen(f).last[0].seen, 0);
}

static void the_caller_is_carried_when_it_can_be_told(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_query q = inet(PIL_ACTION_CONNECT, 80);
    int on_the_stack = 0;

    publish(f, 1001, PIL_FIELD_CALLER);
    assert_int_equal(pil_decide(&q, (void *)connect_to, NULL), 0);
    assert_int_equal(fake_seen(f).last[0].seen, PIL_FIELD_CALLER);
    assert_string_equal(fake_seen(f).text[0][1], "unit");
    assert_int_equal(pil_decide(&q, &on_the_stack, NULL), 0);
    assert_int_equal(fake_seen(f).last[0].seen, 0);
    assert_int_equal(pil_decide(&q, NULL, NULL), 0); /* unseen in the same way */
    assert_int_equal(fake_seen(f).frames, 2);
}

/* The event says who was refused, also where the key leaves it out. */
static void the_event_has_the_source_that_the_key_left_out(void **state)
{
    struct pil_verdict v = {.effect = PIL_DENY, .tier = PIL_TIER_ENGINE, .ttl_ms = 100000};
    struct pil_ip source = world_ip(192, 0, 2, 9);
    struct pil_query q = inet(PIL_ACTION_ACCEPT, 80);
    struct fake_policyd *f = *state;
    struct pil_event event;
    uint32_t tail = 0;

    fake_verdict(f, &v);
    assert_int_equal(pil_decide(&q, NULL, NULL), ECONNABORTED);
    q.source = source;
    assert_int_equal(pil_decide(&q, NULL, NULL), ECONNABORTED);
    event = next_event(&tail);
    assert_memory_equal(&event.source, &source, sizeof(source));
}

static void a_full_ring_drops_and_counts(void **state)
{
    struct pil_verdict v = {.effect = PIL_DENY, .tier = PIL_TIER_ENGINE, .ttl_ms = 100000};
    struct fake_policyd *f = *state;

    fake_verdict(f, &v);
    for (unsigned i = 0; i < PIL_RING_SLOTS + 4; i++)
        assert_int_equal(connect_to(80, NULL), EACCES);
    assert_int_equal(atomic_load(&fake_ring(f, 0)->counters.dropped), 3);
    assert_int_equal(world_decisions(PIL_TIER_PROCESS, PIL_DENY), PIL_RING_SLOTS + 3);
}

/* ---- asking ahead ---------------------------------------------------------------------------- */

static void ahead_asks_once_for_all(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_name name = host("ahead.example");
    struct pil_ip ip[3] = {world_ip(10, 7, 0, 1), world_ip(10, 7, 0, 2), world_ip(10, 7, 0, 3)};
    uint16_t port[3] = {80, 80, 80};
    struct pil_verdict v;

    publish(f, 1001, PIL_FIELD_NAME);
    assert_err(pil_link_welcome(pil_link_deadline()), PIL_OK);
    for (int i = 0; i < 3; i++)
        pil_names_note(&ip[i], &name);
    pil_decide_ahead(ip, port, 3, &name);
    assert_int_equal(fake_seen(f).frames, 1);
    assert_int_equal(fake_seen(f).last_count, 3);
    for (int i = 0; i < 3; i++) {
        struct pil_query q = inet(PIL_ACTION_CONNECT, 80);

        assert_string_equal(fake_seen(f).text[i][0], "ahead.example");
        q.ip = ip[i];
        assert_int_equal(pil_decide(&q, NULL, &v), 0);
        assert_int_equal(v.tier, PIL_TIER_PROCESS);
    }
    assert_int_equal(fake_seen(f).frames, 1);
}

static void ahead_keeps_nothing_of_another_generation(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_name name = host("ahead.example");
    struct pil_ip ip[2] = {world_ip(10, 0, 0, 1), world_ip(10, 0, 0, 2)};
    uint16_t port[2] = {80, 80};
    struct pil_verdict v;

    assert_err(pil_link_welcome(pil_link_deadline()), PIL_OK);
    fake_once(f, FAKE_GENERATION);
    pil_decide_ahead(ip, port, 2, &name);
    assert_int_equal(connect_to(80, &v), 0);
    assert_int_equal(v.tier, PIL_TIER_ENGINE);
    assert_int_equal(fake_seen(f).frames, 2);
}

static void ahead_does_nothing_without_page_or_with_caller_rules(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_name name = host("ahead.example");
    struct pil_ip ip[PIL_AHEAD_MAX + 1] = {{{0}}};
    uint16_t port[PIL_AHEAD_MAX + 1] = {0};

    pil_decide_ahead(ip, port, 2, &name);
    assert_int_equal(fake_seen(f).connections, 0);
    assert_err(pil_link_welcome(pil_link_deadline()), PIL_OK);
    publish(f, 1001, PIL_FIELD_CALLER);
    pil_decide_ahead(ip, port, 2, &name);
    publish(f, 1002, 0);
    pil_decide_ahead(ip, port, PIL_AHEAD_MAX + 1, &name);
    assert_int_equal(fake_seen(f).frames, 0);
}

/* ---- shadow differences ---------------------------------------------------------------------- */

/* policyd has seen the question itself; what the cache answers afterwards is counted for it. */
static void cached_shadow_differences_are_counted(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_verdict v = {.effect = PIL_ALLOW,
                            .reason = PIL_REASON_DEFAULT_ALLOW,
                            .shadow = PIL_SHADOW_WOULD_DENY,
                            .shadow_reason = PIL_REASON_DEFAULT_DENY,
                            .shadow_rule = PIL_NO_INDEX,
                            .shadow_policy = 5,
                            .rule = PIL_NO_INDEX,
                            .policy = PIL_NO_INDEX,
                            .ttl_ms = 60000};
    struct pil_tally_body body;
    unsigned slots = 0;

    fake_verdict(f, &v);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(connect_to(80, &v), 0);
    assert_int_equal(connect_to(81, &v), 0);
    assert_int_equal(pil_ring_tally_take(fake_ring(f, 0), 0, &body), 4);
    assert_int_equal(body.action, PIL_ACTION_CONNECT);
    assert_int_equal(body.kind, PIL_KIND_INET);
    assert_int_equal(body.port, 80);
    assert_int_equal(body.effect, PIL_ALLOW);
    assert_int_equal(body.shadow, PIL_SHADOW_WOULD_DENY);
    assert_int_equal(body.shadow_reason, PIL_REASON_DEFAULT_DENY);
    assert_int_equal(body.shadow_policy, 5);
    assert_true(body.shadow_rule == PIL_NO_INDEX);
    assert_int_equal(body.generation, 1000);
    for (unsigned i = 1; i < PIL_RING_TALLIES; i++)
        slots += pil_ring_tally_take(fake_ring(f, 0), i, &body);
    assert_int_equal(slots, 0); /* 81 was answered by policyd itself */
    assert_no_event(0);
}

/* What is to be secured is decided once more, by policyd, which counts it then. */
static void a_connect_to_be_secured_is_not_counted_here(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_verdict v = {.effect = PIL_ALLOW,
                            .reason = PIL_REASON_DEFAULT_ALLOW,
                            .shadow = PIL_SHADOW_WOULD_DENY,
                            .shadow_reason = PIL_REASON_DEFAULT_DENY,
                            .encrypt = PIL_ENCRYPT_REQUIRED,
                            .ttl_ms = 60000};
    struct pil_tally_body body;

    fake_verdict(f, &v);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(connect_to(80, &v), 0);
    assert_int_equal(v.tier, PIL_TIER_PROCESS);
    for (unsigned i = 0; i < PIL_RING_TALLIES; i++)
        assert_int_equal(pil_ring_tally_take(fake_ring(f, 0), i, &body), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(asked_once_and_then_cached),
        world_test(each_question_has_its_own_entry),
        world_test(a_verdict_without_ttl_is_asked_again),
        world_test(a_denial_is_the_errno_of_the_policy),
        world_test(only_cached_denials_are_told_by_event),
        cmocka_unit_test(each_cause_denies_every_action),
        world_test(before_any_welcome_everything_is_refused),
        world_test(no_broken_answer_ever_allows),
        world_test(a_cached_verdict_serves_its_ttl_without_policyd),
        world_test(a_cached_denial_outlives_policyd_no_longer),
        world_test(a_new_generation_is_seen_at_the_next_call),
        world_test(a_new_generation_ends_what_is_cached_also_without_policyd),
        world_test(an_answer_of_another_generation_is_asked_again),
        world_test(three_other_generations_are_no_allow),
        world_test(a_denial_of_another_generation_is_a_denial),
        world_test(generation_0_never_allows),
        world_test(a_busy_process_finds_a_restarted_policyd_in_a_second),
        world_test(a_retired_page_is_left_in_a_second),
        world_test(another_user_is_another_subject),
        world_test(nothing_is_carried_that_nobody_looks_at),
        world_test(the_name_is_carried_when_rules_look_at_it),
        world_test(a_name_that_was_lost_is_not_seen),
        world_test(the_source_is_carried_for_accept_alone),
        world_test(a_peer_is_asked_for_later),
        world_test(what_must_be_encrypted_is_refused_to_who_cannot),
        world_test(the_caller_is_carried_when_it_can_be_told),
        world_test(the_event_has_the_source_that_the_key_left_out),
        world_test(a_full_ring_drops_and_counts),
        world_test(ahead_asks_once_for_all),
        world_test(ahead_keeps_nothing_of_another_generation),
        world_test(ahead_does_nothing_without_page_or_with_caller_rules),
        world_test(cached_shadow_differences_are_counted),
        world_test(a_connect_to_be_secured_is_not_counted_here),
    };

    return cmocka_run_group_tests_name("decide", tests, NULL, NULL);
}
