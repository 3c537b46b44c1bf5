/* cli/rules/edit: values and rules put into text that was written by hand. */
#include "tests/support/support.h"

#include <stdio.h>

#include "cli/rules/edit.h"

static struct pil_edit on(const char *text)
{
    return (struct pil_edit){.text = text, .len = strlen(text)};
}

static void expect(struct pil_edit *e, const char *want)
{
    char *got = pil_edit_apply(e);

    assert_string_equal(got, want);
    free(got);
    pil_edit_free(e);
}

/* The list `resources` of rule "r" of policy "p". */
static struct pil_span list_of(const struct pil_edit *e)
{
    struct pil_span policy, rule, list;

    assert_true(pil_edit_block(e, NULL, "policy", "p", &policy));
    assert_true(pil_edit_block(e, &policy, "rule", "r", &rule));
    assert_true(pil_edit_list(e, &rule, "resources", &list));
    return list;
}

static void values_are_added_where_they_stand(void **state)
{
    static const struct {
        const char *before, *after;
    } rows[] = {
        {"policy p { rule r { resources = {\"a\"} } }",
         "policy p { rule r { resources = {\"a\", \"n\",} } }"},
        {"policy \"p\" { rule \"r\" { resources = {\"a\", } } }",
         "policy \"p\" { rule \"r\" { resources = {\"a\",  \"n\",} } }"},
        {"policy p { rule r { resources = {} } }", "policy p { rule r { resources = { \"n\",} } }"},
        {"policy p { rule r {\n  resources = {\n    \"a\"  # x }\n  }\n} }",
         "policy p { rule r {\n  resources = {\n    \"a\",  # x }\n      \"n\",  # once, "
         "2026-01-02 03:04:05\n  }\n} }"},
        {"policy p { rule r {\n  resources = {\n    \"a\",\n    /* } */\n  }\n} }",
         "policy p { rule r {\n  resources = {\n    \"a\",\n    /* } */\n      \"n\",  # once, "
         "2026-01-02 03:04:05\n  }\n} }"},
        /* Others of that name, in comments, texts and blocks, are passed over. */
        {"# policy p { rule r { resources = {\n"
         "policy q { rule r { resources = {\"x\"} } }\n"
         "service s { endpoints = {\"policy p { rule r {\"} }\n"
         "policy p { rule q { resources = {\"}\"} } rule r { when { resources = {\"w\"} }\n"
         "subjects = {\"y\"} resources += {b} } }",
         "# policy p { rule r { resources = {\n"
         "policy q { rule r { resources = {\"x\"} } }\n"
         "service s { endpoints = {\"policy p { rule r {\"} }\n"
         "policy p { rule q { resources = {\"}\"} } rule r { when { resources = {\"w\"} }\n"
         "subjects = {\"y\"} resources += {b, \"n\",} } }"},
    };
    struct pil_draft_line line = {.text = (char *)"n",
                                  .times = {1, "2026-01-02 03:04:05", "2026-01-02 03:04:05"}};

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        struct pil_edit e = on(rows[i].before);
        struct pil_span list = list_of(&e);

        assert_err(pil_edit_add_value(&e, &list, &line), PIL_OK);
        expect(&e, rows[i].after);
    }
}

static void several_values_share_one_comma(void **state)
{
    struct pil_draft_line line = {.text = (char *)"n"};
    struct pil_edit e = on("policy p { rule r { resources = {\n  \"a\"\n} } }");
    struct pil_span list = list_of(&e);

    (void)state;
    assert_err(pil_edit_add_value(&e, &list, &line), PIL_OK);
    line.text = (char *)"m";
    assert_err(pil_edit_add_value(&e, &list, &line), PIL_OK);
    expect(&e, "policy p { rule r { resources = {\n  \"a\",\n    \"n\",\n    \"m\",\n} } }");
}

static void places_that_are_not_there_are_not_found(void **state)
{
    struct pil_edit e = on("policy \"p\" { rule \"r\" { effect = allow } } # policy \"q\" {}");
    struct pil_span policy, rule, out;

    (void)state;
    assert_false(pil_edit_block(&e, NULL, "policy", "q", &out));
    assert_false(pil_edit_block(&e, NULL, "rule", "r", &out)); /* not outside of all */
    assert_true(pil_edit_block(&e, NULL, "policy", "p", &policy));
    assert_true(pil_edit_block(&e, &policy, "rule", "r", &rule));
    assert_false(pil_edit_list(&e, &rule, "resources", &out));
    assert_false(pil_edit_list(&e, &rule, "effect", &out));
    assert_false(pil_edit_block(&e, &rule, "when", NULL, &out));
    pil_edit_free(&e);
}

