/* cli/inspect/apparmor: attachments, headers, and profiles that are loaded or not. */
#include "tests/support/support.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cli/inspect/apparmor.h"

static void patterns(void **state)
{
    (void)state;
    assert_true(pil_apparmor_matches("/usr/sbin/x", "/usr/sbin/x"));
    assert_true(pil_apparmor_matches("/usr/{bin,sbin}/x", "/usr/sbin/x"));
    assert_true(pil_apparmor_matches("/{,usr/}{,s}bin/x", "/sbin/x"));
    assert_true(pil_apparmor_matches("/{,usr/}{,s}bin/x", "/usr/bin/x"));
    assert_true(pil_apparmor_matches("/a/{b,{c,d}}/x", "/a/d/x"));
    assert_true(pil_apparmor_matches("/usr/*/x", "/usr/sbin/x"));
    assert_true(pil_apparmor_matches("/opt/**", "/opt/a/b"));
    assert_false(pil_apparmor_matches("/opt/*", "/opt/a/b"));
    assert_false(pil_apparmor_matches("/usr/{bin,sbin}/x", "/usr/lib/x"));
    assert_false(pil_apparmor_matches("/usr/{bin,sbin", "/usr/bin"));
    assert_false(pil_apparmor_matches("/usr/sbin/x", "/usr/sbin/xy"));
    /* Braces without end are given up, not followed. */
    assert_false(pil_apparmor_matches("{{{{{{{{{{{{a}}}}}}}}}}}}", "b"));
}

static void headers(void **state)
{
    char name[256], pattern[PATH_MAX];

    (void)state;
    assert_true(pil_apparmor_header("/usr/sbin/x {\n", name, pattern));
    assert_string_equal(name, "/usr/sbin/x");
    assert_string_equal(pattern, "/usr/sbin/x");
    assert_true(pil_apparmor_header("profile x /usr/sbin/x flags=(complain) {", name, pattern));
    assert_string_equal(name, "x");
    assert_string_equal(pattern, "/usr/sbin/x");
    assert_true(pil_apparmor_header("profile \"a b\" \"/opt/a b\" {", name, pattern));
    assert_string_equal(name, "a b");
    assert_string_equal(pattern, "/opt/a b");
    assert_true(pil_apparmor_header("profile alone {", name, pattern));
    assert_string_equal(pattern, "");
    assert_false(pil_apparmor_header("  capability setuid,", name, pattern));
    assert_false(pil_apparmor_header("# /usr/sbin/x {", name, pattern));
    assert_false(pil_apparmor_header("/etc/{a,b} r,", name, pattern));
    assert_false(pil_apparmor_header("{", name, pattern));
    assert_false(pil_apparmor_header("", name, pattern));
}

static void profiles(void **state)
{
    char *folder = test_folder_make(), *local;
    struct pil_apparmor found;
    char *kernel, *one, *two, *three, *addition;

    (void)state;
    assert_true(asprintf(&local, "%s/local", folder) > 0);
    assert_int_equal(mkdir(local, 0700), 0);
    one = test_file(folder, "usr.sbin.x", "/usr/sbin/x {\n  /lib/** mr,\n}\n");
    two = test_file(folder, "y", "profile why /usr/{bin,sbin}/y {\n  # libpillion\n}\n");
    three = test_file(folder, "z", "/usr/sbin/z {\n}\n");
    addition = test_file(local, "y", "  /usr/lib/pillion/*/libpillion.so mr,\n");
    kernel = test_file(local, "kernel", "/usr/sbin/x (enforce)\nwhy (complain)\nelse (enforce)\n");

    assert_true(pil_apparmor_find(kernel, folder, "/usr/sbin/x", &found));
    assert_string_equal(found.profile, "/usr/sbin/x");
    assert_string_equal(found.mode, "enforce");
    assert_string_equal(found.file, one);
    assert_false(found.names_library);

    assert_true(pil_apparmor_find(kernel, folder, "/usr/bin/y", &found));
    assert_string_equal(found.profile, "why");
    assert_string_equal(found.mode, "complain");
    assert_true(found.names_library); /* by its local addition; its own line is a comment */

    assert_false(pil_apparmor_find(kernel, folder, "/usr/sbin/z", &found)); /* is not loaded */
    assert_false(pil_apparmor_find(kernel, folder, "/bin/sh", &found));
    assert_false(pil_apparmor_find("/no/such", folder, "/usr/sbin/x", &found));
    assert_false(pil_apparmor_find(kernel, "/no/such", "/usr/sbin/x", &found));

    assert_true(pil_apparmor_named(kernel, folder, "why", &found));
    assert_string_equal(found.file, two);
    assert_true(pil_apparmor_named(kernel, folder, "else", &found));
    assert_string_equal(found.file, "");
    assert_false(found.names_library);
    assert_false(pil_apparmor_named(kernel, folder, "nobody", &found));

    test_folder_remove(folder);
    free(local), free(one), free(two), free(three), free(addition), free(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns),
        cmocka_unit_test(headers),
        cmocka_unit_test(profiles),
    };

    return cmocka_run_group_tests_name("inspect_apparmor", tests, NULL, NULL);
}
