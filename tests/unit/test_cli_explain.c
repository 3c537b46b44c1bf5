/* cli/explain: the verdict with what led to it, on policies that differ by address and name. */
#include "tests/support/support.h"

#include <stdio.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/explain.h"
#include "cli/source.h"

#define POLICY                                                                                     \
    "schema = 1\n"                                                                                 \
    "default = deny\n"                                                                             \
    "workload \"web\" { exe = \"/web\" }\n"                                                        \
    "policy \"p\" {\n"                                                                             \
    "    applies = {\"workload:web\"}\n"                                                           \
    "    rule \"one\" { effect = allow actions = {connect} resources = {\"10.0.0.1:80\"} }\n"      \
    "    rule \"name\" { effect = allow actions = {connect} resources = {\"by.name:80\"} }\n"      \
    "    rule \"when\" { effect = allow actions = {connect} resources = {\"10.0.0.9:80\"}\n"       \
    "                  when { hours = \"06:00-22:00\" timezone = \"Asia/Tokyo\" } }\n"

struct world {
    char *folder, *path;
    struct pil_source source;
    struct pil_question question;
    struct pil_subject who;
};

static void open_policy(struct world *w, unsigned more_rules)
{
    char *text = malloc(sizeof(POLICY) + more_rules * 128u + 8);
    const char *path;
    size_t len = sizeof(POLICY) - 1;

    assert_non_null(text);
    strcpy(text, POLICY);
    for (unsigned i = 0; i < more_rules; i++)
        len += (size_t)sprintf(text + len,
                               "rule \"more-%u\" { effect = allow actions = {connect} "
                               "resources = {\"10.1.%u.%u:80\"} }\n",
                               i, i / 200, i % 200);
    strcpy(text + len, "}\n");
    w->path = test_file(w->folder, "p.conf", text);
    free(text);
    path = w->path;
    assert_err(pil_source_open(&w->source, &(struct pil_words){&path, 1}, NULL), PIL_OK);
    w->who = (struct pil_subject){
        .workload = pil_image_workload_find(&w->source.image, pil_slice_of("web"))};
    assert_int_not_equal(w->who.workload, 0);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    w->folder = test_folder_make();
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    pil_source_close(&w->source);
    free(w->path);
    test_folder_remove(w->folder);
    free(w);
    return 0;
}

static void ask(struct world *w, unsigned count, const char *const *ip, const char *name)
{
    memset(&w->question, 0, sizeof(w->question));
    strcpy(w->question.text, "asked");
    w->question.count = count;
    for (unsigned i = 0; i < count; i++) {
        struct pil_query *q = &w->question.query[i];

        q->action = PIL_ACTION_CONNECT;
        q->kind = PIL_KIND_INET;
        q->seen = PIL_FIELD_NAME;
        q->port = 80;
        q->name = pil_slice_of(name);
        assert_err(pil_ip_parse(pil_slice_of(ip[i]), &q->ip), PIL_OK);
    }
}

/* Runs it with stdout in a file; the caller frees the text. */
static char *explain(struct world *w, struct pil_explain_env env, bool json, int want)
{
    FILE *file = tmpfile();
    char *text = calloc(1, 1u << 20);
    int kept, code;

    assert_non_null(file);
    assert_non_null(text);
    fflush(stdout);
    kept = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    code = pil_explain(&w->source.image, &w->who, &w->question, &env, json);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    rewind(file);
    assert_true(fread(text, 1, (1u << 20) - 1, file) > 0);
    fclose(file);
    assert_int_equal(code, want);
    return text;
}

static json_t *explain_json(struct world *w, struct pil_explain_env env, int want)
{
    char *text = explain(w, env, true, want);
    json_t *answer = json_loads(text, 0, NULL);

    if (!answer)
        fail_msg("no JSON: %s", text);
    free(text);
    return answer;
}

