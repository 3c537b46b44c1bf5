/* cli/rules/draft: services, roles and rules out of grants, with titles that are free. */
#include "tests/support/support.h"

#include "cli/rules/draft.h"
#include "tests/support/sights.h"

static const struct pil_shape plain = {.exact = true};
static const char *const subjects[] = {"a", "b", "c"};

static void make(struct pil_draft *draft, const struct pil_seen_list *seen, const unsigned *who,
                 unsigned count)
{
    struct pil_grants grants = {0};

    for (size_t i = 0; i < seen->count; i++)
        assert_err(pil_grants_add(&grants, &plain, &seen->item[i], who ? who[i] : 0), PIL_OK);
    pil_grants_settle(&grants);
    draft->title = "t";
    draft->subject = subjects;
    draft->all = (UINT64_C(1) << count) - 1;
    assert_err(pil_draft_make(draft, &grants), PIL_OK);
    pil_grants_free(&grants);
}

static void services_are_called_after_their_hosts(void **state)
{
    struct pil_draft draft = {0};
    struct pil_seen_list seen = {0};

    (void)state;
    sight(&seen, "/bin/x", "resolve", NAME("db.example"));
    sight(&seen, "/bin/x", "connect", NAMED("db.example", "10.0.0.1", 5432));
    sight(&seen, "/bin/x", "connect", NAMED("db.example", "10.0.0.1", 80));
    sight(&seen, "/bin/x", "resolve", NAME("db.other"));
    sight(&seen, "/bin/x", "connect", NAMED("db.other", "10.0.0.2", 80));
    sight(&seen, "/bin/x", "resolve", NAME("localhost"));
    sight(&seen, "/bin/x", "connect", NAMED("localhost", "127.0.0.1", 6379));
    make(&draft, &seen, NULL, 1);
    assert_int_equal(draft.services, 3);
    assert_string_equal(draft.service[0].title, "db");
    assert_int_equal(draft.service[0].endpoints.count, 2);
    assert_string_equal(draft.service[0].endpoints.item[0].text, "db.example:5432");
    assert_string_equal(draft.service[1].title, "db.other-80");    /* db is taken */
    assert_string_equal(draft.service[2].title, "localhost-6379"); /* and that is a host */
    assert_int_equal(draft.rules, 1);
    assert_string_equal(draft.rule[0].title, "connect-resolve");
    assert_int_equal(draft.rule[0].resources.count, 3);
    assert_string_equal(draft.rule[0].resources.item[0].text, "service:db");
    pil_draft_free(&draft);

    draft = (struct pil_draft){.no_services = true};
    make(&draft, &seen, NULL, 1);
    assert_int_equal(draft.services, 0);
    assert_int_equal(draft.rule[0].resources.count, 4);
    assert_string_equal(draft.rule[0].resources.item[0].text, "db.example:5432");
    pil_draft_free(&draft);
    pil_seen_free(&seen);
}

/* a and b share two rules, so they are a role; all three share one, which names nobody. */
static void a_set_that_is_named_twice_is_a_role(void **state)
{
    static const unsigned who[] = {0, 1, 0, 1, 0, 1, 2, 2};
    struct pil_draft draft = {0};
    struct pil_seen_list seen = {0};

    (void)state;
    sight(&seen, "/bin/x", "connect", AT("10.0.0.1", 1));
    sight(&seen, "/bin/x", "connect", AT("10.0.0.1", 1));
    sight(&seen, "/bin/x", "listen", AT("10.0.0.1", 2));
    sight(&seen, "/bin/x", "listen", AT("10.0.0.1", 2));
    sight(&seen, "/bin/x", "resolve", NAME("all"));
    sight(&seen, "/bin/x", "resolve", NAME("all"));
    sight(&seen, "/bin/x", "resolve", NAME("all"));
    sight(&seen, "/bin/x", "listen", AT("10.0.0.1", 3));
    make(&draft, &seen, who, 3);
    assert_int_equal(draft.roles, 1);
    assert_string_equal(draft.role[0].title, "t-shared");
    assert_true(draft.role[0].who == 3);
    assert_int_equal(draft.rules, 4);
    assert_string_equal(draft.rule[0].title, "t-shared-connect");
    assert_string_equal(draft.rule[1].title, "t-shared-listen");
    assert_string_equal(draft.rule[2].title, "c-listen");
    assert_string_equal(draft.rule[3].title, "resolve");
    assert_true(draft.rule[3].who == draft.all);
    pil_draft_free(&draft);
    pil_seen_free(&seen);
}

