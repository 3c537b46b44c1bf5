/* A real policyd's life: private to one process, with a log that cannot be written, with a policy
 * that grows too old. */
#include "tests/support/support.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/daemon.h"

#define POLICY                                                                                     \
    "schema = 1\ndefault = deny\npolicy \"p\" { applies = {\"*\"}\n"                               \
    "rule \"r\" { effect = allow actions = {connect} resources = {\"10.0.0.1:80\"} } }\n"
#define TRIES 1000u

static struct pil_verdict ask(int fd)
{
    struct pil_query q = test_daemon_query("10.0.0.1", 80);
    struct pil_verdict v;

    test_daemon_ask(fd, &q, 1, &v);
    return v;
}

/* Asks until the answer has this reason. */
static struct pil_verdict ask_until(int fd, unsigned reason)
{
    struct pil_verdict v = ask(fd);

    for (unsigned i = 0; i < TRIES && v.reason != reason; i++) {
        poll(NULL, 0, 10);
        v = ask(fd);
    }
    assert_int_equal(v.reason, reason);
    return v;
}

static int attach(const struct test_daemon *d)
{
    int fd = test_daemon_connect(d);

    assert_int_equal(test_daemon_hello(fd, NULL).status, PIL_OK);
    return fd;
}

/* It has to leave by itself, in order. */
static void await_end(struct test_daemon *d)
{
    int status = 0;

    assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("policyd ended with status %#x: %s", status, test_daemon_read(d->complaints));
    assert_int_equal(access(d->socket, F_OK), -1);
    close(d->notify);
    free(d->policy), free(d->socket), free(d->log), free(d->complaints);
    test_folder_remove(d->folder);
}

static void has_reason(const struct test_daemon *d, const char *name)
{
    uint32_t code;
    json_t *status = test_daemon_control(d, "status", NULL, &code),
           *health = json_object_get(status, "health"),
           *reasons = json_object_get(health, "reasons"), *reason;
    bool there = false;
    size_t i;

    assert_true(json_is_false(json_object_get(health, "ok")));
    json_array_foreach(reasons, i, reason)
    {
        there |= strcmp(json_string_value(json_object_get(reason, "name")), name) == 0;
    }
    assert_true(there);
    json_decref(status);
}

/* ---- private to one process ---------------------------------------------------------------- */

struct owner {
    pid_t pid;
    char text[24];
    const char *args[3];
};

static void make_owner(struct owner *o)
{
    o->pid = fork();
    assert_true(o->pid >= 0);
    if (o->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
        for (;;)
            pause();
    }
    snprintf(o->text, sizeof(o->text), "%d", (int)o->pid);
    o->args[0] = "--solo-pid";
    o->args[1] = o->text;
    o->args[2] = NULL;
}

static void end_owner(const struct owner *o)
{
    assert_int_equal(kill(o->pid, SIGKILL), 0);
    assert_int_equal(waitpid(o->pid, NULL, 0), o->pid);
}

static void a_private_one_leaves_with_its_process(void **state)
{
    struct test_daemon d;
    struct owner o;
    int fd;

    (void)state;
    make_owner(&o);
    test_daemon_start(&d, POLICY, o.args);
    fd = attach(&d);
    close(fd); /* no session is left, but the process is */
    fd = attach(&d);
    assert_int_equal(ask(fd).effect, PIL_ALLOW);
    close(fd);
    end_owner(&o);
    await_end(&d);
}

static void a_private_one_stays_while_anybody_asks(void **state)
{
    struct test_daemon d;
    struct owner o;
    int fd;

    (void)state;
    make_owner(&o);
    test_daemon_start(&d, POLICY, o.args);
    fd = attach(&d);
    end_owner(&o);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(ask(fd).effect, PIL_ALLOW);
    close(fd);
    await_end(&d);
}

