/* shim/event: counters by tier and effect, and events with nothing left out, or nothing at all. */
#include "tests/support/support.h"

#include <errno.h>

#include "shim/event.h"
#include "tests/support/shimworld.h"

static struct pil_ring ring_memory;
static uint32_t tail;

static int set_up(void **state)
{
    (void)state;
    world_fresh("/nowhere");
    memset(&ring_memory, 0, sizeof(ring_memory));
    pil_ring_init(&ring_memory);
    atomic_store(&pil_process.ring, &ring_memory);
    tail = 0;
    return 0;
}

static struct pil_event taken(void)
{
    struct pil_event event;

    assert_true(pil_ring_get(&ring_memory, &tail, &event));
    return event;
}

static void each_outcome_has_its_counter(void **state)
{
    (void)state;
    for (unsigned tier = PIL_TIER_PROCESS; tier < PIL_TIER_COUNT; tier++)
        for (unsigned effect = PIL_DENY; effect <= PIL_THROTTLE; effect++)
            for (unsigned i = 0; i < tier * 3 + effect; i++)
                pil_event_count(
                    &(struct pil_verdict){.tier = (uint8_t)tier, .effect = (uint8_t)effect});
    for (unsigned tier = PIL_TIER_PROCESS; tier < PIL_TIER_COUNT; tier++)
        for (unsigned effect = PIL_DENY; effect <= PIL_THROTTLE; effect++)
            assert_int_equal(world_decisions(tier, effect), tier * 3 + effect);
}

static void the_fail_rule_counts_its_reasons(void **state)
{
    struct pil_verdict v = {.tier = PIL_TIER_FAIL};

    (void)state;
    for (unsigned reason = PIL_REASON_UNREACHABLE; reason <= PIL_REASON_MALFORMED; reason++)
        for (unsigned i = 0; i < reason; i++) {
            v.reason = (uint8_t)reason;
            pil_event_count(&v);
        }
    v.tier = PIL_TIER_ENGINE; /* others have reasons too, and they are not failures */
    v.reason = PIL_REASON_RULE_DENY;
    pil_event_count(&v);
    for (unsigned reason = 0; reason < PIL_REASON_COUNT; reason++)
        assert_int_equal(world_failed(reason),
                         reason >= PIL_REASON_UNREACHABLE && reason <= PIL_REASON_MALFORMED ? reason
                                                                                            : 0);
}

static const struct pil_verdict denial = {
    .effect = PIL_DENY,
    .reason = PIL_REASON_RULE_DENY,
    .shadow = PIL_SHADOW_WOULD_ALLOW,
    .tier = PIL_TIER_PROCESS,
    .rule = 1,
    .policy = 2,
    .shadow_rule = 3,
    .shadow_policy = 4,
    .generation = 5,
};

static void a_decision_is_told_in_full(void **state)
{
    struct pil_query q = {.action = PIL_ACTION_CONNECT,
                          .kind = PIL_KIND_INET,
                          .seen = PIL_FIELD_NAME,
                          .port = 5432,
                          .ip = world_ip(10, 0, 0, 1),
                          .source = world_ip(10, 0, 0, 2),
                          .name = pil_slice_of("db.example")};
    struct timespec before, after;
    struct pil_event event;

    (void)state;
    clock_gettime(CLOCK_REALTIME, &before);
    pil_real_sys.clock_gettime = pil_sysops_kernel.clock_gettime;
    pil_event_decision(&q, &denial, ECONNREFUSED, 123456);
    clock_gettime(CLOCK_REALTIME, &after);
    event = taken();
    assert_in_range(event.realtime_ns, (uint64_t)before.tv_sec * 1000000000u,
                    (uint64_t)(after.tv_sec + 1) * 1000000000u);
    assert_int_equal(event.type, PIL_EVENT_DECISION);
    assert_int_equal(event.action, PIL_ACTION_CONNECT);
    assert_int_equal(event.kind, PIL_KIND_INET);
    assert_int_equal(event.seen, PIL_FIELD_NAME);
    assert_int_equal(event.effect, PIL_DENY);
    assert_int_equal(event.reason, PIL_REASON_RULE_DENY);
    assert_int_equal(event.shadow, PIL_SHADOW_WOULD_ALLOW);
    assert_int_equal(event.tier, PIL_TIER_PROCESS);
    assert_int_equal(event.rule, 1);
    assert_int_equal(event.policy, 2);
    assert_int_equal(event.shadow_rule, 3);
    assert_int_equal(event.shadow_policy, 4);
    assert_int_equal(event.generation, 5);
    assert_int_equal(event.tid, pil_sysops_kernel.gettid());
    assert_int_equal(event.elapsed_ns, 123456);
    assert_int_equal(event.error, ECONNREFUSED);
    assert_int_equal(event.port, 5432);
    assert_memory_equal(&event.ip, &q.ip, sizeof(q.ip));
    assert_memory_equal(&event.source, &q.source, sizeof(q.source));
    assert_slice(((struct pil_slice){event.text, event.text_len}), "db.example");
}

