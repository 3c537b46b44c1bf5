/* conf/settings: defaults, every kind of value, all errors of a file at once. */
#include "tests/support/support.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/settings.h"

struct heard {
    char text[4096];
    struct pil_diag diag;
};

static void hear(void *cookie, enum pil_severity severity, const char *message)
{
    struct heard *h = cookie;

    (void)severity;
    /* The folder's name is random: only the file's own part is compared. */
    message =
        strrchr(message, '/') && strstr(message, "s.conf") ? strstr(message, "s.conf") : message;
    strncat(h->text, message, sizeof(h->text) - strlen(h->text) - 1);
    strncat(h->text, "\n", sizeof(h->text) - strlen(h->text) - 1);
}

static int load(const char *text, struct pil_settings *out, struct heard *h)
{
    char *folder = test_folder_make(), *path = test_file(folder, "s.conf", text);
    int err;

    *h = (struct heard){.diag = {.sink = hear}};
    h->diag.cookie = h;
    assert_err(pil_settings_init(out), PIL_OK);
    err = pil_settings_load(path, &h->diag, out);
    free(path);
    test_folder_remove(folder);
    return err;
}

static void defaults_are_the_documented_ones(void **state)
{
    struct pil_settings s;

    (void)state;
    assert_err(pil_settings_init(&s), PIL_OK);
    assert_string_equal(s.socket, PIL_DEFAULT_SOCKET);
    assert_string_equal(s.abstract, PIL_DEFAULT_ABSTRACT);
    assert_int_equal(s.socket_mode, 0666);
    assert_int_equal(s.policy.count, 1);
    assert_string_equal(s.policy.item[0], PIL_DEFAULT_POLICY_DIR);
    assert_int_equal(s.verdict_ttl, PIL_VERDICT_TTL_MS);
    assert_int_equal(s.deadline, PIL_DEADLINE_MS);
    assert_int_equal(s.max_age, 0);
    assert_int_equal(s.on_full, PIL_ON_FULL_DROP);
    assert_true(s.watch);
    assert_int_equal(s.metrics.count, 0);
    assert_string_equal(s.state, "/var/lib/pillion");
    assert_int_equal(s.identity, PIL_IDENTITY_CA);
    assert_int_equal(s.identity_files.count, 0);
    assert_int_equal(s.identity_lifetime, 3600);
    assert_int_equal(s.root_lifetime, 365 * 86400);
    assert_int_equal(s.trust.count, 0);
    pil_settings_free(&s);
}

static void every_kind_of_value_is_read(void **state)
{
    struct pil_settings s;
    struct heard h;

    (void)state;
    assert_err(load("socket = \"/tmp/x.sock\"\nabstract = \"\"\nsocket_mode = 0660\n"
                    "policy = {\"/a\", \"/b\"}\nmetrics = {\"127.0.0.1:1\"}\n"
                    "log_allows = denials\non_full = deny\nlog_buffer = 64K\n"
                    "verdict_ttl = 2m\nmax_age = 1h\nwatch = no\nsessions = 100\n"
                    "identity = files\nidentity_files = {/a, /b, /c}\nidentity_lifetime = 90m\n"
                    "root_lifetime = 10d\ntrust = {/d}\nstate = /e\n",
                    &s, &h),
               PIL_OK);
    assert_string_equal(h.text, "");
    assert_string_equal(s.socket, "/tmp/x.sock");
    assert_string_equal(s.abstract, "");
    assert_int_equal(s.socket_mode, 0660);
    assert_int_equal(s.policy.count, 2);
    assert_string_equal(s.policy.item[1], "/b");
    assert_int_equal(s.metrics.count, 1);
    assert_int_equal(s.log_allows, PIL_LOG_ALLOWS_DENIALS);
    assert_int_equal(s.on_full, PIL_ON_FULL_DENY);
    assert_int_equal(s.log_buffer, 65536);
    assert_int_equal(s.verdict_ttl, 120000);
    assert_int_equal(s.max_age, 3600000);
    assert_false(s.watch);
    assert_int_equal(s.sessions, 100);
    assert_int_equal(s.identity, PIL_IDENTITY_FILES);
    assert_int_equal(s.identity_files.count, 3);
    assert_int_equal(s.identity_lifetime, 5400);
    assert_int_equal(s.root_lifetime, 864000);
    assert_string_equal(s.trust.item[0], "/d");
    assert_string_equal(s.state, "/e");
    pil_settings_free(&s);
}

