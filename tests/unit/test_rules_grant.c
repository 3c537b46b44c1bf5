/* cli/rules/grant: decisions boiled down, the same in whatever order they come. */
#include "tests/support/support.h"

#include "cli/rules/grant.h"
#include "tests/support/sights.h"

static const struct pil_shape plain = {.exact = true};

static void add(struct pil_grants *grants, const struct pil_seen_list *seen, const unsigned *who)
{
    for (size_t i = 0; i < seen->count; i++)
        assert_err(pil_grants_add(grants, &plain, &seen->item[i], who ? who[i] : 0), PIL_OK);
}

static void expect(const struct pil_grant *g, uint64_t who, unsigned actions, const char *resource,
                   const char *source, uint64_t count)
{
    assert_string_equal(g->resource, resource);
    assert_true(g->who == who);
    assert_int_equal(g->actions, actions);
    if (source)
        assert_string_equal(g->source, source);
    else
        assert_null(g->source);
    assert_true(g->times.count == count);
}

static void a_lookup_goes_with_what_is_reached(void **state)
{
    struct pil_seen_list seen = {0};
    struct pil_grants grants = {0};

    (void)state;
    sight(&seen, "/bin/x", "resolve", NAME("db.example"));
    sight(&seen, "/bin/x", "connect", NAMED("db.example", "10.0.0.1", 5432));
    sight(&seen, "/bin/x", "connect", NAMED("db.example", "10.0.0.2", 5432));
    sight(&seen, "/bin/x", "connect", NAMED("db.example", "10.0.0.2", 80));
    sight(&seen, "/bin/x", "resolve", NAME("idle.example"));
    add(&grants, &seen, NULL);
    pil_grants_settle(&grants);
    assert_int_equal(grants.count, 3);
    expect(&grants.item[0], 1, PIL_BIT(PIL_ACTION_RESOLVE), "idle.example", NULL, 1);
    expect(&grants.item[1], 1, PIL_BIT(PIL_ACTION_CONNECT) | PIL_BIT(PIL_ACTION_RESOLVE),
           "db.example:5432", NULL, 2);
    expect(&grants.item[2], 1, PIL_BIT(PIL_ACTION_CONNECT) | PIL_BIT(PIL_ACTION_RESOLVE),
           "db.example:80", NULL, 1);
    pil_grants_free(&grants);
    pil_seen_free(&seen);
}

static void peers_stay_apart_and_belong_to_accept(void **state)
{
    struct pil_seen_list seen = {0};
    struct pil_grants grants = {0};

    (void)state;
    sight(&seen, "/bin/x", "listen", AT("10.0.0.1", 80));
    sight(&seen, "/bin/x", "accept", AT("10.0.0.1", 80) FROM("10.0.0.9"));
    sight(&seen, "/bin/x", "accept", AT("10.0.0.1", 80) FROM("10.0.0.8"));
    sight(&seen, "/bin/x", "accept", AT("10.0.0.1", 80) FROM("10.0.0.9"));
    sight(&seen, "/bin/x", "listen", UNIX("/run/x"));
    sight(&seen, "/bin/x", "accept", UNIX("/run/x"));
    add(&grants, &seen, NULL);
    pil_grants_settle(&grants);
    assert_int_equal(grants.count, 4);
    expect(&grants.item[0], 1, PIL_BIT(PIL_ACTION_ACCEPT), "10.0.0.1:80", "10.0.0.8", 1);
    expect(&grants.item[1], 1, PIL_BIT(PIL_ACTION_ACCEPT), "10.0.0.1:80", "10.0.0.9", 2);
    expect(&grants.item[2], 1, PIL_BIT(PIL_ACTION_LISTEN), "10.0.0.1:80", NULL, 1);
    expect(&grants.item[3], 1, PIL_BIT(PIL_ACTION_LISTEN) | PIL_BIT(PIL_ACTION_ACCEPT),
           "unix:/run/x", NULL, 2);
    pil_grants_free(&grants);
    pil_seen_free(&seen);
}

/* Six decisions by three subjects, added in every rotation. */
static void order_does_not_matter_and_subjects_share(void **state)
{
    static const unsigned who[] = {0, 1, 2, 0, 1, 2};
    struct pil_seen_list seen = {0};

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        sight(&seen, "/bin/x", "connect", AT("10.0.0.1", 80));
    for (unsigned i = 0; i < 2; i++)
        sight(&seen, "/bin/x", "send", AT("10.0.0.1", 53));
    sight(&seen, "/bin/x", "connect", AT("10.0.0.1", 53));
    for (unsigned first = 0; first < 6; first++) {
        struct pil_grants grants = {0};

        for (unsigned i = 0; i < 6; i++)
            assert_err(
                pil_grants_add(&grants, &plain, &seen.item[(first + i) % 6], who[(first + i) % 6]),
                PIL_OK);
        pil_grants_settle(&grants);
        assert_int_equal(grants.count, 3);
        expect(&grants.item[0], 4, PIL_BIT(PIL_ACTION_CONNECT), "10.0.0.1:53", NULL, 1);
        expect(&grants.item[1], 7, PIL_BIT(PIL_ACTION_CONNECT), "10.0.0.1:80", NULL, 3);
        expect(&grants.item[2], 3, PIL_BIT(PIL_ACTION_SEND), "10.0.0.1:53", NULL, 2);
        pil_grants_free(&grants);
    }
    pil_seen_free(&seen);
}

static void what_no_words_name_is_not_found(void **state)
{
    struct pil_seen_list seen = {0};
    struct pil_grants grants = {0};
    const struct pil_seen *s =
        sight(&seen, "/bin/x", "connect", ",\"resource\":\"family:40\",\"name\":\"family:40\"");

    (void)state;
    assert_err(pil_grants_add(&grants, &plain, s, 0), PIL_E_NOTFOUND);
    assert_int_equal(grants.count, 0);
    pil_grants_free(&grants);
    pil_seen_free(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lookup_goes_with_what_is_reached),
        cmocka_unit_test(peers_stay_apart_and_belong_to_accept),
        cmocka_unit_test(order_does_not_matter_and_subjects_share),
        cmocka_unit_test(what_no_words_name_is_not_found),
    };

    return cmocka_run_group_tests_name("rules_grant", tests, NULL, NULL);
}
