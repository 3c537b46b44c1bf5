/* conf/value: every kind of value at its limits and just behind them. */
#include "tests/support/support.h"

#include <stdio.h>

#include "conf/value.h"

static char last[1024];

static void hear(void *cookie, enum pil_severity severity, const char *message)
{
    (void)cookie;
    (void)severity;
    snprintf(last, sizeof(last), "%s", message);
}

/* Takes one word into a field; how many errors that gave. */
static unsigned take(pil_value_take *how, const void *with, const char *text, void *field)
{
    struct pil_diag diag = {.sink = hear};
    struct pil_fill fill = {.diag = &diag, .file = "x"};
    struct pil_word *word = malloc(sizeof(*word) + strlen(text) + 1);
    struct pil_written written = {.keyword = "kw", .word = &word, .count = 1, .line = 3};

    last[0] = '\0';
    word->line = 7;
    strcpy(word->text, text);
    how(&fill, with, &written, field);
    free(word);
    assert_false(fill.nomem);
    return diag.errors;
}

static void numbers_stay_in_their_range(void **state)
{
    const struct pil_range range = {2, 4294967295u, 4, "R"}, small = {0, 100, 1, "S"};
    static const char *const bad[] = {
        "1", "4294967296", "18446744073709551617", "-2", "+2", "02", "0x2", "2 ", "", "2.0"};
    uint32_t value = 77;
    uint8_t byte[2] = {9, 9};

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(bad); i++)
        assert_int_equal(take(pil_value_number, &range, bad[i], &value), 1);
    assert_int_equal(value, 77);
    assert_int_equal(take(pil_value_number, &range, "1", &value), 1);
    assert_string_equal(last, "x:7: bad number \"1\" in kw; legal is R");
    assert_int_equal(take(pil_value_number, &range, "4294967295", &value), 0);
    assert_int_equal(value, 4294967295u);
    assert_int_equal(take(pil_value_number, &small, "100", byte), 0);
    assert_int_equal(byte[0], 100);
    assert_int_equal(byte[1], 9); /* one byte is written and no more */
    assert_int_equal(take(pil_value_number, &small, "101", byte), 1);
}

static void durations_have_units(void **state)
{
    const struct pil_range range = {1, 3600000, 4, "R"};
    static const struct {
        const char *text;
        uint32_t ms;
    } good[] = {{"250ms", 250}, {"2s", 2000}, {"5m", 300000}, {"1h", 3600000}, {"3600s", 3600000}};
    static const char *const bad[] = {"0s",  "2h",  "3601s", "5",           "s",   "5d",
                                      "5 s", "-1s", "1.5s",  "4294967295h", "05s", "5sm"};
    uint32_t value = 0;

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(good); i++) {
        assert_int_equal(take(pil_value_duration, &range, good[i].text, &value), 0);
        assert_int_equal(value, good[i].ms);
    }
    value = 77;
    for (size_t i = 0; i < PIL_NELEM(bad); i++)
        assert_int_equal(take(pil_value_duration, &range, bad[i], &value), 1);
    assert_int_equal(value, 77);
}

static void hours_are_two_times_of_a_day(void **state)
{
    static const char *const bad[] = {"6:00-22:00",  "06:00-06:00", "24:00-06:00",
                                      "06:60-07:00", "06:00-24:01", "06:00 22:00",
                                      "06:00-22:0",  "0a:00-22:00", "06:00-22:000"};
    struct pil_hours hours = {0};

    (void)state;
    assert_int_equal(take(pil_value_hours, NULL, "00:00-24:00", &hours), 0);
    assert_true(hours.low == 0 && hours.high == 1440);
    assert_int_equal(take(pil_value_hours, NULL, "22:30-06:15", &hours), 0);
    assert_true(hours.low == 1350 && hours.high == 375);
    for (size_t i = 0; i < PIL_NELEM(bad); i++)
        assert_int_equal(take(pil_value_hours, NULL, bad[i], &hours), 1);
    assert_true(hours.low == 1350 && hours.high == 375);
}

