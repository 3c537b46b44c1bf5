/* A real policyd's connections: what one user may take, what is kept for root, and what happens
 * when descriptors run low. */
#include "tests/support/support.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/daemon.h"
#include "tests/support/http.h"

#define POLICY                                                                                     \
    "schema = 1\ndefault = deny\npolicy \"p\" { applies = {\"*\"}\n"                               \
    "rule \"r\" { effect = allow actions = {connect} resources = {\"10.0.0.1:80\"} } }\n"
#define STRANGER 54321u
#define LIMIT    128u /* descriptors; 64 of them are the reserve */
#define MANY     80u

struct world {
    struct test_daemon d;
    char *folder, *conf, http[256], where[300];
};

static void begin(struct world *w, const char *settings)
{
    const char *more[] = {"-c", NULL, "-m", w->where, NULL};

    w->folder = test_folder_make();
    w->conf = test_file(w->folder, "policyd.conf", settings);
    more[1] = w->conf;
    snprintf(w->http, sizeof(w->http), "%s/http.sock", w->folder);
    snprintf(w->where, sizeof(w->where), "unix:%s", w->http);
    test_daemon_start(&w->d, POLICY, more);
    assert_int_equal(chmod(w->d.folder, 0711), 0);
}

static void finish(struct world *w)
{
    test_daemon_stop(&w->d);
    free(w->conf);
    test_folder_remove(w->folder);
}

enum says { NOTHING, REQUEST, HELLO };

/* A connection of that user, who has said this on it. A request's answer is left unread. */
static int connect_as(const struct world *w, uid_t uid, enum says says)
{
    int fd;

    assert_int_equal(setresuid(uid, uid, 0), 0);
    fd = test_daemon_connect(&w->d);
    if (says == REQUEST)
        test_daemon_send_control(fd, "status", NULL);
    if (says == HELLO)
        assert_int_equal(test_daemon_hello(fd, NULL).status, PIL_OK);
    assert_int_equal(setresuid(0, 0, 0), 0);
    return fd;
}

static void is_served(int fd)
{
    struct pil_query q = test_daemon_query("10.0.0.1", 80);
    struct pil_verdict v;

    test_daemon_ask(fd, &q, 1, &v);
    assert_int_equal(v.effect, PIL_ALLOW);
}

/* Opens and keeps `count` connections as that user, which have said something and so may stay; the
 * next one is turned away. */
static void fill(const struct world *w, uid_t uid, int *fd, unsigned count)
{
    int over;

    for (unsigned i = 0; i < count; i++)
        fd[i] = connect_as(w, uid, REQUEST);
    over = connect_as(w, uid, NOTHING);
    assert_true(test_daemon_closed(over));
    close(over);
}

static void close_all(const int *fd, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        close(fd[i]);
}

static void one_user_cannot_take_anothers_place(void **state)
{
    struct world w;
    int fd[10], other, root;

    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can be others */
    begin(&w, "sessions = 64\nsessions_per_uid = 10\n");
    fill(&w, STRANGER, fd, 10);
    test_http_await(w.http, "/metrics", "pillion_refused_total{cause=\"uid-cap\"} 1\n");
    other = connect_as(&w, STRANGER + 1, HELLO);
    root = test_daemon_connect(&w.d);
    assert_int_equal(test_daemon_hello(root, NULL).status, PIL_OK);
    is_served(root);
    /* Who leaves makes room again. */
    close(fd[0]);
    test_http_await(w.http, "/metrics", "pillion_sessions 11\n");
    fd[0] = connect_as(&w, STRANGER, HELLO);
    close_all(fd, 10);
    close(other), close(root);
    finish(&w);
}

static void some_places_are_roots(void **state)
{
    struct world w;
    int fd[56], root[8], over;

    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can be others */
    begin(&w, "sessions = 64\nsessions_per_uid = 64\n");
    fill(&w, STRANGER, fd, 56);
    test_http_await(w.http, "/metrics", "pillion_refused_total{cause=\"total-cap\"} 1\n");
    for (unsigned i = 0; i < 8; i++) {
        root[i] = test_daemon_connect(&w.d);
        assert_int_equal(test_daemon_hello(root[i], NULL).status, PIL_OK);
    }
    over = test_daemon_connect(&w.d);
    assert_true(test_daemon_closed(over));
    is_served(root[0]);
    close_all(fd, 56);
    close_all(root, 8);
    close(over);
    finish(&w);
}

/* Last, because the limit stays with this very program. */
static void a_reserve_of_descriptors_is_kept(void **state)
{
    struct rlimit limit = {LIMIT, LIMIT};
    int fd[MANY], first, late;
    struct world w;

    (void)state;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    begin(&w, "");
    first = test_daemon_connect(&w.d);
    assert_int_equal(test_daemon_hello(first, NULL).status, PIL_OK);
    for (unsigned i = 0; i < MANY; i++)
        fd[i] = test_daemon_connect(&w.d);
    test_http_await(w.http, "/metrics", "pillion_accept_pauses_total 1\n");
    is_served(first);
    close_all(fd, MANY); /* those that were not accepted yet too */
    late = test_daemon_connect(&w.d);
    assert_int_equal(test_daemon_hello(late, NULL).status, PIL_OK);
    is_served(late);
    close(first), close(late);
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_user_cannot_take_anothers_place),
        cmocka_unit_test(some_places_are_roots),
        cmocka_unit_test(a_reserve_of_descriptors_is_kept),
    };

    return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
