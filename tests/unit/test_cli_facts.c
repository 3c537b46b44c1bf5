/* cli/facts: what the kernel says of a process, and what a cgroup file means. */
#include "tests/support/support.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/facts.h"

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
        cmocka_unit_test(our_own_process_is_told),
        cmocka_unit_test(an_executable_that_was_deleted_keeps_its_path),
        cmocka_unit_test(users_are_names_or_numbers),
    };

    return cmocka_run_group_tests_name("cli_facts", tests, NULL, NULL);
}
