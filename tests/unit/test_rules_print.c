/* cli/rules/print: text that the language takes, and comments that can be read again. */
#include "tests/support/support.h"

#include "cli/rules/print.h"

static char *printed;
static size_t length;

static FILE *open_text(void)
{
    FILE *to = open_memstream(&printed, &length);

    assert_non_null(to);
    return to;
}

static void expect(FILE *to, const char *want)
{
    assert_int_equal(fclose(to), 0);
    assert_string_equal(printed, want);
    free(printed);
}

static void quotes_hold_any_text(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"/bin/x", "\"/bin/x\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"line\nend", "\"line?end\""},
        {"${HOME}$", "\"?{HOME}$\""},
    };

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        FILE *to = open_text();

        pil_print_quoted(to, rows[i].text);
        expect(to, rows[i].want);
    }
}

static void times_are_written_and_read(void **state)
{
    static const struct pil_times rows[] = {
        {1, "2026-11-25 15:50:03", "2026-11-25 15:50:03"},
        {2, "2026-11-25 15:50:03", "2026-11-26 00:00:00"},
        {18446744073709551615u, "2026-11-25 15:50:03", "2026-11-26 00:00:00"},
    };

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        FILE *to = open_text();
        struct pil_times got;
        size_t len;

        pil_print_times(to, &rows[i]);
        fputs("; and more", to);
        assert_int_equal(fclose(to), 0);
        memset(&got, 0, sizeof(got));
        assert_true(pil_print_read_times(printed, &got, &len));
        assert_true(got.count == rows[i].count);
        assert_string_equal(got.first, rows[i].first);
        assert_string_equal(got.last, rows[i].last);
        assert_string_equal(printed + len, "; and more");
        free(printed);
    }
}

static void other_comments_are_none_of_ours(void **state)
{
    static const char *const rows[] = {
        "",
        "# once",
        "# once, 2026-11-25",
        "# once, 2026-11-25 15:50:0x",
        "# 2 times",
        "# 2 times, 2026-11-25 15:50:03",
        "# 2 times, 2026-11-25 15:50:03 to ",
        "# 2 times, 2026-11-25 15:50:03 to 2026-11-25",
        "# x times, 2026-11-25 15:50:03 to 2026-11-25 15:50:03",
        "// once, 2026-11-25 15:50:03",
    };

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        struct pil_times times;
        size_t len;

        assert_false(pil_print_read_times(rows[i], &times, &len));
    }
}

static void a_value_has_its_line(void **state)
{
    struct pil_draft_line line = {.text = (char *)"*:80"};
    FILE *to = open_text();

    (void)state;
    pil_print_line(to, 4, &line);
    line.times = (struct pil_times){1, "2026-11-25 15:50:03", "2026-11-25 15:50:03"};
    pil_print_line(to, 0, &line);
    line.note = "a note";
    pil_print_line(to, 0, &line);
    expect(to, "    \"*:80\",\n\"*:80\",  # once, 2026-11-25 15:50:03\n"
               "\"*:80\",  # once, 2026-11-25 15:50:03; a note\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_hold_any_text),
        cmocka_unit_test(times_are_written_and_read),
        cmocka_unit_test(other_comments_are_none_of_ours),
        cmocka_unit_test(a_value_has_its_line),
    };

    return cmocka_run_group_tests_name("rules_print", tests, NULL, NULL);
}
