/* cli/facts: what the kernel says of a process, and what a cgroup file means. */
#include "tests/support/support.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/facts.h"

static void cgroups_name_path_and_unit(void **state)
{
    static const struct {
        const char *text, *cgroup, *unit;
    } row[] = {
        {"0::/system.slice/nginx.service\n", "/system.slice/nginx.service", "nginx.service"},
        {"0::/user.slice/u.service/app.slice/x.scope/deep\n",
         "/user.slice/u.service/app.slice/x.scope/deep", "x.scope"},
        {"0::/\n", "/", ""},
        {"", "", ""},
        {"12:cpu:/other\n1:name=systemd:/system.slice/a.service\n0::/\n", "/system.slice/a.service",
         "a.service"},
        {"0::/unified/b.service\n1:name=systemd:/old/c.service\n", "/unified/b.service",
         "b.service"},
        {"0::/.service/.scope\n", "/.service/.scope", ""},
        {"nonsense\n0:broken\n", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(row); i++) {
        struct pil_process_facts facts = {0};
        char *text = strdup(row[i].text);

        assert_non_null(text);
        pil_facts_cgroup(text, &facts);
        assert_string_equal(facts.cgroup, row[i].cgroup);
        assert_string_equal(facts.unit, row[i].unit);
        free(text);
    }
}

static void a_path_that_does_not_fit_is_left_out(void **state)
{
    struct pil_process_facts facts = {0};
    char text[PIL_FACTS_CGROUP + 64] = "0::/";

    (void)state;
    memset(text + 4, 'x', PIL_FACTS_CGROUP + 16);
    strcpy(text + 4 + PIL_FACTS_CGROUP + 16, "\n");
    pil_facts_cgroup(text, &facts);
    assert_string_equal(facts.cgroup, "");
    assert_string_equal(facts.unit, "");
}

static void our_own_process_is_told(void **state)
{
    static struct pil_process_facts facts;
    char exe[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

    (void)state;
    assert_true(len > 0);
    exe[len] = '\0';
    assert_err(pil_facts_of((uint32_t)getpid(), &facts), PIL_OK);
    assert_string_equal(facts.exe, exe);
    assert_int_equal(facts.uid, geteuid());
    assert_err(pil_facts_of(INT32_MAX, &facts), PIL_E_NOTFOUND);
}

/* A service that is updated while it runs keeps its workload. */
static void an_executable_that_was_deleted_keeps_its_path(void **state)
{
    static struct pil_process_facts facts;
    char *folder = test_folder_make(), path[256], command[600];
    int ready[2], status;
    pid_t child;

    (void)state;
    snprintf(path, sizeof(path), "%s/cat", folder);
    snprintf(command, sizeof(command), "cp /bin/cat %s", path);
    assert_int_equal(system(command), 0);
    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        dup2(ready[0], 0);
        close(ready[0]);
        close(ready[1]);
        execl(path, "cat", NULL);
        _exit(1);
    }
    close(ready[0]);
    for (;;) { /* until the exec is done, by asking */
        assert_err(pil_facts_of((uint32_t)child, &facts), PIL_OK);
        if (strcmp(facts.exe, path) == 0)
            break;
        assert_int_equal(waitpid(child, &status, WNOHANG), 0);
    }
    assert_int_equal(unlink(path), 0);
    assert_err(pil_facts_of((uint32_t)child, &facts), PIL_OK);
    assert_string_equal(facts.exe, path);
    close(ready[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    test_folder_remove(folder);
}

static void users_are_names_or_numbers(void **state)
{
    static struct pil_process_facts facts;

    (void)state;
    assert_err(pil_facts_user("root", &facts), PIL_OK);
    assert_int_equal(facts.uid, 0);
    assert_err(pil_facts_user("0", &facts), PIL_OK);
    assert_string_equal(facts.user, "root");
    assert_err(pil_facts_user("3999999999", &facts), PIL_OK);
    assert_string_equal(facts.user, "3999999999");
    assert_int_equal(facts.uid, 3999999999u);
    assert_err(pil_facts_user("no-such-user-here", &facts), PIL_E_NOTFOUND);
    assert_err(pil_facts_user("", &facts), PIL_E_NOTFOUND);
    assert_err(pil_facts_user("-1", &facts), PIL_E_NOTFOUND);
    assert_err(pil_facts_user("4294967295", &facts), PIL_E_NOTFOUND);
    assert_err(pil_facts_user("99999999999999999999", &facts), PIL_E_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cgroups_name_path_and_unit),
        cmocka_unit_test(a_path_that_does_not_fit_is_left_out),
        cmocka_unit_test(our_own_process_is_told),
        cmocka_unit_test(an_executable_that_was_deleted_keeps_its_path),
        cmocka_unit_test(users_are_names_or_numbers),
    };

    return cmocka_run_group_tests_name("cli_facts", tests, NULL, NULL);
}