static void long_times_and_texts_are_cut(void **state)
{
    char name[PIL_EVENT_TEXT + 20];
    struct pil_query q = {
        .action = PIL_ACTION_RESOLVE, .kind = PIL_KIND_NAME, .name = {name, sizeof(name)}};
    struct pil_event event;

    (void)state;
    for (unsigned i = 0; i < sizeof(name); i++)
        name[i] = (char)('a' + i % 26);
    pil_event_decision(&q, &denial, EACCES, UINT64_C(1) << 40);
    event = taken();
    assert_int_equal(event.elapsed_ns, UINT32_MAX);
    assert_int_equal(event.text_len, PIL_EVENT_TEXT);
    assert_memory_equal(event.text, name, PIL_EVENT_TEXT);
}

static void an_exec_is_told_with_its_path(void **state)
{
    struct pil_event event;

    (void)state;
    pil_event_exec(PIL_EVENT_EXEC_REFUSED, "/bin/static", 4);
    event = taken();
    assert_int_equal(event.type, PIL_EVENT_EXEC_REFUSED);
    assert_int_equal(event.kind, 4);
    assert_int_equal(event.rule, PIL_NO_INDEX);
    assert_int_equal(event.policy, PIL_NO_INDEX);
    assert_int_equal(event.shadow_rule, PIL_NO_INDEX);
    assert_int_equal(event.shadow_policy, PIL_NO_INDEX);
    assert_int_equal(event.tid, pil_sysops_kernel.gettid());
    assert_slice(((struct pil_slice){event.text, event.text_len}), "/bin/static");
    pil_event_exec(PIL_EVENT_COVERAGE_LOST, "", 1);
    event = taken();
    assert_int_equal(event.type, PIL_EVENT_COVERAGE_LOST);
    assert_int_equal(event.text_len, 0);
}

static void without_a_ring_nothing_happens(void **state)
{
    struct pil_query q = {.action = PIL_ACTION_CONNECT, .kind = PIL_KIND_INET};

    (void)state;
    atomic_store(&pil_process.ring, NULL);
    pil_event_count(&denial);
    pil_event_decision(&q, &denial, EACCES, 0);
    pil_event_exec(PIL_EVENT_COVERAGE_LOST, "/bin/x", 1);
    assert_int_equal(atomic_load(&ring_memory.head), 0);
    assert_int_equal(atomic_load(&ring_memory.counters.decisions[PIL_TIER_PROCESS][PIL_DENY]), 0);
}

static void errno_is_left_alone(void **state)
{
    struct pil_query q = {.action = PIL_ACTION_CONNECT, .kind = PIL_KIND_INET};

    (void)state;
    errno = 4711;
    pil_event_count(&denial);
    for (unsigned i = 0; i < PIL_RING_SLOTS + 1; i++)
        pil_event_decision(&q, &denial, EACCES, 0);
    pil_event_exec(PIL_EVENT_COVERAGE_LOST, "/bin/x", 1);
    assert_int_equal(errno, 4711);
    assert_int_equal(atomic_load(&ring_memory.counters.dropped), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_outcome_has_its_counter, set_up),
        cmocka_unit_test_setup(the_fail_rule_counts_its_reasons, set_up),
        cmocka_unit_test_setup(a_decision_is_told_in_full, set_up),
        cmocka_unit_test_setup(long_times_and_texts_are_cut, set_up),
        cmocka_unit_test_setup(an_exec_is_told_with_its_path, set_up),
        cmocka_unit_test_setup(without_a_ring_nothing_happens, set_up),
        cmocka_unit_test_setup(errno_is_left_alone, set_up),
    };

    return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
