/* cli/governed: who may bring a policyd of his own. */
#include "tests/support/support.h"

#include <unistd.h>

#include "cli/cli.h"
#include "cli/governed.h"
#include "core/host.h"

#define LIBRARY "/l/libpillion.so"

/* Takes the place of libc's and core/host's: who runs the command, and on what host. */
static uid_t user;
static bool governed;

uid_t getuid(void)
{
    return user;
}

bool pil_host_is_governed(const struct pil_sysops *sys)
{
    assert_ptr_equal(sys, &pil_sysops_kernel);
    return governed;
}

static int set_up(void **state)
{
    (void)state;
    user = 1000;
    governed = true;
    unsetenv("LD_PRELOAD");
    unsetenv("PILLION_SOCKET");
    return 0;
}

static void on_a_governed_host_users_take_what_there_is(void **state)
{
    (void)state;
    assert_int_equal(pil_governed_judge(PIL_DEFAULT_SOCKET, LIBRARY), PIL_EXIT_OK);
    assert_int_equal(pil_governed_judge(PIL_DEFAULT_ABSTRACT, LIBRARY), PIL_EXIT_OK);
    assert_int_equal(pil_governed_judge("/tmp/mine.sock", LIBRARY), PIL_EXIT_PERMISSION);
    assert_int_equal(pil_governed_judge("@mine", LIBRARY), PIL_EXIT_PERMISSION);
    assert_int_equal(pil_governed_judge(NULL, LIBRARY), PIL_EXIT_PERMISSION);
}

static void root_chooses_and_so_does_everybody_elsewhere(void **state)
{
    (void)state;
    user = 0;
    assert_int_equal(pil_governed_judge("/tmp/mine.sock", LIBRARY), PIL_EXIT_OK);
    assert_int_equal(pil_governed_judge(NULL, LIBRARY), PIL_EXIT_OK);
    user = 1000;
    governed = false;
    assert_int_equal(pil_governed_judge("/tmp/mine.sock", LIBRARY), PIL_EXIT_OK);
    assert_int_equal(pil_governed_judge(NULL, LIBRARY), PIL_EXIT_OK);
}

static void under_pillion_nothing_else_is_chosen(void **state)
{
    (void)state;
    user = 0;
    setenv("LD_PRELOAD", "/a.so:" LIBRARY, 1);
    assert_int_equal(pil_governed_judge(PIL_DEFAULT_SOCKET, LIBRARY), PIL_EXIT_OK);
    assert_int_equal(pil_governed_judge("@mine", LIBRARY), PIL_EXIT_PERMISSION);
    setenv("PILLION_SOCKET", "@mine", 1);
    assert_int_equal(pil_governed_judge("@mine", LIBRARY), PIL_EXIT_OK);
    assert_int_equal(pil_governed_judge("@other", LIBRARY), PIL_EXIT_PERMISSION);
    assert_int_equal(pil_governed_judge(NULL, LIBRARY), PIL_EXIT_PERMISSION);
    setenv("LD_PRELOAD", "/other/libpillion.so", 1);
    assert_int_equal(pil_governed_judge("@other", LIBRARY), PIL_EXIT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(on_a_governed_host_users_take_what_there_is, set_up),
        cmocka_unit_test_setup(root_chooses_and_so_does_everybody_elsewhere, set_up),
        cmocka_unit_test_setup(under_pillion_nothing_else_is_chosen, set_up),
    };

    return cmocka_run_group_tests_name("cli_governed", tests, NULL, NULL);
}