static void all_errors_are_told_and_nothing_is_changed(void **state)
{
    struct pil_settings s;
    struct heard h;

    (void)state;
    assert_err(load("sockett = \"/x\"\nsocket = \"relative\"\nverdict_ttl = 2y\nwho = 1\n"
                    "on_full = maybe\nwatch = yes\nwatch = no\n",
                    &s, &h),
               PIL_E_SYNTAX);
    assert_string_equal(
        h.text, "s.conf:1: unknown setting \"sockett\"; policyd.conf(5) lists them\n"
                "s.conf:4: unknown setting \"who\"; policyd.conf(5) lists them\n"
                "s.conf:2: socket = \"relative\"; legal is an absolute path of at most 107 bytes\n"
                "s.conf:3: verdict_ttl = \"2y\"; legal is 0s..1h\n"
                "s.conf:5: on_full = \"maybe\"; legal is drop, block, deny\n"
                "s.conf:7: watch is set twice; legal is once\n");
    assert_int_equal(h.diag.errors, 6);
    assert_string_equal(s.socket, PIL_DEFAULT_SOCKET);
    assert_true(s.watch);
    pil_settings_free(&s);
}

static void values_out_of_range_are_refused(void **state)
{
    static const char *const bad[] = {
        "verdict_ttl = 61m\n",
        "deadline = 0ms\n",
        "socket_mode = 1777\n",
        "socket_mode = 9\n",
        "sessions = 15\n",
        "sessions = -1\n",
        "log_buffer = 1\n",
        "abstract = \"name\"\n",
        "log_buffer = 99999999999999999999\n",
        "verdict_ttl = 10\n",
        "policy = {\"\"}\n",
        "watch = perhaps\n",
        "identity = vault\n",
        "state = here\n",
        "identity_lifetime = 1s\n",
        "root_lifetime = 7s\n",
        "identity_lifetime = 2500ms\n",
        "identity_lifetime = 31d\n",
        "identity_files = {a, b, c, d}\n",
    };
    struct pil_settings s;
    struct heard h;

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(bad); i++) {
        assert_err(load(bad[i], &s, &h), PIL_E_SYNTAX);
        assert_int_equal(h.diag.errors, 1);
        assert_non_null(strstr(h.text, "s.conf:1: "));
        assert_non_null(strstr(h.text, "; legal is "));
        pil_settings_free(&s);
    }
}

static void identities_in_files_need_files(void **state)
{
    struct pil_settings s;
    struct heard h;

    (void)state;
    assert_err(load("identity = files\nidentity_files = {/a, /b}\n", &s, &h), PIL_E_SYNTAX);
    assert_string_equal(h.text,
                        "s.conf: identity = files with 2 identity_files; legal is a folder, "
                        "one PEM file, or certificate, key and roots\n");
    pil_settings_free(&s);
    assert_err(load("identity = files\n", &s, &h), PIL_E_SYNTAX);
    pil_settings_free(&s);
    assert_err(load("identity = files\nidentity_files = {/a}\n", &s, &h), PIL_OK);
    pil_settings_free(&s);
}

static void a_file_others_can_write_is_refused(void **state)
{
    char *folder = test_folder_make(), *path = test_file(folder, "s.conf", "watch = no\n");
    struct heard h = {.diag = {.sink = hear}};
    struct pil_settings s;

    (void)state;
    h.diag.cookie = &h;
    assert_int_equal(chmod(path, 0620), 0);
    assert_err(pil_settings_init(&s), PIL_OK);
    assert_err(pil_settings_load(path, &h.diag, &s), PIL_E_SYNTAX);
    assert_non_null(strstr(h.text, "mode 0620"));
    assert_err(pil_settings_load("/nonexistent/s.conf", &h.diag, &s), PIL_E_SYNTAX);
    assert_non_null(strstr(h.text, "cannot be opened: No such file or directory"));
    assert_true(s.watch);
    pil_settings_free(&s);
    free(path);
    test_folder_remove(folder);
}

static void options_set_and_append(void **state)
{
    struct heard h = {.diag = {.sink = hear}};
    struct pil_settings s;

    (void)state;
    h.diag.cookie = &h;
    assert_err(pil_settings_init(&s), PIL_OK);
    assert_err(pil_settings_set(&s, "policy", "/a", false, &h.diag), PIL_OK);
    assert_err(pil_settings_set(&s, "policy", "/b", true, &h.diag), PIL_OK);
    assert_int_equal(s.policy.count, 2);
    assert_string_equal(s.policy.item[0], "/a");
    assert_err(pil_settings_set(&s, "on_full", "x", false, &h.diag), PIL_E_SYNTAX);
    assert_string_equal(h.text, "on_full = \"x\"; legal is drop, block, deny\n");
    pil_settings_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_documented_ones),
        cmocka_unit_test(every_kind_of_value_is_read),
        cmocka_unit_test(all_errors_are_told_and_nothing_is_changed),
        cmocka_unit_test(identities_in_files_need_files),
        cmocka_unit_test(values_out_of_range_are_refused),
        cmocka_unit_test(a_file_others_can_write_is_refused),
        cmocka_unit_test(options_set_and_append),
    };

    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
