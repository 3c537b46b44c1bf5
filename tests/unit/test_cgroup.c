/* core/cgroup: both hierarchies, units, and what does not fit. */
#include "tests/support/support.h"

#include <stdio.h>

#include "core/cgroup.h"

#define CAP 512

static void cgroup_is(const char *text, const char *cgroup, const char *unit)
{
    char copy[2 * CAP], got[CAP], got_unit[CAP];

    snprintf(copy, sizeof(copy), "%s", text);
    pil_cgroup_read(copy, got, got_unit, CAP);
    assert_string_equal(got, cgroup);
    assert_string_equal(got_unit, unit);
}

static void cgroups_of_both_hierarchies(void **state)
{
    (void)state;
    cgroup_is("0::/system.slice/nginx.service\n", "/system.slice/nginx.service", "nginx.service");
    cgroup_is("0::/user.slice/user-1.slice/user@1.service/app.slice/a.scope\n",
              "/user.slice/user-1.slice/user@1.service/app.slice/a.scope", "a.scope");
    cgroup_is("12:cpu,cpuacct:/x\n1:name=systemd:/system.slice/db.service\n",
              "/system.slice/db.service", "db.service");
    cgroup_is("1:name=systemd:/system.slice/db.service\n0::/\n", "/system.slice/db.service",
              "db.service");
    cgroup_is("0::/\n1:name=systemd:/system.slice/db.service\n", "/system.slice/db.service",
              "db.service");
    cgroup_is("0::/\n", "/", "");
    cgroup_is("0::/a.service.d/b\n", "/a.service.d/b", "");
    cgroup_is("12:cpu:/other\n1:name=systemd:/system.slice/a.service\n0::/\n",
              "/system.slice/a.service", "a.service");
    cgroup_is("0::/unified/b.service\n1:name=systemd:/old/c.service\n", "/unified/b.service",
              "b.service");
    cgroup_is("0::/user.slice/u.service/app.slice/x.scope/deep\n",
              "/user.slice/u.service/app.slice/x.scope/deep", "x.scope");
    cgroup_is("0::/.service/.scope\n", "/.service/.scope", "");
    cgroup_is("nonsense\n::\n", "", "");
    cgroup_is("nonsense\n0:broken\n", "", "");
    cgroup_is("", "", "");
}

static void a_path_that_does_not_fit_is_left_out(void **state)
{
    char text[CAP + 64] = "0::/";

    (void)state;
    memset(text + 4, 'x', CAP + 16);
    strcpy(text + 4 + CAP + 16, "\n");
    cgroup_is(text, "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cgroups_of_both_hierarchies),
        cmocka_unit_test(a_path_that_does_not_fit_is_left_out),
    };

    return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