/* What policyd says and how it ends when it cannot even start. */
static int fails_with(const struct owner *o, const char *policy, const char *says)
{
    const char *build = getenv("BUILD");
    char *folder = test_folder_make(), *path = test_file(folder, "policy.conf", policy);
    char command[1024], said[4096] = "";
    FILE *pipe;
    int status;

    snprintf(command, sizeof(command), "%s/policyd -f --solo-pid %s -p %s -s %s/p.sock 2>&1",
             build ? build : "build", o->text, path, folder);
    pipe = popen(command, "re");
    assert_non_null(pipe);
    assert_true(fread(said, 1, sizeof(said) - 1, pipe) > 0);
    status = pclose(pipe);
    if (!strstr(said, says))
        fail_msg("\"%s\" is not in: %s", says, said);
    assert_true(WIFEXITED(status));
    free(path);
    test_folder_remove(folder);
    return WEXITSTATUS(status);
}

static void a_private_one_refuses_to_start(void **state)
{
    struct owner o;

    (void)state;
    make_owner(&o);
    assert_int_equal(fails_with(&o, "schema = 1\ndefault = perhaps\n", "policy.conf:2"), 1);
    end_owner(&o);
    assert_int_equal(fails_with(&o, POLICY, "--solo-pid"), 1); /* nobody is there any more */
}

/* ---- a log that cannot be written ----------------------------------------------------------- */

static void a_full_log_denies_until_it_is_written(void **state)
{
    char *folder = test_folder_make(), link[256], file[256], *text;
    const char *more[] = {"-l", link, "--on-full", "deny", NULL};
    struct pil_verdict v;
    struct test_daemon d;
    int fd;

    (void)state;
    snprintf(link, sizeof(link), "%s/log", folder);
    snprintf(file, sizeof(file), "%s/file", folder);
    assert_int_equal(symlink("/dev/full", link), 0);
    test_daemon_start(&d, POLICY, more);
    fd = attach(&d);
    v = ask_until(fd, PIL_REASON_LOG_FULL);
    assert_int_equal(v.effect, PIL_DENY);
    assert_int_equal(v.ttl_ms, 0);
    has_reason(&d, "log-failing");
    /* There is room again: under the same name, as after a rotation. */
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink(file, link), 0);
    assert_int_equal(kill(d.pid, SIGUSR1), 0);
    v = ask_until(fd, PIL_REASON_RULE_ALLOW);
    assert_int_equal(v.effect, PIL_ALLOW);
    close(fd);
    test_daemon_stop(&d);
    text = test_daemon_read(file);
    assert_non_null(strstr(text, "\"event\":\"start\"")); /* what waited was written */
    assert_non_null(strstr(text, "\"verdict\":\"deny\",\"reason\":\"log-full\""));
    assert_non_null(strstr(text, "\"verdict\":\"allow\""));
    free(text);
    test_folder_remove(folder);
}

/* ---- a policy that grows too old ------------------------------------------------------------ */

static void an_old_policy_denies_until_it_is_confirmed(void **state)
{
    char *folder = test_folder_make(), *conf = test_file(folder, "conf", "max_age = 500ms\n");
    const char *more[] = {"-c", conf, NULL};
    struct pil_verdict v;
    struct test_daemon d;
    uint32_t code;
    int fd;

    (void)state;
    test_daemon_start(&d, POLICY, more);
    fd = attach(&d);
    v = ask_until(fd, PIL_REASON_POLICY_STALE);
    assert_int_equal(v.effect, PIL_DENY);
    assert_int_equal(v.ttl_ms, 0);
    has_reason(&d, "policy-stale");
    /* The same policy once more, asked about before it is too old again. */
    for (unsigned i = 0; i < TRIES && v.effect != PIL_ALLOW; i++) {
        json_decref(test_daemon_control(&d, "reload", NULL, &code));
        assert_int_equal(code, PIL_OK);
        v = ask(fd);
    }
    assert_int_equal(v.effect, PIL_ALLOW);
    assert_true(v.ttl_ms > 0 && v.ttl_ms <= 500); /* never longer than the policy */
    ask_until(fd, PIL_REASON_POLICY_STALE);
    close(fd);
    test_daemon_stop(&d);
    free(conf);
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_private_one_leaves_with_its_process),
        cmocka_unit_test(a_private_one_stays_while_anybody_asks),
        cmocka_unit_test(a_private_one_refuses_to_start),
        cmocka_unit_test(a_full_log_denies_until_it_is_written),
        cmocka_unit_test(an_old_policy_denies_until_it_is_confirmed),
    };

    return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
