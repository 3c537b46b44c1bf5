/* cli/rules/offer: rules that are loaded where they are pasted, for what shadow would deny. */
#include "tests/support/support.h"

#include <stdio.h>

#include "cli/rules/cover.h"
#include "cli/rules/offer.h"
#include "tests/support/sights.h"

#define SHADOW(policy, rule, workload)                                                             \
    ",\"shadow\":\"would-deny\",\"shadow_policy\":\"" policy "\",\"shadow_rule\":" rule            \
    ",\"workload\":\"" workload "\""

static const struct pil_shape plain = {.exact = true};

static char *offered(const struct pil_seen_list *seen, const struct pil_image *image)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    assert_non_null(to);
    assert_err(pil_offer(to, seen, &plain, image), PIL_OK);
    assert_int_equal(fclose(to), 0);
    return text;
}

static void each_policy_gets_its_own(void **state)
{
    struct pil_seen_list seen = {0};
    char *text;

    (void)state;
    sight(&seen, "/bin/a", "connect", AT("10.0.0.1", 1) SHADOW("p", "null", "a"));
    sight(&seen, "/bin/b", "connect", AT("10.0.0.1", 2) SHADOW("q", "null", "b"));
    sight(&seen, "/bin/a", "connect", AT("10.0.0.1", 3) SHADOW("p", "\"no\"", "a"));
    sight(&seen, "/bin/a", "connect", AT("10.0.0.1", 4) ",\"shadow\":\"would-allow\"");
    sight(&seen, "/bin/a", "connect",
          AT("10.0.0.1", 5) ",\"shadow\":\"would-deny\",\"shadow_reason\":\"no-policy\"");
    sight(&seen, "/bin/a", "connect",
          ",\"resource\":\"family:40\",\"name\":\"family:40\"" SHADOW("p", "null", "a"));
    text = offered(&seen, NULL);
    assert_string_equal(text, "# for policy \"p\":\n"
                              "# rule \"no\" denies connect 10.0.0.1:3, 1 times: no other rule can "
                              "allow it\n"
                              "# sockets of another family: only a rule for everything allows "
                              "them\n"
                              "    rule \"a-connect\" {\n"
                              "        effect    = allow\n"
                              "        subjects  = {\"workload:a\"}\n"
                              "        actions   = {connect}\n"
                              "        resources = {\n"
                              "            \"10.0.0.1:1\",  # once, 2026-01-02 03:04:05\n"
                              "        }\n"
                              "    }\n"
                              "# for policy \"q\":\n"
                              "    rule \"b-connect\" {\n"
                              "        effect    = allow\n"
                              "        subjects  = {\"workload:b\"}\n"
                              "        actions   = {connect}\n"
                              "        resources = {\n"
                              "            \"10.0.0.1:2\",  # once, 2026-01-02 03:04:05\n"
                              "        }\n"
                              "    }\n");
    free(text);
    pil_seen_free(&seen);
}

static void what_is_no_workload_is_allowed_to_everyone(void **state)
{
    struct pil_seen_list seen = {0};
    char *text;

    (void)state;
    sight(&seen, "/bin/a", "connect", AT("10.0.0.1", 1) SHADOW("p", "null", "a"));
    sight(&seen, "/bin/x", "connect", AT("10.0.0.1", 1) SHADOW("p", "null", ""));
    sight(&seen, "/bin/a", "connect", AT("10.0.0.1", 2) SHADOW("p", "null", "a"));
    text = offered(&seen, NULL);
    assert_non_null(strstr(text, "# without subjects"));
    assert_non_null(strstr(text, "    rule \"connect\" {\n        effect    = allow\n"
                                 "        actions   = {connect}\n        resources = {\n"
                                 "            \"10.0.0.1:1\",  # 2 times, "));
    assert_non_null(strstr(text, "        subjects  = {\"workload:a\"}\n"
                                 "        actions   = {connect}\n        resources = {\n"
                                 "            \"10.0.0.1:2\",  # once, "));
    free(text);
    pil_seen_free(&seen);
}

/* Pasted into the policy they are for, with titles that are free there. */
static void the_rules_load_where_they_belong(void **state)
{
    static const char policy[] =
        "schema = 1\nworkload \"a\" { exe = \"/bin/a\" }\nworkload \"b\" { exe = \"/bin/b\" }\n"
        "policy \"p\" { applies = {\"*\"} default = deny\n"
        "rule \"connect\" { effect = allow actions = {send} resources = {\"*:1\"} }\n%s}\n";
    char *folder = test_folder_make(), text[8192], *path, *rules;
    struct pil_seen_list seen = {0};
    struct pil_diag diag = {0};
    struct pil_cover cover;
    const char *workload, *by, *rule;

    (void)state;
    sight(&seen, "/bin/a", "resolve", NAME("db.example") SHADOW("p", "null", "a"));
    sight(&seen, "/bin/a", "connect", NAMED("db.example", "10.0.0.1", 1) SHADOW("p", "null", "a"));
    sight(&seen, "/bin/b", "accept", AT("10.0.0.1", 80) FROM("10.0.0.9") SHADOW("p", "null", "b"));
    sight(&seen, "/bin/x", "connect", AT("10.0.0.1", 7) SHADOW("p", "null", ""));
    snprintf(text, sizeof(text), policy, "");
    path = test_file(folder, "p.conf", text);
    assert_err(pil_cover_open(&cover, path, &diag), PIL_OK);
    rules = offered(&seen, &cover.image);
    pil_cover_close(&cover);
    free(path);
    snprintf(text, sizeof(text), policy, rules);
    path = test_file(folder, "q.conf", text);
    assert_err(pil_cover_open(&cover, path, &diag), PIL_OK);
    assert_int_equal(diag.errors + diag.warnings, 0);
    for (size_t i = 0; i < seen.count; i++)
        assert_int_equal(pil_cover_judge(&cover, &seen.item[i], &workload, &by, &rule),
                         PIL_COVERED);
    assert_string_equal(rule, "connect-2");
    pil_cover_close(&cover);
    free(rules);
    free(path);
    pil_seen_free(&seen);
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_policy_gets_its_own),
        cmocka_unit_test(what_is_no_workload_is_allowed_to_everyone),
        cmocka_unit_test(the_rules_load_where_they_belong),
    };

    return cmocka_run_group_tests_name("rules_offer", tests, NULL, NULL);
}
