/* cli/inspect/binary: this program and files made for the test, for different people. */
#include "tests/support/support.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/inspect/binary.h"

#define NOBODY 65534u

static const char *verdict_of(const char *path, uint32_t uid, bool nnp, bool anybody,
                              struct pil_findings *f, struct pil_binary *binary)
{
    struct pil_inspected subject = {
        .uid = uid, .gid = uid, .no_new_privileges = nnp, .anybody = anybody};

    Dl_info libc; /* stands for the library: any of this class does that can be read */

    assert_true(dladdr((void *)(uintptr_t)&getpid, &libc) != 0);
    subject.library = libc.dli_fname;
    memset(f, 0, sizeof(*f));
    snprintf(subject.path, sizeof(subject.path), "%s", path);
    pil_inspect_binary(&subject, binary, f);
    return pil_findings_verdict(f);
}

static bool finds(const struct pil_findings *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->item[i].name, name) == 0)
            return true;
    return false;
}

static void an_ordinary_program(void **state)
{
    struct pil_binary binary;
    struct pil_findings f;
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    (void)state;
    assert_true(len > 0);
    self[len] = '\0';
    assert_string_not_equal(verdict_of(self, 0, false, false, &f, &binary), "not-covered");
    assert_string_equal(binary.machine, "x86-64");
    assert_true(binary.libraries_known && binary.libraries > 2);
    assert_int_equal(binary.missing, 0);
    pil_findings_free(&f);
}

static void what_is_no_program(void **state)
{
    struct pil_binary binary;
    struct pil_findings f;

    (void)state;
    assert_string_equal(verdict_of("/etc/passwd", 0, false, false, &f, &binary), "not-covered");
    assert_true(finds(&f, "not-a-program"));
    pil_findings_free(&f);
    assert_string_equal(verdict_of("/no/such", 0, false, false, &f, &binary), "not-covered");
    assert_true(finds(&f, "not-found"));
    pil_findings_free(&f);
}

/* Whose rights a file gives is judged by who starts it, and whether the kernel heeds them. */
static void rights_of_a_file(void **state)
{
    char *folder = test_folder_make(), *command, *path;
    uint32_t owner = getuid(), other = owner == NOBODY ? 0 : NOBODY;
    struct pil_binary binary;
    struct pil_findings f;

    (void)state;
    assert_true(asprintf(&path, "%s/true", folder) > 0);
    assert_true(asprintf(&command, "cp /bin/true %s && chmod 4755 %s", path, path) > 0);
    assert_int_equal(system(command), 0);
    assert_string_equal(verdict_of(path, owner, false, false, &f, &binary), "covered");
    pil_findings_free(&f);
    assert_string_equal(verdict_of(path, owner, false, true, &f, &binary), "limited");
    assert_true(finds(&f, "setuid-for-others"));
    pil_findings_free(&f);
    assert_string_equal(verdict_of(path, other, false, false, &f, &binary), "not-covered");
    assert_true(finds(&f, "setuid"));
    pil_findings_free(&f);
    assert_string_equal(verdict_of(path, other, true, false, &f, &binary), "covered");
    assert_true(finds(&f, "no-new-privileges"));
    pil_findings_free(&f);
    test_folder_remove(folder);
    free(command);
    free(path);
}

static void a_script(void **state)
{
    char *folder = test_folder_make(), *path;
    struct pil_binary binary;
    struct pil_findings f;

    (void)state;
    path = test_file(folder, "script", "#!/bin/sh -e\n");
    assert_int_equal(chmod(path, 0755), 0);
    assert_string_equal(verdict_of(path, 0, false, false, &f, &binary), "covered");
    assert_true(finds(&f, "script"));
    assert_string_equal(binary.program, "/bin/sh");
    assert_int_equal(binary.scripts, 1);
    pil_findings_free(&f);
    test_folder_remove(folder);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_program),
        cmocka_unit_test(what_is_no_program),
        cmocka_unit_test(rights_of_a_file),
        cmocka_unit_test(a_script),
    };

    return cmocka_run_group_tests_name("inspect_binary", tests, NULL, NULL);
}
