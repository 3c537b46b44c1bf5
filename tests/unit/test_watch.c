/* A real policyd notices that its policy files change: no signal, no command. */
#include "tests/support/support.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/daemon.h"
#include "tests/support/http.h"

#define OPEN_TO(ip)                                                                                \
    "schema = 1\ndefault = deny\npolicy \"p\" { applies = {\"*\"}\n"                               \
    "rule \"r\" { effect = allow actions = {connect} resources = {\"" ip ":80\"} } }\n"

struct world {
    struct test_daemon d;
    char *folder, http[256], where[300];
    int fd;
};

static void begin(struct world *w)
{
    const char *more[] = {"-m", w->where, NULL};

    w->folder = test_folder_make();
    snprintf(w->http, sizeof(w->http), "%s/http.sock", w->folder);
    snprintf(w->where, sizeof(w->where), "unix:%s", w->http);
    test_daemon_start(&w->d, OPEN_TO("10.0.0.1"), more);
    w->fd = test_daemon_connect(&w->d);
    test_daemon_hello(w->fd, NULL);
}

static void finish(struct world *w)
{
    close(w->fd);
    test_daemon_stop(&w->d);
    test_folder_remove(w->folder);
}

static bool allows(struct world *w, const char *ip)
{
    struct pil_query q = test_daemon_query(ip, 80);
    struct pil_verdict v;

    test_daemon_ask(w->fd, &q, 1, &v);
    return v.effect == PIL_ALLOW;
}

static unsigned count_of(const char *text, const char *what)
{
    unsigned count = 0;

    for (; (text = strstr(text, what)); text++)
        count++;
    return count;
}

static void a_new_file_takes_effect(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    assert_true(allows(&w, "10.0.0.1"));
    assert_false(allows(&w, "10.0.0.2"));
    test_daemon_policy(&w.d, OPEN_TO("10.0.0.2"));
    test_daemon_await(&w.d, "READY=1");
    assert_false(allows(&w, "10.0.0.1"));
    assert_true(allows(&w, "10.0.0.2"));
    finish(&w);
}

static void a_broken_file_changes_nothing_and_is_told(void **state)
{
    static const char *const told[] = {"reload-failed", "stays in force", "policy.conf:2",
                                       "perhaps"};
    json_t *status, *health;
    struct world w;
    uint32_t code;
    char *text;

    (void)state;
    begin(&w);
    test_daemon_policy(&w.d, "schema = 1\ndefault = perhaps\n");
    test_daemon_await(&w.d, "READY=1");
    assert_true(allows(&w, "10.0.0.1"));
    text = test_http_get(w.http, "/healthz");
    assert_non_null(strstr(text, " 503 "));
    for (size_t i = 0; i < PIL_NELEM(told); i++)
        assert_non_null(strstr(text, told[i]));
    free(text);
    status = test_daemon_control(&w.d, "status", NULL, &code);
    health = json_object_get(status, "health");
    assert_true(json_is_false(json_object_get(health, "ok")));
    assert_string_equal(json_string_value(json_object_get(
                            json_array_get(json_object_get(health, "reasons"), 0), "name")),
                        "reload-failed");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(status, "load"), "cause")), "watch");
    json_decref(status);
    test_daemon_policy(&w.d, OPEN_TO("10.0.0.2"));
    test_daemon_await(&w.d, "READY=1");
    assert_true(allows(&w, "10.0.0.2"));
    test_http_await(w.http, "/healthz", " 200 ");
    /* The log is whole when the daemon has ended. */
    assert_int_equal(kill(w.d.pid, SIGTERM), 0);
    assert_int_equal(waitpid(w.d.pid, NULL, 0), w.d.pid);
    text = test_daemon_read(w.d.log);
    assert_int_equal(count_of(text, "\"outcome\":\"failed\",\"cause\":\"watch\""), 1);
    assert_int_equal(count_of(text, "\"outcome\":\"new\",\"cause\":\"watch\""), 1);
    assert_non_null(strstr(text, "policy.conf:2"));
    free(text);
    close(w.fd);
    close(w.d.notify);
    free(w.d.policy), free(w.d.socket), free(w.d.log), free(w.d.complaints);
    test_folder_remove(w.d.folder);
    test_folder_remove(w.folder);
}

