/* conf/check, and the messages of a whole load: tests/policy/errors holds policies that are wrong
 * and what is to be said of each, word for word. */
#include "tests/support/support.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "conf/load.h"
#include "conf/policy.h"

#define FOLDER "tests/policy/errors/"

struct heard {
    char text[16384];
    size_t len;
};

static void hear(void *cookie, enum pil_severity severity, const char *message)
{
    struct heard *h = cookie;

    h->len += (size_t)snprintf(h->text + h->len, sizeof(h->text) - h->len, "%s: %s\n",
                               severity == PIL_SEVERITY_ERROR ? "error" : "warning", message);
    assert_true(h->len < sizeof(h->text));
}

/* Loads and checks; messages and counts go to *h and *diag. */
static int judge(const char *name, const char *text, struct heard *h, struct pil_diag *diag)
{
    struct pil_model model;
    int err;

    *h = (struct heard){0};
    *diag = (struct pil_diag){.sink = hear, .cookie = h};
    err = pil_load_text(name, text, strlen(text), diag, &model);
    if (!err)
        err = pil_check(&model, diag);
    pil_model_free(&model);
    assert_int_equal(err != PIL_OK, diag->errors > 0);
    return err;
}

static char *slurp(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = calloc(1, 65536);

    if (!file)
        fail_msg("%s cannot be opened", path);
    assert_true(fread(text, 1, 65535, file) < 65535);
    fclose(file);
    return text;
}

static void compare_one(const char *name)
{
    char path[512], *text, *expected;
    struct heard heard;
    struct pil_diag diag;

    snprintf(path, sizeof(path), FOLDER "%s", name);
    text = slurp(path);
    snprintf(path, sizeof(path), FOLDER "%.*s.expect", (int)(strlen(name) - 5), name);
    expected = slurp(path);
    (void)!judge(name, text, &heard, &diag);
    if (strcmp(heard.text, expected) != 0)
        fail_msg("%s says\n%sand not\n%s", name, heard.text, expected);
    assert_true(diag.errors + diag.warnings > 0);
    free(text);
    free(expected);
}

static void bad_policies_get_the_messages_they_should(void **state)
{
    DIR *dir = opendir(FOLDER);
    struct dirent *entry;
    unsigned count = 0;

    (void)state;
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        size_t len = strlen(entry->d_name);

        if (len < 6 || strcmp(entry->d_name + len - 5, ".conf") != 0)
            continue;
        compare_one(entry->d_name);
        count++;
    }
    closedir(dir);
    assert_true(count >= 20);
}

static void a_sound_policy_gets_no_message(void **state)
{
    struct heard heard;
    struct pil_diag diag;

    (void)state;
    assert_err(
        judge("x.conf",
              "schema = 1 trust_domain = d workload w { exe = \"/x\" } workload v { exe = \"/x\" "
              "user = v }\n"
              "role r { members = {\"workload:w\", \"role:s\", \"spiffe://d/x/*\"} }\n"
              "role s { members = {\"workload:v\"} }\n"
              "service db { endpoints = {\"10.0.0.1:5432\", \"db.example\"} }\n"
              "policy base { default = deny rule a { effect = deny resources = {\"*:25\"} } }\n"
              "policy p { applies = {\"role:r\"} inherits = {base}\n"
              " rule a { effect = allow actions = {connect, resolve}\n"
              "  resources = {\"service:db\"} }\n"
              " rule b { effect = allow actions = {accept} resources = {\"*:80\"}\n"
              "  when { source = {\"10.0.0.0/8\"} } } }\n"
              "route db { retries = 1 }\n",
              &heard, &diag),
        PIL_OK);
    assert_string_equal(heard.text, "");
}

