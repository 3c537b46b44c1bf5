/* cli/lines: lines come out whole, whatever the pieces were. */
#include "tests/support/support.h"

#include "cli/lines.h"

struct seen {
    char text[256];
    unsigned count, stop_after;
};

static bool see(void *cookie, const char *text, size_t len)
{
    struct seen *seen = cookie;

    assert_int_equal(strlen(text), len);
    strncat(seen->text, text, sizeof(seen->text) - strlen(seen->text) - 1);
    strncat(seen->text, "|", sizeof(seen->text) - strlen(seen->text) - 1);
    return ++seen->count != seen->stop_after;
}

static struct pil_lines *make(struct seen *seen)
{
    struct pil_lines *lines = calloc(1, sizeof(*lines));

    assert_non_null(lines);
    *seen = (struct seen){.stop_after = UINT32_MAX};
    lines->line = see;
    lines->cookie = seen;
    return lines;
}

static void pieces_of_every_size_give_the_same_lines(void **state)
{
    static const char text[] = "one\ntwo\n\nthree\nfour";

    (void)state;
    for (size_t size = 1; size < sizeof(text); size++) {
        struct seen seen;
        struct pil_lines *lines = make(&seen);

        for (size_t at = 0; at < sizeof(text) - 1; at += size) {
            size_t left = sizeof(text) - 1 - at;

            assert_true(pil_lines_feed(lines, text + at, left < size ? left : size));
        }
        assert_string_equal(seen.text, "one|two|three|");
        assert_true(pil_lines_end(lines));
        assert_string_equal(seen.text, "one|two|three|four|");
        free(lines);
    }
}

static void the_receiver_can_stop(void **state)
{
    struct seen seen;
    struct pil_lines *lines = make(&seen);

    (void)state;
    seen.stop_after = 2;
    assert_false(pil_lines_feed(lines, "a\nb\nc\n", 6));
    assert_string_equal(seen.text, "a|b|");
    free(lines);
}

static void an_endless_line_is_passed_over(void **state)
{
    struct seen seen;
    struct pil_lines *lines = make(&seen);
    char piece[1000];

    (void)state;
    memset(piece, 'x', sizeof(piece));
    for (unsigned i = 0; i < 100; i++)
        assert_true(pil_lines_feed(lines, piece, sizeof(piece)));
    assert_true(pil_lines_feed(lines, "\nnext\n", 6));
    assert_string_equal(seen.text, "next|");
    assert_int_equal(lines->skipped, 1);
    free(lines);
}

static void the_longest_line_fits(void **state)
{
    struct seen seen;
    struct pil_lines *lines = make(&seen);
    char *text = malloc(PIL_LINES_MAX + 2);

    (void)state;
    assert_non_null(text);
    memset(text, 'y', PIL_LINES_MAX);
    text[PIL_LINES_MAX] = '\n';
    assert_true(pil_lines_feed(lines, text, PIL_LINES_MAX + 1));
    assert_int_equal(seen.count, 1);
    memset(text, 'y', PIL_LINES_MAX + 1);
    text[PIL_LINES_MAX + 1] = '\n';
    assert_true(pil_lines_feed(lines, text, PIL_LINES_MAX + 2));
    assert_int_equal(seen.count, 1);
    assert_int_equal(lines->skipped, 1);
    free(text);
    free(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_every_size_give_the_same_lines),
        cmocka_unit_test(the_receiver_can_stop),
        cmocka_unit_test(an_endless_line_is_passed_over),
        cmocka_unit_test(the_longest_line_fits),
    };

    return cmocka_run_group_tests_name("cli_lines", tests, NULL, NULL);
}
