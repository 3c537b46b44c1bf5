/* core/ldpreload: the words of LD_PRELOAD, whole, and those that are files of our name. */
#include "tests/support/support.h"

#include "core/defs.h"
#include "core/ldpreload.h"

static void words_stand_between_blanks_and_colons(void **state)
{
    static const struct {
        const char *value, *words; /* each word with a '|' behind it */
    } rows[] = {
        {"", ""},
        {" : :", ""},
        {"a.so", "a.so|"},
        {"a.so:/b/c.so", "a.so|/b/c.so|"},
        {": a.so  /b/$LIB/c.so:", "a.so|/b/$LIB/c.so|"},
        {"a\tb;c,d", "a\tb;c,d|"}, /* no other character parts them */
    };

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        const char *at = rows[i].value;
        struct pil_slice word;
        char seen[64] = "";

        while ((word = pil_ldpreload_next(&at)).len > 0) {
            strncat(seen, word.at, word.len);
            strcat(seen, "|");
        }
        assert_string_equal(seen, rows[i].words);
        assert_ptr_equal(at, rows[i].value + strlen(rows[i].value));
    }
}

static void a_value_has_a_word_as_a_whole(void **state)
{
    (void)state;
    assert_true(pil_ldpreload_has("/l/x.so", "/l/x.so"));
    assert_true(pil_ldpreload_has("a.so /l/x.so:b.so", "/l/x.so"));
    assert_true(pil_ldpreload_has("a.so /l/x.so:b.so", "b.so"));
    assert_false(pil_ldpreload_has("/l/x.so.1:/p/l/x.so", "/l/x.so"));
    assert_false(pil_ldpreload_has("x.so", "/l/x.so"));
    assert_false(pil_ldpreload_has("a.so b.so", "a.so b.so")); /* which is two */
    assert_false(pil_ldpreload_has("a.so::b.so", ""));
    assert_false(pil_ldpreload_has("", "a.so"));
    assert_false(pil_ldpreload_has(NULL, "a.so"));
}

static void our_library_is_known_by_its_file_name(void **state)
{
    static const struct {
        const char *word;
        bool is;
    } rows[] = {
        {"libpillion.so", true},      {"/libpillion.so", true},
        {"/tmp/libpillion.so", true}, {"/usr/$LIB/libpillion.so", true},
        {"notlibpillion.so", false},  {"/tmp/notlibpillion.so", false},
        {"libpillion.so.1", false},   {"libpillion.so/x", false},
        {"ibpillion.so", false},      {"", false},
    };

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++)
        if (pil_ldpreload_is_library(pil_slice_of(rows[i].word)) != rows[i].is)
            fail_msg("\"%s\" %s", rows[i].word, rows[i].is ? "was not known" : "was taken for it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_stand_between_blanks_and_colons),
        cmocka_unit_test(a_value_has_a_word_as_a_whole),
        cmocka_unit_test(our_library_is_known_by_its_file_name),
    };

    return cmocka_run_group_tests_name("ldpreload", tests, NULL, NULL);
}