static void values_come_one_by_one(void **state)
{
    struct pil_edit e =
        on("policy p { rule r { resources = { /* x */ \"a, b\", c,\n'd' # e\n} } }");
    struct pil_span list = list_of(&e);
    struct pil_edit_value value;
    size_t cursor = 0;

    (void)state;
    assert_true(pil_edit_next(&e, &list, &cursor, &value));
    assert_slice(value.says, "a, b");
    assert_int_equal(value.end - value.at, 6);
    assert_true(pil_edit_next(&e, &list, &cursor, &value));
    assert_slice(value.says, "c");
    assert_true(pil_edit_next(&e, &list, &cursor, &value));
    assert_slice(value.says, "d");
    assert_false(pil_edit_next(&e, &list, &cursor, &value));
}

static void comments_of_ours_count_on_and_others_stay(void **state)
{
    static const struct {
        const char *comment, *after;
    } rows[] = {
        {"\"a\",  # once, 2026-01-01 00:00:00\n",
         "\"a\",  # 4 times, 2026-01-01 00:00:00 to 2026-02-02 00:00:00\n"},
        {"\"a\" # 7 times, 2026-01-01 00:00:00 to 2026-01-03 00:00:00; a note\n",
         "\"a\" # 10 times, 2026-01-01 00:00:00 to 2026-02-02 00:00:00; a note\n"},
        {"\"a\",  # once, in a while\n", NULL},
        {"\"a\",  # 7 times, or so\n", NULL},
        {"\"a\",\n  # once, 2026-01-01 00:00:00\n", NULL},
        {"\"a\"", NULL},
    };
    const struct pil_times times = {3, "2026-02-01 00:00:00", "2026-02-02 00:00:00"};

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        char before[256], after[256];
        struct pil_edit_value value;
        struct pil_span list;
        struct pil_edit e;
        size_t cursor = 0;

        snprintf(before, sizeof(before), "policy p { rule r { resources = { %s } } }",
                 rows[i].comment);
        snprintf(after, sizeof(after), "policy p { rule r { resources = { %s } } }",
                 rows[i].after ? rows[i].after : rows[i].comment);
        e = on(before);
        list = list_of(&e);
        assert_true(pil_edit_next(&e, &list, &cursor, &value));
        assert_int_equal(pil_edit_add_times(&e, &value, &times), rows[i].after != NULL);
        expect(&e, after);
    }
}

static void blocks_grow_at_their_end_and_versions_rise_once(void **state)
{
    struct pil_edit e = on("policy p {\n    version = 41 # of mine\n    rule r { }\n}");
    struct pil_span policy;

    (void)state;
    assert_true(pil_edit_block(&e, NULL, "policy", "p", &policy));
    assert_int_equal(pil_edit_indent(&e, &policy), 4);
    assert_err(pil_edit_add_text(&e, &policy, "    rule s { }\n"), PIL_OK);
    assert_err(pil_edit_raise_version(&e, &policy), PIL_OK);
    assert_err(pil_edit_raise_version(&e, &policy), PIL_OK);
    assert_err(pil_edit_append(&e, "\nservice x { }\n"), PIL_OK);
    expect(&e, "policy p {\n    version = 42 # of mine\n    rule r { }\n    rule s { }\n}"
               "\nservice x { }\n");

    e = on("policy p { rule r { } }");
    assert_true(pil_edit_block(&e, NULL, "policy", "p", &policy));
    assert_err(pil_edit_add_text(&e, &policy, "    rule s { }\n"), PIL_OK);
    assert_err(pil_edit_raise_version(&e, &policy), PIL_OK); /* there is none */
    expect(&e, "policy p { rule r { } \n    rule s { }\n}");

    e = on("schema = 1");
    assert_err(pil_edit_append(&e, "default = deny\n"), PIL_OK);
    expect(&e, "schema = 1\ndefault = deny\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_added_where_they_stand),
        cmocka_unit_test(several_values_share_one_comma),
        cmocka_unit_test(places_that_are_not_there_are_not_found),
        cmocka_unit_test(values_come_one_by_one),
        cmocka_unit_test(comments_of_ours_count_on_and_others_stay),
        cmocka_unit_test(blocks_grow_at_their_end_and_versions_rise_once),
    };

    return cmocka_run_group_tests_name("rules_edit", tests, NULL, NULL);
}
