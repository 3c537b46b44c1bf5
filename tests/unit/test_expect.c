/*
 * policyd/expect: what becomes of promises when policyd leaves. That they are kept and broken while
 * it is there is told by test_session.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/daemon.h"

static const char policy[] = "schema = 1\ndefault = deny\n";

/* A child that promises, has its answer, says so by closing `told`, and stays away. */
static pid_t promise_and_stay_away(const struct test_daemon *d, int told[2])
{
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        int fd = test_daemon_connect(d);

        test_daemon_send_control(fd, "expect", "{\"timeout_ms\":600000}");
        if (test_daemon_closed(fd)) /* waits for the answer */
            _exit(3);
        close(fd);
        close(told[0]);
        close(told[1]);
        for (;;)
            pause();
    }
    return child;
}

static void who_promised_and_has_no_watcher_ends_with_policyd(void **state)
{
    struct test_daemon d;
    int told[2], status = 0;
    pid_t child;
    char byte;

    (void)state;
    test_daemon_start(&d, policy, NULL);
    assert_int_equal(pipe(told), 0);
    child = promise_and_stay_away(&d, told);
    close(told[1]);
    assert_int_equal(read(told[0], &byte, 1), 0);
    close(told[0]);
    test_daemon_stop(&d);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_promised_and_has_no_watcher_ends_with_policyd),
    };

    return cmocka_run_group_tests_name("expect", tests, NULL, NULL);
}
