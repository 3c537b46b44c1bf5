/* cli/watcher: a program that says hello is left alone, one that does not is ended with a word. */
#include "tests/support/daemon.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/watcher.h"

#define POLICY "schema = 1\ndefault = allow\n"

/* What the child becomes after it has left its watcher. */
static void says_hello(const struct test_daemon *d)
{
    int link = test_daemon_connect(d);

    test_daemon_hello(link, NULL);
}

static void says_nothing(const struct test_daemon *d)
{
    (void)d;
    for (;;)
        pause();
}

static void promise(const struct test_daemon *d, uint64_t timeout_ms)
{
    struct pil_client *c = malloc(sizeof(*c));
    json_t *argument = json_pack("{s:I}", "timeout_ms", (json_int_t)timeout_ms), *answer;

    if (!c || pil_client_open(c, d->socket) ||
        pil_client_call(c, "expect", argument, &answer, NULL))
        _exit(99);
    json_decref(argument);
    json_decref(answer);
    pil_watcher_leave(c, "/opt/pro\ngram", timeout_ms);
    pil_client_close(c);
    free(c);
}

/* Returns the child's wait status; text gets all that was written to its standard error, to the end
 * of it: the watcher has let go of that, too. */
static int run(const struct test_daemon *d, uint64_t timeout_ms, bool subreaper,
               void (*what)(const struct test_daemon *d), char *text, size_t room)
{
    int err[2], status;
    size_t len = 0;
    ssize_t got;
    pid_t child;

    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(err[1], 2);
        close(err[0]), close(err[1]);
        prctl(PR_SET_CHILD_SUBREAPER, subreaper);
        promise(d, timeout_ms);
        if (waitpid(-1, NULL, WNOHANG | __WALL) != -1)
            _exit(98); /* it would be noticed */
        what(d);
        _exit(7);
    }
    close(err[1]);
    while ((got = read(err[0], text + len, room - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = '\0';
    close(err[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void one_that_says_hello_is_left_alone(void **state)
{
    struct test_daemon d;
    char text[1024];
    int status;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    status = run(&d, 60000, false, says_hello, text, sizeof(text));
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_string_equal(text, "");
    test_daemon_stop(&d);
}

static void one_that_does_not_is_ended_with_a_word(void **state)
{
    struct test_daemon d;
    char text[1024];
    int status;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    status = run(&d, 100, false, says_nothing, text, sizeof(text));
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), PIL_EXIT_NOHELLO);
    assert_ptr_equal(strstr(text, "pillion: /opt/pro?gram (process "), text);
    assert_non_null(strstr(text, "did not say hello to policyd within 100 ms"));
    assert_non_null(strstr(text, "\npillion: remedy: "));
    test_daemon_stop(&d);
}

static void a_subreaper_gets_no_watcher(void **state)
{
    struct test_daemon d;
    char text[1024];
    int status;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    status = run(&d, 100, true, says_nothing, text, sizeof(text));
    assert_true(WIFSIGNALED(status)); /* by policyd */
    assert_string_equal(text, "");
    test_daemon_stop(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_says_hello_is_left_alone),
        cmocka_unit_test(one_that_does_not_is_ended_with_a_word),
        cmocka_unit_test(a_subreaper_gets_no_watcher),
    };

    return cmocka_run_group_tests_name("cli_watcher", tests, NULL, NULL);
}