static void choices_are_listed_when_none_fits(void **state)
{
    const struct pil_choices choices = {
        (const struct pil_choice[]){{"one", 1}, {"many", 300}, {NULL, 0}}, 2};
    uint16_t value = 0;

    (void)state;
    assert_int_equal(take(pil_value_choice, &choices, "many", &value), 0);
    assert_int_equal(value, 300);
    assert_int_equal(take(pil_value_choice, &choices, "One", &value), 1);
    assert_string_equal(last, "x:7: bad word \"One\" in kw; legal is one, many");
    assert_int_equal(value, 300);
}

static void assert_form(const struct pil_form *form, const char *text, bool legal)
{
    char *field = NULL;

    if (take(pil_value_text, form, text, &field) != !legal)
        fail_msg("%s \"%s\" should be %s; %s", form->what, text, legal ? "legal" : "refused", last);
    assert_int_equal(field != NULL, legal);
    free(field);
}

static void spiffe_ids_are_held_to_the_standard(void **state)
{
    (void)state;
    assert_form(&pil_form_spiffe, "spiffe://corp.example/ledger", true);
    assert_form(&pil_form_spiffe, "spiffe://a_b-c.9/X/y.Z/_-", true);
    assert_form(&pil_form_spiffe, "spiffe://corp.example/ledger-*/?", true);
    assert_form(&pil_form_spiffe, "spiffe://corp.example/**", true);
    assert_form(&pil_form_spiffe, "spiffe://corp.example", false);
    assert_form(&pil_form_spiffe, "spiffe://corp.example/", false);
    assert_form(&pil_form_spiffe, "spiffe:///x", false);
    assert_form(&pil_form_spiffe, "spiffe://Corp.example/x", false);
    assert_form(&pil_form_spiffe, "SPIFFE://corp.example/x", false);
    assert_form(&pil_form_spiffe, "spiffe://corp.example:80/x", false);
    assert_form(&pil_form_spiffe, "spiffe://u@corp.example/x", false);
    assert_form(&pil_form_spiffe, "spiffe://corp.example/x#f", false);
    assert_form(&pil_form_spiffe, "spiffe://corp.example/./x", false);
    assert_form(&pil_form_spiffe, "spiffe://corp.example/x/..", false);
    assert_form(&pil_form_spiffe, "spiffe://corp.example/.../x", true);
    assert_form(&pil_form_member, "spiffe://*/x", false);
}

static void other_forms(void **state)
{
    (void)state;
    assert_form(&pil_form_unit, "getty@tty1.service", true);
    assert_form(&pil_form_unit, "nginx", false);
    assert_form(&pil_form_unit, ".service", false);
    assert_form(&pil_form_user, "www-data", true);
    assert_form(&pil_form_user, "33", true);
    assert_form(&pil_form_user, "a b", false);
    assert_form(&pil_form_path, "/usr/lib/*/x", true);
    assert_form(&pil_form_path, "usr", false);
    assert_form(&pil_form_caller, "libpq.so.*", true);
    assert_form(&pil_form_caller, "/lib/libpq.so.5", false);
    assert_form(&pil_form_prefix, "10.0.0.0/8", true);
    assert_form(&pil_form_prefix, "10.0.0.1/8", false);
    assert_form(&pil_form_fallback, "10.0.4.11:5432", true);
    assert_form(&pil_form_fallback, "db.example:5432", true);
    assert_form(&pil_form_fallback, "10.0.4.11:1-2", false);
    assert_form(&pil_form_fallback, "*.example:5432", false);
    assert_form(&pil_form_fallback, "unix:/x", false);
    assert_form(&pil_form_endpoint, "service:x", false);
    assert_form(&pil_form_endpoint, "*", false);
    assert_form(&pil_form_title, "", false);
}

static void texts_are_normalised(void **state)
{
    char *field = NULL;

    (void)state;
    assert_int_equal(take(pil_value_text, &pil_form_resource, "DB.Example.:80", &field), 0);
    assert_string_equal(field, "db.example:80");
    free(field);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_stay_in_their_range),
        cmocka_unit_test(durations_have_units),
        cmocka_unit_test(hours_are_two_times_of_a_day),
        cmocka_unit_test(choices_are_listed_when_none_fits),
        cmocka_unit_test(spiffe_ids_are_held_to_the_standard),
        cmocka_unit_test(other_forms),
        cmocka_unit_test(texts_are_normalised),
    };

    return cmocka_run_group_tests_name("value", tests, NULL, NULL);
}
