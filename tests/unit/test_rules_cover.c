/* cli/rules/cover: a policy's own answer to what was seen, and which values gave it. */
#include "tests/support/support.h"

#include "cli/rules/cover.h"
#include "tests/support/sights.h"

static const char policy[] =
    "schema = 1\ndefault = deny\n"
    "workload \"x\" { exe = \"/bin/x\" }\n"
    "workload \"titled\" { unit = \"no.service\" }\n"
    "policy \"p\" { applies = {\"workload:x\"}\n"
    "  rule \"yes\" { effect = allow actions = {connect} resources = {\"10.0.0.0/8:80\"} }\n"
    "  rule \"no\" { effect = deny actions = {connect} resources = {\"10.0.0.9:*\"} }\n"
    "  rule \"from\" { effect = allow actions = {accept} when { source = {\"10.0.0.0/8\"} } } }\n"
    "policy \"later\" { applies = {\"workload:titled\"} stage = shadow\n"
    "  rule \"then\" { effect = allow actions = {connect} resources = {\"10.0.0.1:1\"} } }\n";

static void the_policy_answers_as_if_enforced(void **state)
{
    static const struct {
        const char *exe, *action, *where;
        enum pil_covered how;
        const char *workload, *policy, *rule;
    } rows[] = {
        {"/bin/x", "connect", AT("10.0.0.1", 80), PIL_COVERED, "x", "p", "yes"},
        {"/bin/x", "connect", AT("10.0.0.1", 81), PIL_MISSING, "x", "", ""},
        {"/bin/x", "connect", AT("10.0.0.9", 80), PIL_OPPOSED, "x", "p", "no"},
        {"/bin/y", "connect", AT("10.0.0.1", 80), PIL_MISSING, "", "", ""},
        {"/bin/x", "accept", AT("10.0.0.1", 80) FROM("10.0.0.2"), PIL_COVERED, "x", "p", "from"},
        {"/bin/x", "accept", AT("10.0.0.1", 80) FROM("11.0.0.2"), PIL_MISSING, "x", "", ""},
        /* A title that policyd has told, and a policy in shadow. */
        {"/bin/y", "connect", AT("10.0.0.1", 1) ",\"workload\":\"titled\"", PIL_COVERED, "titled",
         "later", "then"},
    };
    char *folder = test_folder_make(), *path = test_file(folder, "p.conf", policy);
    struct pil_diag diag = {0};
    struct pil_cover cover;

    (void)state;
    assert_err(pil_cover_open(&cover, path, &diag), PIL_OK);
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        struct pil_seen_list seen = {0};
        const char *workload, *by, *rule;

        sight(&seen, rows[i].exe, rows[i].action, rows[i].where);
        assert_int_equal(pil_cover_judge(&cover, &seen.item[0], &workload, &by, &rule),
                         rows[i].how);
        assert_string_equal(workload, rows[i].workload);
        assert_string_equal(by, rows[i].policy);
        assert_string_equal(rule, rows[i].rule);
        pil_seen_free(&seen);
    }
    pil_cover_close(&cover);
    free(path);
    path = test_file(folder, "wrong.conf", "schema = 2\n");
    assert_err(pil_cover_open(&cover, path, &diag), PIL_E_SYNTAX);
    free(path);
    test_folder_remove(folder);
}

static void values_fit_as_rules_do(void **state)
{
    static const struct {
        const char *value, *action, *where;
        bool fits;
    } rows[] = {
        {"10.0.0.0/8:80-90", "connect", AT("10.0.0.1", 85), true},
        {"10.0.0.0/8:80-90", "connect", AT("10.0.0.1", 91), false},
        {"*:85", "connect", AT("10.0.0.1", 85), true},
        {"*", "connect", AT("10.0.0.1", 85), true},
        {"DB.example.:85", "connect", NAMED("db.example", "10.0.0.1", 85), true},
        {"*.example:85", "connect", NAMED("db.example", "10.0.0.1", 85), true},
        {"*.example:85", "connect", NAMED("example", "10.0.0.1", 85), false},
        {"db.example:1", "resolve", NAME("db.example"), true},
        {"db.example:85", "connect", AT("10.0.0.1", 85), false},
        {"unix:/run/*.sock", "connect", UNIX("/run/x.sock"), true},
        {"unix:/run/*.sock", "connect", UNIX("/run/x/y.sock"), false},
        {"unix:/run/x", "connect", UNIX("/run/x"), true},
        {"service:x", "connect", AT("10.0.0.1", 85), false},
        {"no value", "connect", AT("10.0.0.1", 85), false},
    };

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        struct pil_seen_list seen = {0};

        sight(&seen, "/bin/x", rows[i].action, rows[i].where);
        if (pil_cover_fits(rows[i].value, strlen(rows[i].value), &seen.item[0]) != rows[i].fits)
            fail_msg("%s and %s", rows[i].value, rows[i].where);
        pil_seen_free(&seen);
    }
}

static void peers_fit_their_prefixes(void **state)
{
    struct pil_seen_list seen = {0};

    (void)state;
    sight(&seen, "/bin/x", "accept", AT("10.0.0.1", 80) FROM("10.0.0.2"));
    sight(&seen, "/bin/x", "accept", AT("10.0.0.1", 80));
    assert_true(pil_cover_peer_fits("10.0.0.0/8", 10, &seen.item[0]));
    assert_true(pil_cover_peer_fits("10.0.0.2xx", 8, &seen.item[0]));
    assert_false(pil_cover_peer_fits("11.0.0.0/8", 10, &seen.item[0]));
    assert_false(pil_cover_peer_fits("10.0.0.0/8", 10, &seen.item[1]));
    assert_false(pil_cover_peer_fits("nonsense", 8, &seen.item[0]));
    pil_seen_free(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_policy_answers_as_if_enforced),
        cmocka_unit_test(values_fit_as_rules_do),
        cmocka_unit_test(peers_fit_their_prefixes),
    };

    return cmocka_run_group_tests_name("rules_cover", tests, NULL, NULL);
}
