/* conf/text: what libconfuse gets to see, and where blocks begin. */
#include "tests/support/support.h"

#include <stdio.h>

#include "conf/text.h"

struct fixture {
    char text[512];
    struct pil_text_lines opened;
    struct pil_diag diag;
    char last[1024];
};

static void hear(void *cookie, enum pil_severity severity, const char *message)
{
    struct fixture *f = cookie;

    (void)severity;
    snprintf(f->last, sizeof(f->last), "%s", message);
}

static int clean(struct fixture *f, const char *text)
{
    *f = (struct fixture){.diag = {.sink = hear, .cookie = f}};
    assert_true(strlen(text) < sizeof(f->text));
    strcpy(f->text, text);
    return pil_text_clean(f->text, strlen(text), "x", &pil_schema_root, &f->diag, &f->opened);
}

static void comments_become_blanks_and_lines_stay(void **state)
{
    struct fixture f;

    (void)state;
    assert_err(clean(&f, "schema = 1 # a \"b\n/* x\ny */default // {\n= deny"), PIL_OK);
    assert_string_equal(f.text, "schema = 1       \n    \n    default     \n= deny");
    assert_err(clean(&f, "role \"a#b\" {} "), PIL_OK); /* no comment within quotes */
    assert_int_equal(f.diag.errors, 1);                /* but no title either */
    assert_string_equal(f.text, "role \"a#b\" {} ");
    free(f.opened.line);
}

static void blocks_are_listed_as_they_end(void **state)
{
    struct fixture f;

    (void)state;
    assert_err(clean(&f, "policy p {\n rule a {\n when {\n}\n}\n rule b {}\n}\nrole r\n{}"),
               PIL_OK);
    assert_int_equal(f.opened.count, 5);
    assert_int_equal(f.opened.line[0], 3); /* when */
    assert_int_equal(f.opened.line[1], 2); /* rule a */
    assert_int_equal(f.opened.line[2], 6); /* rule b */
    assert_int_equal(f.opened.line[3], 1); /* policy p */
    assert_int_equal(f.opened.line[4], 8); /* role r */
    free(f.opened.line);
}

/* An unknown keyword goes with all that belongs to it, and nothing that does not. */
static void unknown_keywords_are_blanked_whole(void **state)
{
    static const char *const texts[] = {
        "foo = bar schema = 1",     "foo = { a, \"}\" } schema = 1",
        "foo { a = 1 } schema = 1", "foo \"t\" { a { b = {} } } schema = 1",
        "foo(x, y) schema = 1",     "foo schema = 1",
        "foo += 1 schema = 1",      "foo",
    };
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(texts); i++) {
        const char *rest = strstr(texts[i], "schema");
        size_t gone = rest ? (size_t)(rest - texts[i]) : strlen(texts[i]);

        assert_err(clean(&f, texts[i]), PIL_OK);
        assert_int_equal(strspn(f.text, " "), gone);
        assert_string_equal(f.text + gone, rest ? rest : "");
        assert_int_equal(f.diag.errors, 1);
        assert_ptr_equal(strstr(f.last, "x:1: unknown keyword \"foo\""), f.last);
        free(f.opened.line);
    }
}

static void a_text_that_cannot_be_followed_is_refused(void **state)
{
    static const char *const bad[] = {
        "}",
        "policy p {",
        "policy { }",
        "policy p { rule }",
        "schema 1",
        "schema = {1",
        "role r { members = {a b} }",
        "foo = { a",
        "\"schema\" = 1",
        "schema = \"",
        "schema = 'a",
        "schema = \"a\\q\"",
        "/*",
        "schema = $x",
        "include = x",
        "include(x",
        "default = \"${x}\"",
        "schema = \"a\001\"",
    };
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(bad); i++) {
        int err = clean(&f, bad[i]);

        if (err != PIL_E_SYNTAX || f.diag.errors == 0 || !strstr(f.last, "legal is"))
            fail_msg("%s gave %s and \"%s\"", bad[i], pil_err_name(err), f.last);
        assert_null(f.opened.line);
    }
}

static void quotes_keep_what_they_hold(void **state)
{
    struct fixture f;

    (void)state;
    assert_err(clean(&f, "trust_domain = \"a // \\\" b /* \\\\\" timezone = '# {'"), PIL_OK);
    assert_string_equal(f.text, "trust_domain = \"a // \\\" b /* \\\\\" timezone = '# {'");
    assert_int_equal(f.diag.errors, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comments_become_blanks_and_lines_stay),
        cmocka_unit_test(blocks_are_listed_as_they_end),
        cmocka_unit_test(unknown_keywords_are_blanked_whole),
        cmocka_unit_test(a_text_that_cannot_be_followed_is_refused),
        cmocka_unit_test(quotes_keep_what_they_hold),
    };

    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