/* Seen all at once, because it was stopped meanwhile: one load, of the last one. */
static void many_changes_are_one_load(void **state)
{
    struct world w;
    int status = 0;
    char *text;

    (void)state;
    begin(&w);
    assert_int_equal(kill(w.d.pid, SIGSTOP), 0);
    assert_int_equal(waitpid(w.d.pid, &status, WUNTRACED), w.d.pid);
    for (unsigned i = 0; i < 50; i++)
        test_daemon_policy(&w.d, i % 2 ? OPEN_TO("10.0.0.2") : "not a policy");
    assert_int_equal(kill(w.d.pid, SIGCONT), 0);
    test_daemon_await(&w.d, "READY=1");
    assert_true(allows(&w, "10.0.0.2"));
    test_daemon_policy(&w.d, OPEN_TO("10.0.0.3"));
    test_daemon_await(&w.d, "READY=1");
    assert_true(allows(&w, "10.0.0.3"));
    text = test_http_get(w.http, "/metrics");
    /* At the start, after the fifty, and after the last. */
    assert_non_null(strstr(text, "pillion_loads_total{outcome=\"new\"} 3\n"));
    assert_non_null(strstr(text, "pillion_loads_total{outcome=\"failed\"} 0\n"));
    free(text);
    finish(&w);
}

/* Other files of the same folder are nobody's business. */
static void a_neighbour_is_not_a_policy(void **state)
{
    struct world w;
    char *text;

    (void)state;
    begin(&w);
    free(test_file(w.d.folder, "neighbour.conf", "x"));
    test_daemon_policy(&w.d, OPEN_TO("10.0.0.2"));
    test_daemon_await(&w.d, "READY=1");
    assert_true(allows(&w, "10.0.0.2"));
    text = test_http_get(w.http, "/metrics");
    assert_non_null(strstr(text, "pillion_loads_total{outcome=\"failed\"} 0\n"));
    assert_non_null(strstr(text, "pillion_loads_total{outcome=\"new\"} 2\n"));
    free(text);
    finish(&w);
}

/* The folder is watched, not the file: its name is enough to come back. */
static void a_file_that_goes_is_missed_and_comes_back(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    assert_int_equal(unlink(w.d.policy), 0);
    test_daemon_await(&w.d, "READY=1");
    test_http_await(w.http, "/healthz", "reload-failed");
    assert_true(allows(&w, "10.0.0.1"));
    test_daemon_policy(&w.d, OPEN_TO("10.0.0.2"));
    test_daemon_await(&w.d, "READY=1");
    assert_true(allows(&w, "10.0.0.2"));
    test_http_await(w.http, "/healthz", " 200 ");
    finish(&w);
}

/* What is included is watched as well, in whatever folder, for as long as it is included. */
static void included_files_are_watched(void **state)
{
    char *elsewhere = test_folder_make(), *path, main_text[512], *text;
    struct world w;

    (void)state;
    begin(&w);
    path = test_file(elsewhere, "part", "policy \"q\" { applies = {\"*\"}\n}\n");
    snprintf(main_text, sizeof(main_text), "schema = 1\ndefault = deny\ninclude(\"%s\")\n", path);
    free(path);
    test_daemon_policy(&w.d, main_text);
    test_daemon_await(&w.d, "READY=1");
    assert_false(allows(&w, "10.0.0.4"));
    free(test_file(elsewhere, "part", "policy \"q\" { applies = {\"*\"} default = allow }\n"));
    test_daemon_await(&w.d, "READY=1");
    assert_true(allows(&w, "10.0.0.4"));
    /* Broken and mended: the list of files is that of the load before. */
    free(test_file(elsewhere, "part", "policy {\n"));
    test_daemon_await(&w.d, "READY=1");
    test_http_await(w.http, "/healthz", "reload-failed");
    free(test_file(elsewhere, "part", "policy \"q\" { applies = {\"*\"} default = deny }\n"));
    test_daemon_await(&w.d, "READY=1");
    assert_false(allows(&w, "10.0.0.4"));
    /* Not included any more: nobody's business. */
    test_daemon_policy(&w.d, OPEN_TO("10.0.0.1"));
    test_daemon_await(&w.d, "READY=1");
    free(test_file(elsewhere, "part", "policy {\n"));
    test_daemon_policy(&w.d, OPEN_TO("10.0.0.2"));
    test_daemon_await(&w.d, "READY=1");
    assert_true(allows(&w, "10.0.0.2"));
    text = test_http_get(w.http, "/metrics");
    assert_non_null(strstr(text, "pillion_loads_total{outcome=\"failed\"} 1\n"));
    assert_non_null(strstr(text, "pillion_loads_total{outcome=\"new\"} 6\n"));
    free(text);
    finish(&w);
    test_folder_remove(elsewhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_file_takes_effect),
        cmocka_unit_test(a_broken_file_changes_nothing_and_is_told),
        cmocka_unit_test(many_changes_are_one_load),
        cmocka_unit_test(a_neighbour_is_not_a_policy),
        cmocka_unit_test(included_files_are_watched),
        cmocka_unit_test(a_file_that_goes_is_missed_and_comes_back),
    };

    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
