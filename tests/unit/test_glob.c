/* core/glob: the matcher agrees with the plain recursive definition, and stays bounded. */
#include "tests/support/support.h"

#include <stdio.h>

#include "core/glob.h"

static bool match(const char *pattern, const char *text, bool slash)
{
    return pil_glob_match(pil_slice_of(pattern), pil_slice_of(text), slash);
}

/* The definition in glob.h, word by word; exponential, for short texts only. */
static bool reference(const char *p, const char *t, bool slash)
{
    size_t stars = strspn(p, "*");

    if (stars > 0) {
        bool any = !slash || stars > 1;

        for (;; t++) {
            if (reference(p + stars, t, slash))
                return true;
            if (*t == '\0' || (*t == '/' && !any))
                return false;
        }
    }
    if (*p == '\0' || *t == '\0')
        return *p == *t;
    if (*p == '?' ? slash && *t == '/' : *p != *t)
        return false;
    return reference(p + 1, t + 1, slash);
}

static void known_pairs(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool plain, slash;
    } rows[] = {
        {"", "", true, true},
        {"", "a", false, false},
        {"*", "", true, true},
        {"*", "anything", true, true},
        {"*", "a/b", true, false},
        {"**", "a/b", true, true},
        {"?", "", false, false},
        {"?", "/", true, false},
        {"libpq.so.*", "libpq.so.5", true, true},
        {"libpq.so.*", "libpq.so", false, false},
        {"*.corp.example", "a.b.corp.example", true, true},
        {"*.corp.example", "corp.example", false, false},
        {"/run/*.sock", "/run/x.sock", true, true},
        {"/run/*.sock", "/run/x/y.sock", true, false},
        {"/run/**.sock", "/run/x/y.sock", true, true},
        {"/run/**/y", "/run/a/b/y", true, true},
        {"/run/**/y", "/run/y", false, false},
        {"**a*b", "x/ab/ab", true, true},
        {"**a*b", "ab/a/b", true, false},
        {"*a*a*b", "aaab", true, true},
        {"a*b?c*", "axxbycz", true, true},
        {"[ab]", "a", false, false},
        {"\\*", "*", false, false},
        {"\\*", "\\x", true, true},
    };

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        if (match(rows[i].pattern, rows[i].text, false) != rows[i].plain)
            fail_msg("\"%s\" on \"%s\"", rows[i].pattern, rows[i].text);
        if (match(rows[i].pattern, rows[i].text, true) != rows[i].slash)
            fail_msg("\"%s\" on \"%s\" with slash", rows[i].pattern, rows[i].text);
    }
}

static void random_text(char *out, const char *alphabet, size_t max)
{
    size_t len = (size_t)random() % (max + 1);

    for (size_t i = 0; i < len; i++)
        out[i] = alphabet[(size_t)random() % strlen(alphabet)];
    out[len] = '\0';
}

static void agrees_with_the_definition(void **state)
{
    unsigned hits = 0;

    (void)state;
    srandom(42);
    for (int round = 0; round < 600000; round++) {
        char pattern[12], text[14];

        random_text(pattern, "ab/**?*", 9);
        random_text(text, "aabb/", 11);
        for (int slash = 0; slash <= 1; slash++) {
            bool want = reference(pattern, text, slash);

            hits += want;
            if (match(pattern, text, slash) != want)
                fail_msg("\"%s\" on \"%s\" with slash %d is %d", pattern, text, slash, want);
        }
    }
    assert_true(hits > 10000); /* else the alphabet has become useless */
}

/* A pattern made to burn time on a matcher that backtracks into every star. */
static void hostile_patterns_end(void **state)
{
    static char text[2000];
    char pattern[64] = "";

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    for (unsigned i = 0; i < PIL_GLOB_STARS; i++)
        strcat(pattern, "a*a");
    strcat(pattern, "b");
    assert_true(pil_glob_valid(pil_slice_of(pattern)));
    assert_false(match(pattern, text, false));
    assert_false(match(pattern, text, true));
}

static void slices_need_no_terminator(void **state)
{
    (void)state;
    assert_true(
        pil_glob_match((struct pil_slice){"ab*XX", 3}, (struct pil_slice){"abcYY", 3}, false));
    assert_false(
        pil_glob_match((struct pil_slice){"abcXX", 3}, (struct pil_slice){"abcYY", 4}, false));
}

static void literal_part_ends_at_the_first_wildcard(void **state)
{
    (void)state;
    assert_int_equal(pil_glob_literal(pil_slice_of("/run/*.sock")), 5);
    assert_int_equal(pil_glob_literal(pil_slice_of("a?c")), 1);
    assert_int_equal(pil_glob_literal(pil_slice_of("abc")), 3);
    assert_int_equal(pil_glob_literal(pil_slice_of("*")), 0);
    assert_int_equal(pil_glob_literal(pil_slice_of("")), 0);
}

static void patterns_over_the_limits_are_invalid(void **state)
{
    (void)state;
    assert_true(pil_glob_valid(pil_slice_of("a")));
    assert_true(pil_glob_valid(pil_slice_of("********")));
    assert_false(pil_glob_valid(pil_slice_of("*********")));
    assert_false(pil_glob_valid(pil_slice_of("")));
    assert_false(pil_glob_valid(pil_slice_of("a\tb")));
    assert_false(pil_glob_valid(pil_slice_of("a\x7f")));
    assert_false(pil_glob_valid((struct pil_slice){"a\0b", 3}));
    assert_true(pil_glob_valid(pil_slice_of("\xc3\xa4*")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_pairs),
        cmocka_unit_test(agrees_with_the_definition),
        cmocka_unit_test(hostile_patterns_end),
        cmocka_unit_test(slices_need_no_terminator),
        cmocka_unit_test(literal_part_ends_at_the_first_wildcard),
        cmocka_unit_test(patterns_over_the_limits_are_invalid),
    };

    return cmocka_run_group_tests_name("glob", tests, NULL, NULL);
}
