/* cli/rules/words: an option's list of words into bits. */
#include "tests/support/support.h"

#include "cli/rules/words.h"

static const char *const names[] = {"one", "two", "twofold"};

static void words_become_bits_in_any_order(void **state)
{
    static const struct {
        const char *text;
        unsigned bits;
    } rows[] = {
        {"one", 1},     {"two", 2},      {"twofold", 4},         {"two,one", 3},
        {"one,one", 1}, {"one,two,", 3}, {"twofold,two,one", 7},
    };
    unsigned bits;

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        assert_true(pil_words_bits(rows[i].text, names, PIL_NELEM(names), &bits));
        assert_int_equal(bits, rows[i].bits);
    }
}

static void what_is_no_word_of_the_list_is_refused(void **state)
{
    static const char *const rows[] = {"", ",", "one,,two", ",one", "on", "twof", "one two", "ONE"};
    unsigned bits;

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++)
        if (pil_words_bits(rows[i], names, PIL_NELEM(names), &bits))
            fail_msg("\"%s\" was taken", rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_become_bits_in_any_order),
        cmocka_unit_test(what_is_no_word_of_the_list_is_refused),
    };

    return cmocka_run_group_tests_name("rules_words", tests, NULL, NULL);
}
