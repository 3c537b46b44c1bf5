/* shim/user: the calls are libc's, and the look after the link is due at once. */
#include "tests/support/support.h"

#include <errno.h>
#include <unistd.h>

#include "shim/shim.h"
#include "tests/support/shimworld.h"

static uid_t told[3];

static int one(uid_t a)
{
    told[0] = a;
    errno = EPERM;
    return -1;
}

static int two(uid_t a, uid_t b)
{
    told[0] = a, told[1] = b;
    return 0;
}

static int three(uid_t a, uid_t b, uid_t c)
{
    told[0] = a, told[1] = b, told[2] = c;
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    world_fresh("/nowhere");
    atomic_store(&pil_process.check_ns, 4711);
    memset(told, 0, sizeof(told));
    return 0;
}

static void each_call_reaches_libc_and_makes_the_look_due(void **state)
{
    (void)state;
    pil_real_libc.setuid = pil_real_libc.seteuid = one;
    pil_real_libc.setreuid = two;
    pil_real_libc.setresuid = three;
    assert_int_equal(pil_shim_setuid(1), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(told[0], 1);
    assert_int_equal(atomic_load(&pil_process.check_ns), 0);
    atomic_store(&pil_process.check_ns, 4711);
    assert_int_equal(pil_shim_seteuid(2), -1);
    assert_int_equal(told[0], 2);
    assert_int_equal(pil_shim_setreuid(3, 4), 0);
    assert_int_equal(told[1], 4);
    assert_int_equal(pil_shim_setresuid(5, 6, 7), 0);
    assert_int_equal(told[2], 7);
    assert_int_equal(atomic_load(&pil_process.check_ns), 0);
}

static void without_libc_functions_it_fails(void **state)
{
    (void)state;
    pil_real_libc.setuid = NULL;
    assert_int_equal(pil_shim_setuid(1), -1);
    assert_int_equal(errno, ENOSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_call_reaches_libc_and_makes_the_look_due, set_up),
        cmocka_unit_test_setup(without_libc_functions_it_fails, set_up),
    };

    return cmocka_run_group_tests_name("user", tests, NULL, NULL);
}
