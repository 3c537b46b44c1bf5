/*
 * cli/enable/words: systemd's command lines, split without a change, and the one word that is made.
 */
#include "tests/support/support.h"

#include <string.h>

#include "cli/enable/words.h"

static void words_keep_their_text(void **state)
{
    const char *at = " /bin/a  'b c'\t\"d ' \\\" e\" f\\ g ${H} %i ; \\; ''";
    static const char *const want[] = {
        "/bin/a", "'b c'", "\"d ' \\\" e\"", "f\\ g", "${H}", "%i", ";", "\\;", "''"};

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(want); i++)
        assert_slice(pil_word_next(&at), want[i]);
    assert_int_equal(pil_word_next(&at).len, 0);
    assert_int_equal(pil_word_next(&at).len, 0);
}

static void a_word_is_what_systemd_makes_of_it(void **state)
{
    static const struct {
        const char *word, *plain;
    } same[] = {
        {"/bin/a", "/bin/a"}, {"\"/opt/a b/c\"", "/opt/a b/c"},
        {"'a\"b'c", "a\"bc"}, {"a\\x20b\\tc\\055d\\\\", "a b\tc-d\\"},
        {"\"\\\"\"", "\""},   {"a\\qb\\", "a\\qb\\"},
        {"\\x2", "\\x2"},     {"\\x00", "\\x00"},
        {"''", ""},
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(same); i++) {
        assert_true(pil_word_plain(pil_slice_of(same[i].word), out, sizeof(out)));
        assert_string_equal(out, same[i].plain);
    }
    assert_false(pil_word_plain(pil_slice_of("12345678"), out, 8));
    assert_true(pil_word_plain(pil_slice_of("1234567"), out, 8));
}

static void a_text_becomes_one_word_again(void **state)
{
    static const char *const texts[] = {"/bin/a", "/opt/a b", "it's", "a\"b", "a\\b", "a;b", ""};
    char word[64], out[64];

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(texts); i++) {
        const char *at = word;
        struct pil_slice one;

        assert_true(pil_word_quote(texts[i], false, word, sizeof(word)));
        one = pil_word_next(&at);
        assert_true(*at == '\0');
        assert_true(pil_word_plain(one, out, sizeof(out)));
        assert_string_equal(out, texts[i]);
    }
    assert_true(pil_word_quote("/a$b", true, word, sizeof(word)));
    assert_string_equal(word, "/a$$b");
    assert_true(pil_word_quote("/a$b", false, word, sizeof(word)));
    assert_string_equal(word, "/a$b");
    assert_false(pil_word_quote("12345678", false, word, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_keep_their_text),
        cmocka_unit_test(a_word_is_what_systemd_makes_of_it),
        cmocka_unit_test(a_text_becomes_one_word_again),
    };

    return cmocka_run_group_tests_name("cli_words", tests, NULL, NULL);
}
