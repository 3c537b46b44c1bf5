/* conf/diag: messages have their place, are counted, and cannot harm a terminal. */
#include "tests/support/support.h"

#include <stdio.h>

#include "conf/diag.h"

struct heard {
    enum pil_severity severity;
    char text[4096];
};

static void hear(void *cookie, enum pil_severity severity, const char *message)
{
    struct heard *heard = cookie;

    heard->severity = severity;
    snprintf(heard->text, sizeof(heard->text), "%s", message);
}

static void messages_begin_with_their_place(void **state)
{
    struct heard heard;
    struct pil_diag diag = {.sink = hear, .cookie = &heard};

    (void)state;
    pil_diag_error(&diag, (struct pil_at){"a.conf", 12}, "unknown \"%s\"", "x");
    assert_string_equal(heard.text, "a.conf:12: unknown \"x\"");
    assert_int_equal(heard.severity, PIL_SEVERITY_ERROR);
    pil_diag_warning(&diag, (struct pil_at){"a.conf", 0}, "odd");
    assert_string_equal(heard.text, "a.conf: odd");
    assert_int_equal(heard.severity, PIL_SEVERITY_WARNING);
    pil_diag_error(&diag, (struct pil_at){NULL, 0}, "nowhere");
    assert_string_equal(heard.text, "nowhere");
    assert_int_equal(diag.errors, 2);
    assert_int_equal(diag.warnings, 1);
}

static void without_a_sink_they_are_counted(void **state)
{
    struct pil_diag diag = {0};

    (void)state;
    pil_diag_error(&diag, (struct pil_at){"a", 1}, "x");
    pil_diag_warning(&diag, (struct pil_at){"a", 1}, "x");
    assert_int_equal(diag.errors, 1);
    assert_int_equal(diag.warnings, 1);
}

static void control_bytes_and_length_are_tamed(void **state)
{
    struct heard heard;
    struct pil_diag diag = {.sink = hear, .cookie = &heard};
    char longer[4000];

    (void)state;
    pil_diag_error(&diag, (struct pil_at){"a\n", 1}, "bad \"%s\"", "\x1b[2J\r");
    assert_string_equal(heard.text, "a?:1: bad \"?[2J?\"");
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    pil_diag_error(&diag, (struct pil_at){"a", 1}, "%s", longer);
    assert_int_equal(strlen(heard.text), 2047);
    pil_diag_error(&diag, (struct pil_at){longer, 1}, "x");
    assert_int_equal(strlen(heard.text), 2047);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_begin_with_their_place),
        cmocka_unit_test(without_a_sink_they_are_counted),
        cmocka_unit_test(control_bytes_and_length_are_tamed),
    };

    return cmocka_run_group_tests_name("diag", tests, NULL, NULL);
}
