/* cli/duration: lengths of time as people write them. */
#include "tests/support/support.h"

#include "cli/duration.h"

static void lengths_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } rows[] = {
        {"1ms", 1},      {"250ms", 250},    {"90s", 90000},         {"10m", 600000},
        {"2h", 7200000}, {"7d", 604800000}, {"366d", 31622400000u}, {"31622400000ms", 31622400000u},
    };

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        uint64_t ms = 0;

        assert_true(pil_duration_parse(rows[i].text, &ms));
        assert_true(ms == rows[i].ms);
    }
}

static void nothing_else_is(void **state)
{
    static const char *const rows[] = {"",    "s",    "10", "0s",   "-1s", " 1s",
                                       "1 s", "1.5s", "1S", "367d", "1sm", "99999999999999999999s"};

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        uint64_t ms = 4711;

        assert_false(pil_duration_parse(rows[i], &ms));
        assert_int_equal(ms, 4711);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_read),
        cmocka_unit_test(nothing_else_is),
    };

    return cmocka_run_group_tests_name("cli_duration", tests, NULL, NULL);
}