/* A path of exactly PIL_INHERIT_MAX policies is legal; tests/policy/errors has one more. */
static void inheritance_may_be_as_deep_as_the_limit(void **state)
{
    char text[4096];
    size_t len = (size_t)sprintf(text, "schema = 1\n");
    struct heard heard;
    struct pil_diag diag;

    (void)state;
    for (unsigned i = 0; i < PIL_INHERIT_MAX; i++) {
        len += (size_t)sprintf(text + len, "policy p%u { default = deny ", i);
        if (i == 0)
            len += (size_t)sprintf(text + len, "applies = {\"*\"} ");
        if (i + 1 < PIL_INHERIT_MAX)
            len += (size_t)sprintf(text + len, "inherits = {p%u} ", i + 1);
        len += (size_t)sprintf(text + len, "}\n");
    }
    assert_err(judge("x.conf", text, &heard, &diag), PIL_OK);
    assert_string_equal(heard.text, "");
}

/* Many rules must not take long: comparing is bounded, and its end is told. */
static void comparing_rules_has_a_budget(void **state)
{
    size_t cap = 1000 * 160;
    char *text = malloc(cap);
    size_t len = (size_t)sprintf(text, "schema = 1 policy p { applies = {\"*\"}\n");
    struct heard heard;
    struct pil_diag diag;

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        len += (size_t)sprintf(text + len, "rule r%u { effect = %s resources = {\"h%u:1\"} }\n", i,
                               i < 500 ? "deny" : "allow", i);
    sprintf(text + len, "}");
    assert_err(judge("x.conf", text, &heard, &diag), PIL_OK);
    assert_string_equal(heard.text,
                        "warning: too many rules to look for all that cannot be reached\n");
    free(text);
}

/* The kernel names the file and not the link, so a workload of the link would match nobody. */
static void an_executable_that_is_a_link_is_warned_about(void **state)
{
    char *folder = test_folder_make(), *program = test_file(folder, "program", "");
    char text[512], wanted[512], *link = NULL;
    struct heard heard;
    struct pil_diag diag;

    (void)state;
    assert_true(asprintf(&link, "%s/link", folder) > 0);
    assert_int_equal(symlink(program, link), 0);
    snprintf(text, sizeof(text),
             "schema = 1\nworkload \"w\" { exe = \"%s\" }\n"
             "policy p { applies = {\"workload:w\"} rule r { effect = deny } }\n",
             link);
    snprintf(wanted, sizeof(wanted),
             "x.conf:2: exe \"%s\" in workload \"w\" never matches here: it is a link; legal is "
             "\"%s\"",
             link, program);
    assert_err(judge("x.conf", text, &heard, &diag), PIL_OK);
    assert_int_equal(diag.warnings, 1);
    assert_non_null(strstr(heard.text, wanted));
    free(link);
    free(program);
    test_folder_remove(folder);
}

/* The same for the folder of a socket: /var/run, as it stands in most manuals. */
static void a_folder_that_is_a_link_is_warned_about(void **state)
{
    char *folder = test_folder_make(), text[512], wanted[512], *link = NULL;
    struct heard heard;
    struct pil_diag diag;

    (void)state;
    assert_true(asprintf(&link, "%s/link", folder) > 0);
    assert_int_equal(symlink(".", link), 0);
    snprintf(text, sizeof(text),
             "schema = 1\npolicy p { applies = {\"*\"} rule r { effect = deny\n"
             "resources = {\"unix:%s/x*.sock\", \"unix:%s/y.sock\", \"unix:**\"} } }\n",
             link, folder);
    snprintf(
        wanted, sizeof(wanted),
        "warning: x.conf:3: resource \"unix:%s/x*.sock\" never matches here: \"%s\" is a link; "
        "legal is \"%s\"\n",
        link, link, folder);
    assert_err(judge("x.conf", text, &heard, &diag), PIL_OK);
    assert_string_equal(heard.text, wanted);
    free(link);
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_executable_that_is_a_link_is_warned_about),
        cmocka_unit_test(a_folder_that_is_a_link_is_warned_about),
        cmocka_unit_test(bad_policies_get_the_messages_they_should),
        cmocka_unit_test(a_sound_policy_gets_no_message),
        cmocka_unit_test(inheritance_may_be_as_deep_as_the_limit),
        cmocka_unit_test(comparing_rules_has_a_budget),
    };

    return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
