/* cli/when: points in time as people write them. */
#include "tests/support/support.h"

#include <time.h>

#include "cli/when.h"

static void legal_times_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t when;
    } row[] = {
        {"0", 0},
        {"1767600000", 1767600000},
        {"2026-01-05T08:00:00Z", 1767600000},
        {"2026-01-05 08:00Z", 1767600000},
        {"2026-01-05T09:00+01:00", 1767600000},
        {"2026-01-05T02:30:00-05:30", 1767600000},
        {"2026-01-05T17:00", 1767600000}, /* local: Asia/Tokyo below */
        {"2024-02-29T00:00Z", 1709164800},
    };

    (void)state;
    setenv("TZ", "JST-9", 1);
    tzset();
    for (size_t i = 0; i < PIL_NELEM(row); i++) {
        int64_t when = -1;

        assert_err(pil_when_parse(row[i].text, &when), PIL_OK);
        if (when != row[i].when)
            fail_msg("\"%s\" gave %lld", row[i].text, (long long)when);
    }
}

static void now_is_now(void **state)
{
    int64_t when = 0, before = (int64_t)time(NULL);

    (void)state;
    assert_err(pil_when_parse("now", &when), PIL_OK);
    assert_in_range(when, before, (int64_t)time(NULL));
}

static void anything_else_is_refused(void **state)
{
    static const char *const text[] = {
        "",
        "x",
        "-5",
        "12x",
        "08:00",
        "2026-01-05",
        "2026-13-01T00:00Z",
        "2026-02-30T00:00Z",
        " 5",
        "2026-01-05T8",
        "2026-01-05T08:00X",
        "2026-01-05T08:00+1:00",
        "2026-01-05T08:00+01:00x",
        "2026-01-05T08:00+99:00",
        "99999999999999999999",
    };
    int64_t when;

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(text); i++) {
        int error = pil_when_parse(text[i], &when);

        if (error != PIL_E_SYNTAX)
            fail_msg("\"%s\" gave %s", text[i], pil_err_name(error));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(legal_times_are_read),
        cmocka_unit_test(now_is_now),
        cmocka_unit_test(anything_else_is_refused),
    };

    return cmocka_run_group_tests_name("cli_when", tests, NULL, NULL);
}
