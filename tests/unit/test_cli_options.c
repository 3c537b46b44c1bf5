/* cli/options: what the table says is what is read; everything else is refused. */
#include "tests/support/support.h"

#include "cli/options.h"

static const struct pil_command command = {"try", "[OPTIONS] THING", "tries", NULL};

struct got {
    bool json;
    const char *socket;
    struct pil_words policy;
    int first;
    enum pil_options result;
};

static struct got read_words(bool program, int argc, const char *const *words)
{
    struct got got = {.first = -1};
    const struct pil_option rows[] = {
        {0, "json", NULL, "print JSON", &got.json, NULL, NULL},
        {'s', "socket", "SOCKET", "policyd's socket", NULL, &got.socket, NULL},
        {0, "policy", "FILE", "a policy", NULL, NULL, &got.policy},
    };
    static char *argv[16];

    for (int i = 0; i <= argc; i++)
        argv[i] = (char *)words[i];
    got.result = pil_options_read(&command, rows, PIL_NELEM(rows), program, argc, argv, &got.first);
    if (got.result == PIL_OPTIONS_OK)
        for (int i = 0; i < argc; i++)
            assert_non_null(argv[i]);
    return got;
}

#define READ(program, ...)                                                                         \
    read_words(program, (int)PIL_NELEM(((const char *[]){"try", __VA_ARGS__})),                    \
               (const char *[]){"try", __VA_ARGS__, NULL})

static void rows_are_filled(void **state)
{
    struct got got =
        READ(false, "thing", "--json", "--socket", "@x", "--policy=a", "--policy", "b");

    (void)state;
    assert_int_equal(got.result, PIL_OPTIONS_OK);
    assert_true(got.json);
    assert_string_equal(got.socket, "@x");
    assert_int_equal(got.policy.count, 2);
    assert_string_equal(got.policy.item[0], "a");
    assert_string_equal(got.policy.item[1], "b");
    assert_int_equal(got.first, 7); /* operands are moved behind the options */
    pil_words_free(&got.policy);
    got = READ(false, "-s@y");
    assert_string_equal(got.socket, "@y");
    assert_false(got.json);
}

static void options_of_another_program_are_its_own(void **state)
{
    struct got got = READ(true, "--json", "curl", "--socket", "x");

    (void)state;
    assert_int_equal(got.result, PIL_OPTIONS_OK);
    assert_int_equal(got.first, 2);
    assert_null(got.socket);
    got = READ(true, "--", "--json");
    assert_int_equal(got.first, 2);
    assert_false(got.json);
}

static void what_is_not_in_the_table_is_refused(void **state)
{
    (void)state;
    assert_int_equal(READ(false, "--jsonn").result, PIL_OPTIONS_WRONG);
    assert_int_equal(READ(false, "-x").result, PIL_OPTIONS_WRONG);
    assert_int_equal(READ(false, "--socket").result, PIL_OPTIONS_WRONG);
    assert_int_equal(READ(false, "-s").result, PIL_OPTIONS_WRONG);
    assert_int_equal(READ(false, "--json=yes").result, PIL_OPTIONS_WRONG);
    assert_int_equal(pil_options_exit(PIL_OPTIONS_WRONG), PIL_EXIT_USAGE);
    assert_int_equal(pil_options_exit(PIL_OPTIONS_HELP), PIL_EXIT_OK);
}

static void help_is_an_end_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(READ(false, "--help").result, PIL_OPTIONS_HELP);
    assert_int_equal(READ(true, "-h").result, PIL_OPTIONS_HELP);
}

static void numbers_are_whole_and_bounded(void **state)
{
    static const char *const bad[] = {"",   "x", "5x", "-1",  "+1",
                                      " 1", "0", "11", "1e3", "99999999999999999999999"};
    uint64_t value = 0;

    (void)state;
    assert_true(pil_options_number("n", "10", 1, 10, &value));
    assert_int_equal(value, 10);
    for (size_t i = 0; i < PIL_NELEM(bad); i++)
        if (pil_options_number("n", bad[i], 1, 10, &value))
            fail_msg("\"%s\" was taken", bad[i]);
}

static void operands_are_counted(void **state)
{
    (void)state;
    assert_true(pil_options_operands(&command, 2, 2, 2));
    assert_false(pil_options_operands(&command, 1, 2, 2));
    assert_false(pil_options_operands(&command, 3, 2, 2));
    assert_true(pil_options_operands(&command, 300, 1, -1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_filled),
        cmocka_unit_test(options_of_another_program_are_its_own),
        cmocka_unit_test(what_is_not_in_the_table_is_refused),
        cmocka_unit_test(help_is_an_end_of_its_own),
        cmocka_unit_test(numbers_are_whole_and_bounded),
        cmocka_unit_test(operands_are_counted),
    };

    return cmocka_run_group_tests_name("cli_options", tests, NULL, NULL);
}