static void the_same_peers_are_one_rule(void **state)
{
    struct pil_draft draft = {0};
    struct pil_seen_list seen = {0};

    (void)state;
    sight(&seen, "/bin/x", "accept", AT("10.0.0.1", 80) FROM("10.0.0.8"));
    sight(&seen, "/bin/x", "accept", AT("10.0.0.1", 80) FROM("10.0.0.9"));
    sight(&seen, "/bin/x", "accept", AT("10.0.0.1", 443) FROM("10.0.0.8"));
    sight(&seen, "/bin/x", "accept", AT("10.0.0.1", 443) FROM("10.0.0.9"));
    sight(&seen, "/bin/x", "accept", AT("10.0.0.1", 22) FROM("10.0.0.9"));
    make(&draft, &seen, NULL, 1);
    assert_int_equal(draft.rules, 2);
    assert_string_equal(draft.rule[0].title, "accept");
    assert_int_equal(draft.rule[0].resources.count, 1);
    assert_string_equal(draft.rule[0].resources.item[0].text, "10.0.0.1:22");
    assert_string_equal(draft.rule[1].title, "accept-2");
    assert_int_equal(draft.rule[1].resources.count, 2);
    assert_int_equal(draft.rule[1].sources.count, 2);
    assert_string_equal(draft.rule[1].sources.item[1].text, "10.0.0.9");
    assert_int_equal(draft.rule[1].sources.item[1].times.count, 2);
    pil_draft_free(&draft);
    pil_seen_free(&seen);
}

static bool taken(void *cookie, const char *kind, const char *title)
{
    (void)cookie;
    return strcmp(kind, "rule") == 0 &&
           (strcmp(title, "connect") == 0 || strcmp(title, "connect-2") == 0);
}

static const char *known(void *cookie, const struct pil_draft_list *endpoints)
{
    (void)cookie;
    return endpoints->count == 1 ? "mine" : NULL;
}

static void what_is_there_is_not_named_again(void **state)
{
    struct pil_draft draft = {.taken = taken, .known = known};
    struct pil_seen_list seen = {0};

    (void)state;
    sight(&seen, "/bin/x", "connect", AT("10.0.0.1", 1));
    sight(&seen, "/bin/x", "resolve", NAME("db.example"));
    sight(&seen, "/bin/x", "connect", NAMED("db.example", "10.0.0.1", 80));
    make(&draft, &seen, NULL, 1);
    assert_string_equal(draft.rule[0].title, "connect-3");
    assert_true(draft.service[0].known);
    assert_string_equal(draft.rule[1].resources.item[0].text, "service:mine");
    pil_draft_free(&draft);
    pil_seen_free(&seen);
}

static void any_text_gives_a_title(void **state)
{
    static const struct {
        const char *from, *want;
    } rows[] = {{"nginx", "nginx"}, {"a b/c", "a-b-c"}, {"", "-"}, {"\xc3\xa4", "--"}};
    char *title;

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        title = pil_draft_title(rows[i].from);
        assert_string_equal(title, rows[i].want);
        free(title);
    }
    title =
        pil_draft_title("0123456789012345678901234567890123456789012345678901234567890123456789");
    assert_int_equal(strlen(title), PIL_TITLE_MAX);
    free(title);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(services_are_called_after_their_hosts),
        cmocka_unit_test(a_set_that_is_named_twice_is_a_role),
        cmocka_unit_test(the_same_peers_are_one_rule),
        cmocka_unit_test(what_is_there_is_not_named_again),
        cmocka_unit_test(any_text_gives_a_title),
    };

    return cmocka_run_group_tests_name("rules_draft", tests, NULL, NULL);
}