static const char *string(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void the_address_that_is_refused_is_explained(void **state)
{
    struct world *w = *state;
    json_t *answer;
    char *text;

    open_policy(w, 0);
    ask(w, 2, (const char *[]){"10.0.0.1", "10.0.0.2"}, "some.name");
    answer = explain_json(w, (struct pil_explain_env){0}, PIL_EXIT_NO);
    assert_string_equal(string(answer, "verdict"), "deny");
    assert_string_equal(string(answer, "resource"), "some.name:80 (10.0.0.2)");
    assert_int_equal(json_array_size(json_object_get(answer, "addresses")), 2);
    assert_string_equal(string(json_array_get(json_object_get(answer, "addresses"), 0), "verdict"),
                        "allow");
    json_decref(answer);
    text = explain(w, (struct pil_explain_env){0}, false, PIL_EXIT_NO);
    assert_non_null(strstr(text, "10.0.0.1 "));
    assert_non_null(strstr(text, "addresses of the name:"));
    free(text);
}

static void all_addresses_allowed_is_allowed(void **state)
{
    struct world *w = *state;
    json_t *answer;

    open_policy(w, 0);
    ask(w, 2, (const char *[]){"192.0.2.1", "192.0.2.2"}, "by.name");
    answer = explain_json(w, (struct pil_explain_env){0}, PIL_EXIT_OK);
    assert_string_equal(string(json_object_get(answer, "decided"), "rule"), "name");
    assert_string_equal(string(answer, "error"), "");
    json_decref(answer);
}

static void a_name_without_address_is_judged_by_itself(void **state)
{
    struct world *w = *state;
    json_t *answer;

    open_policy(w, 0);
    ask(w, 1, (const char *[]){"::"}, "by.name");
    w->question.no_address = true;
    answer = explain_json(w, (struct pil_explain_env){0}, PIL_EXIT_OK);
    assert_string_equal(string(answer, "resource"), "asked (no address known here)");
    assert_int_equal(json_array_size(json_object_get(answer, "addresses")), 0);
    json_decref(answer);
}

static void time_is_the_one_that_was_asked_for(void **state)
{
    struct world *w = *state;

    open_policy(w, 0);
    ask(w, 1, (const char *[]){"10.0.0.9"}, NULL);
    /* 2026-01-05 21:00 UTC is 06:00 in Tokyo, 20:59 is not yet. */
    json_decref(explain_json(w, (struct pil_explain_env){.now = 1767646800}, PIL_EXIT_OK));
    json_decref(explain_json(w, (struct pil_explain_env){.now = 1767646740}, PIL_EXIT_NO));
}

static void the_nearest_rules_come_first_and_few(void **state)
{
    struct world *w = *state;
    json_t *answer;
    char *text;

    open_policy(w, 300);
    ask(w, 1, (const char *[]){"10.0.0.1"}, NULL);
    answer = explain_json(w, (struct pil_explain_env){0}, PIL_EXIT_OK);
    assert_int_equal(json_array_size(json_object_get(answer, "rules")), 1 + PIL_EXPLAIN_NEAREST);
    assert_string_equal(string(json_array_get(json_object_get(answer, "rules"), 0), "rule"), "one");
    json_decref(answer);
    answer = explain_json(w, (struct pil_explain_env){.all = true}, PIL_EXIT_OK);
    assert_int_equal(json_array_size(json_object_get(answer, "rules")), 303);
    json_decref(answer);
    text = explain(w, (struct pil_explain_env){0}, false, PIL_EXIT_OK);
    assert_non_null(strstr(text, "and 294 more; --all shows them"));
    free(text);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(the_address_that_is_refused_is_explained),
        WITH_WORLD(all_addresses_allowed_is_allowed),
        WITH_WORLD(a_name_without_address_is_judged_by_itself),
        WITH_WORLD(time_is_the_one_that_was_asked_for),
        WITH_WORLD(the_nearest_rules_come_first_and_few),
    };

    return cmocka_run_group_tests_name("cli_explain", tests, NULL, NULL);
}
