/* shim/shell: system and popen see a mended environment, and the program its own again. */
#include "tests/support/support.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "core/wire.h"
#include "shim/mend.h"
#include "shim/shim.h"
#include "tests/support/shimworld.h"

static char seen[512];  /* the environment inside the libc function */
static char **replaced; /* what "another thread" puts into its place */
static int calls;

static void look(void)
{
    seen[0] = '\0';
    calls++;
    for (char **at = environ; at && *at; at++) {
        strncat(seen, *at, sizeof(seen) - strlen(seen) - 1);
        strncat(seen, ";", sizeof(seen) - strlen(seen) - 1);
    }
    if (replaced)
        environ = replaced;
}

static int fake_system(const char *command)
{
    look();
    return command ? 42 : 1;
}

static FILE *fake_popen(const char *command, const char *mode)
{
    (void)command, (void)mode;
    look();
    errno = EMFILE;
    return NULL;
}

static char *bare[] = {(char *)"A=1", NULL};

static int set_up(void **state)
{
    *state = environ;
    world_fresh("/run/p.sock");
    strcpy(pil_env.preload, "libpillion.so");
    pil_env.alternative[0] = '\0';
    pil_real_libc.system = fake_system;
    pil_real_libc.popen = fake_popen;
    environ = bare;
    replaced = NULL;
    calls = 0;
    atomic_store(&pil_process.flags, 0);
    return 0;
}

/* cmocka reads the environment between tests. */
static int tear_down(void **state)
{
    environ = *state;
    return 0;
}

#define WHOLE "A=1;LD_PRELOAD=libpillion.so;PILLION_SOCKET=/run/p.sock;"

static void system_keeps_coverage(void **state)
{
    (void)state;
    assert_int_equal(pil_shim_system("true"), 42);
    assert_string_equal(seen, WHOLE);
    assert_ptr_equal(environ, bare);
}

static void popen_keeps_coverage_and_its_error(void **state)
{
    (void)state;
    errno = 0;
    assert_null(pil_shim_popen("true", "r"));
    assert_int_equal(errno, EMFILE);
    assert_string_equal(seen, WHOLE);
    assert_ptr_equal(environ, bare);
}

/* libc gives a thread that sets a variable meanwhile an array of its own. */
static void what_others_set_meanwhile_stays(void **state)
{
    char *theirs[] = {(char *)"B=2", NULL};

    (void)state;
    replaced = theirs;
    assert_int_equal(pil_shim_system("true"), 42);
    assert_ptr_equal(environ, theirs);
}

static void asking_for_a_shell_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(pil_shim_system(NULL), 1);
    assert_string_equal(seen, "A=1;");
}

static void an_environment_too_large_is_refused(void **state)
{
    char **large = calloc(PIL_MEND_MAX + 2, sizeof(*large));

    (void)state;
    for (size_t i = 0; i <= PIL_MEND_MAX; i++)
        large[i] = bare[0];
    environ = large;
    errno = 0;
    assert_int_equal(pil_shim_system("true"), -1);
    assert_int_equal(errno, E2BIG);
    assert_null(pil_shim_popen("true", "r"));
    assert_int_equal(calls, 0);
    environ = bare;
    free(large);
}

static void without_libc_functions_it_fails(void **state)
{
    (void)state;
    pil_real_libc.popen = NULL;
    errno = 0;
    assert_null(pil_shim_popen("true", "r"));
    assert_int_equal(errno, ENOSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(system_keeps_coverage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(popen_keeps_coverage_and_its_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_others_set_meanwhile_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(asking_for_a_shell_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_environment_too_large_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_libc_functions_it_fails, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("shell", tests, NULL, NULL);
}
