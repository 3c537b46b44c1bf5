/* core/host: settings of root's govern a host, and nothing else does. */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "core/defs.h"
#include "core/host.h"

static int result;
static uint32_t owner;

static int settings(int dir, const char *path, int flags, unsigned mask, struct statx *out)
{
    assert_int_equal(dir, AT_FDCWD);
    assert_string_equal(path, PIL_DEFAULT_SETTINGS);
    assert_int_equal(flags, 0); /* a link counts as what it leads to */
    assert_true(mask & STATX_UID);
    out->stx_uid = owner;
    return result;
}

static bool governed(int answer, uint32_t uid)
{
    struct pil_sysops sys = pil_sysops_kernel;

    sys.statx = settings;
    result = answer;
    owner = uid;
    return pil_host_is_governed(&sys);
}

static void settings_of_root_govern_the_host(void **state)
{
    (void)state;
    assert_true(governed(0, 0));
    assert_false(governed(0, 1000));
    assert_false(governed(0, (uint32_t)-1));
}

static void without_settings_nobody_governs(void **state)
{
    (void)state;
    assert_false(governed(-ENOENT, 0));
    assert_false(governed(-1, 0));
    assert_false(governed(-EACCES, 1000));
}

static void the_answer_leaves_errno_alone(void **state)
{
    (void)state;
    errno = EXDEV;
    (void)pil_host_is_governed(&pil_sysops_kernel);
    assert_int_equal(errno, EXDEV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_of_root_govern_the_host),
        cmocka_unit_test(without_settings_nobody_governs),
        cmocka_unit_test(the_answer_leaves_errno_alone),
    };

    return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
