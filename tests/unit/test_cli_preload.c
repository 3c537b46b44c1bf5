/* cli/preload, cli/program: what is found, what is refused, and the environment that results. */
#include "tests/support/support.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/preload.h"
#include "cli/program.h"

static void the_library_goes_behind_what_is_there(void **state)
{
    static const struct {
        const char *before, *after;
    } row[] = {
        {NULL, "/l/libpillion.so"},
        {"", "/l/libpillion.so"},
        {"/a.so", "/a.so:/l/libpillion.so"},
        {"/a.so /b.so", "/a.so:/b.so:/l/libpillion.so"},
        {"/l/libpillion.so", "/l/libpillion.so"},
        {"/a.so:/l/libpillion.so", "/a.so:/l/libpillion.so"},
        {"/a.so /l/libpillion.so /b.so", "/a.so:/l/libpillion.so:/b.so"},
        {"/l/libpillion.so.1", "/l/libpillion.so.1:/l/libpillion.so"},
        {"/other/libpillion.so:/a.so", "/a.so:/l/libpillion.so"},
        {"libpillion.so", "/l/libpillion.so"},
        {"/tmp/libpillion.so /l/libpillion.so", "/l/libpillion.so"},
        {"/l/xlibpillion.so", "/l/xlibpillion.so:/l/libpillion.so"},
    };

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(row); i++) {
        char *kept;

        if (row[i].before)
            setenv("LD_PRELOAD", row[i].before, 1);
        else
            unsetenv("LD_PRELOAD");
        assert_true(pil_preload_environment("/l/libpillion.so", "@s", true));
        kept = strdup(getenv("LD_PRELOAD"));
        unsetenv("LD_PRELOAD");
        assert_string_equal(kept, row[i].after);
        assert_string_equal(getenv("PILLION_SOCKET"), "@s");
        assert_string_equal(getenv("PILLION_GREET"), "all");
        free(kept);
    }
}

/* Whatever the variable said before. */
static void this_process_is_the_one_that_greets(void **state)
{
    char pid[16];

    (void)state;
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("PILLION_GREET", "1", 1);
    assert_true(pil_preload_environment("/l/libpillion.so", "@s", false));
    unsetenv("LD_PRELOAD");
    assert_string_equal(getenv("PILLION_GREET"), pid);
}

static char *program(const char *folder, const char *name, mode_t mode)
{
    char *path = test_file(folder, name, "#!/bin/sh\n");

    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static void path_is_searched_like_a_shell_does(void **state)
{
    char *one = test_folder_make(), *two = test_folder_make(), path[1024], found[PATH_MAX];
    char *wrong = program(one, "tool", 0600), *right = program(two, "tool", 0700);
    char *alone = program(one, "locked", 0600), *folder;

    (void)state;
    assert_true(asprintf(&folder, "%s/folder", two) > 0);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(path, sizeof(path), "/no/such:%s:%s", one, two);
    setenv("PATH", path, 1);
    assert_int_equal(pil_program_find("tool", found), PIL_EXIT_OK);
    assert_string_equal(found, right);
    assert_int_equal(pil_program_find(right, found), PIL_EXIT_OK);
    assert_string_equal(found, right);
    assert_int_equal(pil_program_find(wrong, found), PIL_EXIT_UNCOVERED);
    assert_int_equal(pil_program_find("locked", found), PIL_EXIT_UNCOVERED);
    assert_int_equal(pil_program_find("folder", found), PIL_EXIT_UNCOVERED);
    assert_int_equal(pil_program_find("nothing", found), PIL_EXIT_NOTFOUND);
    assert_int_equal(pil_program_find("", found), PIL_EXIT_NOTFOUND);
    assert_int_equal(pil_program_find("/no/such/tool", found), PIL_EXIT_NOTFOUND);
    setenv("PATH", "", 1);
    assert_int_equal(pil_program_find("sh", found), PIL_EXIT_OK);
    assert_int_equal(chdir(two), 0);
    setenv("PATH", "/no/such:", 1); /* an empty part is the folder one is in */
    assert_int_equal(pil_program_find("tool", found), PIL_EXIT_OK);
    assert_string_equal(found, "./tool");
    assert_int_equal(chdir("/"), 0);
    free(wrong);
    free(right);
    free(alone);
    free(folder);
    test_folder_remove(one);
    test_folder_remove(two);
}

static void programs_are_judged(void **state)
{
    char *folder = test_folder_make();
    char *good = test_file(folder, "good", "#!/bin/sh\n");
    char *lost = test_file(folder, "lost", "#!/no/such/interpreter\n");
    char *text = test_file(folder, "text", "hello\n");

    (void)state;
    assert_int_equal(pil_program_judge("/bin/sh", "libpillion.so"), PIL_EXIT_OK);
    assert_int_equal(pil_program_judge(good, "libpillion.so"), PIL_EXIT_OK);
    assert_int_equal(pil_program_judge("/bin/sh", "/l/libpillion.so"), PIL_EXIT_UNCOVERED);
    assert_int_equal(pil_program_judge(lost, "libpillion.so"), PIL_EXIT_NOTFOUND);
    assert_int_equal(pil_program_judge(text, "libpillion.so"), PIL_EXIT_UNCOVERED);
    free(good);
    free(lost);
    free(text);
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_library_goes_behind_what_is_there),
        cmocka_unit_test(this_process_is_the_one_that_greets),
        cmocka_unit_test(path_is_searched_like_a_shell_does),
        cmocka_unit_test(programs_are_judged),
    };

    return cmocka_run_group_tests_name("cli_preload", tests, NULL, NULL);
}
