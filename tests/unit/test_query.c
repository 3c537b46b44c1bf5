/* core/query: names are whole in both directions, zero refuses, errnos are the documented ones. */
#include "tests/support/support.h"

#include <errno.h>

#include "core/query.h"

static void actions_parse_to_what_they_print(void **state)
{
    (void)state;
    for (unsigned action = 1; action < PIL_ACTION_COUNT; action++)
        assert_int_equal(pil_action_parse(pil_slice_of(pil_action_name(action))), action);
    assert_string_equal(pil_action_name(PIL_ACTION_CONNECT), "connect");
    assert_string_equal(pil_action_name(PIL_ACTION_RESOLVE), "resolve");
    assert_string_equal(pil_action_name(PIL_ACTION_COUNT), "none");
    assert_int_equal(pil_action_parse(pil_slice_of("conect")), PIL_ACTION_NONE);
    assert_int_equal(pil_action_parse(pil_slice_of("none")), PIL_ACTION_NONE);
    assert_int_equal(pil_action_parse(pil_slice_of("")), PIL_ACTION_NONE);
    assert_int_equal(pil_action_parse(pil_slice_of("Connect")), PIL_ACTION_NONE);
}

static void reasons_are_whole_and_distinct(void **state)
{
    (void)state;
    for (unsigned a = 0; a < PIL_REASON_COUNT; a++) {
        assert_true(strlen(pil_reason_name(a)) > 0);
        assert_true(strlen(pil_reason_text(a)) > 0);
        for (unsigned b = 0; b < a; b++)
            assert_string_not_equal(pil_reason_name(a), pil_reason_name(b));
    }
    assert_string_equal(pil_reason_name(PIL_REASON_COUNT), "undecided");
    assert_string_equal(pil_reason_name(UINT32_MAX), "undecided");
    assert_string_equal(pil_reason_text(PIL_REASON_COUNT), "nothing has decided");
    assert_string_equal(pil_reason_name(PIL_REASON_TIMED_OUT), "timed-out");
}

static void other_names_fall_back_to_the_refusing_one(void **state)
{
    (void)state;
    assert_string_equal(pil_effect_name(PIL_DENY), "deny");
    assert_string_equal(pil_effect_name(PIL_ALLOW), "allow");
    assert_string_equal(pil_effect_name(PIL_THROTTLE), "throttle");
    assert_string_equal(pil_effect_name(3), "deny");
    assert_string_equal(pil_shadow_name(PIL_SHADOW_WOULD_DENY), "would-deny");
    assert_string_equal(pil_shadow_name(PIL_SHADOW_WOULD_ALLOW), "would-allow");
    assert_string_equal(pil_shadow_name(3), "none");
    assert_string_equal(pil_encrypt_name(PIL_ENCRYPT_REQUIRED), "required");
    assert_string_equal(pil_encrypt_name(PIL_ENCRYPT_NATIVE), "native");
    assert_string_equal(pil_encrypt_name(5), "unset");
    assert_string_equal(pil_tier_name(PIL_TIER_FAIL), "fail");
    assert_string_equal(pil_tier_name(PIL_TIER_COUNT), "none");
}

static void check_print(const struct pil_query *q, const char *want)
{
    char buf[256];
    struct pil_text text;

    pil_text_init(&text, buf, sizeof(buf));
    pil_query_print(q, &text);
    assert_string_equal(buf, want);
}

static void resources_print_as_people_write_them(void **state)
{
    struct pil_query q = {.kind = PIL_KIND_INET, .port = 5432};

    (void)state;
    assert_err(pil_ip_parse(pil_slice_of("10.0.0.1"), &q.ip), PIL_OK);
    check_print(&q, "10.0.0.1:5432");
    q.name = pil_slice_of("ledger.corp.example");
    check_print(&q, "ledger.corp.example:5432 (10.0.0.1)");
    q = (struct pil_query){.kind = PIL_KIND_INET, .port = 443};
    assert_err(pil_ip_parse(pil_slice_of("fd00::1"), &q.ip), PIL_OK);
    check_print(&q, "[fd00::1]:443");
    check_print(&(struct pil_query){.kind = PIL_KIND_UNIX, .name = pil_slice_of("/run/x.sock")},
                "unix:/run/x.sock");
    check_print(&(struct pil_query){.kind = PIL_KIND_UNIX, .name = pil_slice_of("@x")}, "unix:@x");
    check_print(&(struct pil_query){.kind = PIL_KIND_NAME, .name = pil_slice_of("a.example")},
                "a.example");
    check_print(&(struct pil_query){0}, "none");
    check_print(&(struct pil_query){.kind = 99}, "none");
}

static void a_zeroed_verdict_refuses(void **state)
{
    struct pil_verdict v = {0};

    (void)state;
    for (unsigned action = 0; action <= PIL_ACTION_COUNT; action++)
        assert_int_not_equal(pil_verdict_errno(&v, action), 0);
    assert_int_equal(pil_verdict_errno(&v, PIL_ACTION_CONNECT), EACCES);
    assert_int_equal(pil_verdict_errno(&v, PIL_ACTION_ACCEPT), ECONNABORTED);
}

/* Whatever number arrives, the program gets a documented one. */
static void every_errno_is_a_documented_one(void **state)
{
    (void)state;
    for (unsigned effect = 0; effect < 256; effect++) {
        for (unsigned error = 0; error <= UINT16_MAX; error++) {
            struct pil_verdict v = {.effect = (uint8_t)effect, .error = (uint16_t)error};
            int got = pil_verdict_errno(&v, PIL_ACTION_CONNECT);
            int want = error == ECONNREFUSED || error == ETIMEDOUT ? (int)error : EACCES;

            if (got != (effect == PIL_ALLOW ? 0 : want))
                fail_msg("effect %u error %u gave %d", effect, error, got);
            got = pil_verdict_errno(&v, PIL_ACTION_ACCEPT);
            if (got != (effect == PIL_ALLOW ? 0 : ECONNABORTED))
                fail_msg("effect %u error %u gave %d for accept", effect, error, got);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(actions_parse_to_what_they_print),
        cmocka_unit_test(reasons_are_whole_and_distinct),
        cmocka_unit_test(other_names_fall_back_to_the_refusing_one),
        cmocka_unit_test(resources_print_as_people_write_them),
        cmocka_unit_test(a_zeroed_verdict_refuses),
        cmocka_unit_test(every_errno_is_a_documented_one),
    };

    return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
