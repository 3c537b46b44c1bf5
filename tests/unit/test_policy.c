/* conf/policy: text to a verified image in one go; the examples of docs/policy.md and examples/. */
#include "tests/support/support.h"

#include <dirent.h>
#include <stdio.h>

#include "conf/load.h"
#include "conf/policy.h"

struct heard {
    char text[8192];
    size_t len;
};

static void hear(void *cookie, enum pil_severity severity, const char *message)
{
    struct heard *h = cookie;

    (void)severity;
    h->len += (size_t)snprintf(h->text + h->len, sizeof(h->text) - h->len, "%s\n", message);
    assert_true(h->len < sizeof(h->text));
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

/* Builds one text, as a file of mode 0600: a checkout may have left it writable for a group. */
static char *rendered; /* text form of the last image that was built */

static int build(const char *text, unsigned met, struct heard *heard, struct pil_image_counts *out)
{
    struct pil_diag diag = {.sink = hear, .cookie = heard};
    char *folder = test_folder_make(), *path = test_file(folder, "p.conf", text);
    const char *paths[] = {path};
    struct pil_image img;
    void *block = NULL;
    size_t len = 0;
    int err;

    *heard = (struct heard){0};
    err = pil_policy_build(paths, 1, met, &diag, &block, &len, &img);
    assert_int_equal(err != PIL_OK, diag.errors > 0);
    free(rendered);
    rendered = NULL;
    if (!err) {
        pil_image_count(&img, out);
        assert_err(pil_render(&img, &rendered), PIL_OK);
    } else {
        assert_null(block);
    }
    free(block);
    test_folder_remove(folder);
    free(path);
    return err;
}

/* The text form is a policy too, and the same one. */
static void assert_round_trip(void)
{
    struct pil_image_counts counts;
    struct heard heard;
    char *first = rendered;

    rendered = NULL;
    if (build(first, 7, &heard, &counts) != PIL_OK)
        fail_msg("%s\n%s", heard.text, first);
    assert_string_equal(rendered, first);
    free(first);
}

static void every_example_is_accepted_as_it_is(void **state)
{
    DIR *dir = opendir("examples");
    struct dirent *entry;
    unsigned count = 0;

    (void)state;
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        char path[512], *text;
        struct pil_image_counts counts;
        struct heard heard;
        size_t len = strlen(entry->d_name);

        if (len < 6 || strcmp(entry->d_name + len - 5, ".conf") != 0)
            continue;
        snprintf(path, sizeof(path), "examples/%s", entry->d_name);
        text = slurp(path);
        if (build(text, 0, &heard, &counts) != PIL_OK || heard.len > 0)
            fail_msg("%s: %s", path, heard.text);
        assert_true(counts.rules > 0);
        assert_round_trip();
        free(text);
        count++;
    }
    closedir(dir);
    assert_true(count >= 5);
}

/* Fenced blocks "```policy" of the language reference, each a policy of its own. */
static void every_example_of_the_reference_is_legal(void **state)
{
    char *text = slurp("docs/policy.md"), *at = text;
    unsigned count = 0, all = PIL_OBLIGATION_NATIVE | PIL_OBLIGATION_RATE | PIL_OBLIGATION_ROUTE;

    (void)state;
    while ((at = strstr(at, "```policy\n"))) {
        char *start = at + strlen("```policy\n"), *end = strstr(start, "```");
        struct pil_image_counts counts;
        struct heard heard;

        assert_non_null(end);
        *end = '\0';
        if (build(start, all, &heard, &counts) != PIL_OK || heard.len > 0)
            fail_msg("%s\n%s", heard.text, start);
        assert_round_trip();
        at = end + 1;
        count++;
    }
    assert_true(count >= 15);
    free(text);
}

static const char obliged[] = "schema = 1\n"
                              "workload w { exe = \"/x\" }\n"
                              "service s { endpoints = {\"h:1\"}\n"
                              "            encrypt = native }\n"
                              "policy p { applies = {\"workload:w\"}\n"
                              "    rule r { effect = allow  resources = {\"service:s\"}\n"
                              "             rate { limit = 1  per = 1s } } }\n"
                              "route s { retries = 1 }\n";

/* Message n contains text; an empty text: there is no message n. */
static void assert_told(const struct heard *heard, unsigned n, const char *text)
{
    const char *line = heard->text, *found;

    while (n-- > 0 && line)
        line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL;
    assert_non_null(line);
    if (!*text) {
        assert_string_equal(line, "");
        return;
    }
    found = strstr(line, text);
    if (!found || found > strchr(line, '\n'))
        fail_msg("\"%s\" is not in \"%s\"", text, line);
}

static void what_cannot_be_kept_is_refused_with_its_place(void **state)
{
    unsigned all = PIL_OBLIGATION_NATIVE | PIL_OBLIGATION_RATE | PIL_OBLIGATION_ROUTE;
    struct pil_image_counts counts;
    struct heard heard;

    (void)state;
    assert_err(build(obliged, all, &heard, &counts), PIL_OK);
    assert_string_equal(heard.text, "");
    assert_int_equal(counts.rules, 1);
    assert_err(build(obliged, 0, &heard, &counts), PIL_E_UNMET);
    assert_told(&heard, 0, "p.conf:4: encrypt = native of service \"s\" cannot be kept");
    assert_told(&heard, 1, "p.conf:7: rate of rule \"r\" cannot be kept");
    assert_told(&heard, 2, "p.conf:8: route \"s\" cannot be kept");
    assert_told(&heard, 3, "");
    assert_err(build(obliged, all & ~PIL_OBLIGATION_RATE, &heard, &counts), PIL_E_UNMET);
    assert_told(&heard, 0, "p.conf:7: rate of rule \"r\" cannot be kept");
    assert_told(&heard, 1, "");
}

static void errors_of_each_step_end_the_build(void **state)
{
    struct pil_image_counts counts;
    struct heard heard;

    (void)state;
    assert_err(build("schema = 1 polcy p {}", 0, &heard, &counts), PIL_E_SYNTAX);
    assert_non_null(strstr(heard.text, "p.conf:1: unknown keyword \"polcy\""));
    assert_err(build("schema = 1\npolicy p { applies = {\"workload:w\"} default = deny }", 0,
                     &heard, &counts),
               PIL_E_SYNTAX);
    assert_non_null(strstr(heard.text, "p.conf:2: unknown workload \"w\" in applies"));
}

static void the_same_text_gives_the_same_bytes(void **state)
{
    struct pil_diag diag = {0};
    char *folder = test_folder_make(), *path = test_file(folder, "p.conf", obliged);
    const char *paths[] = {path};
    struct pil_image img;
    void *block[2];
    size_t len[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_err(pil_policy_build(paths, 1, 7, &diag, &block[i], &len[i], &img), PIL_OK);
    assert_int_equal(len[0], len[1]);
    assert_memory_equal(block[0], block[1], len[0]);
    free(block[0]);
    free(block[1]);
    test_folder_remove(folder);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_is_accepted_as_it_is),
        cmocka_unit_test(every_example_of_the_reference_is_legal),
        cmocka_unit_test(what_cannot_be_kept_is_refused_with_its_place),
        cmocka_unit_test(errors_of_each_step_end_the_build),
        cmocka_unit_test(the_same_text_gives_the_same_bytes),
    };

    int failed = cmocka_run_group_tests_name("policy", tests, NULL, NULL);

    free(rendered);
    return failed;
}
