/* policyd/session: what is asked ahead is answered, and neither counted nor logged. */
#include "tests/support/support.h"

#include <jansson.h>
#include <unistd.h>

#include "policyd/session.h"
#include "tests/support/daemon.h"

#define POLICY                                                                                     \
    "schema = 1\ndefault = deny\n"                                                                 \
    "policy \"p\" { applies = {\"*\"}\n"                                                           \
    "rule \"open\" { effect = allow actions = {connect} resources = {\"10.0.0.1:80\"} } }\n"

static json_int_t count_of(const struct test_daemon *d, const char *what)
{
    uint32_t status;
    json_t *answer = test_daemon_control(d, "processes", "", &status);
    json_t *first = json_array_get(json_object_get(answer, "processes"), 0);
    json_int_t count;

    assert_int_equal(status, PIL_OK);
    assert_non_null(json_object_get(first, what));
    count = json_integer_value(json_object_get(first, what));
    json_decref(answer);
    return count;
}

static void asked_ahead_has_not_happened(void **state)
{
    struct pil_query q[2] = {test_daemon_query("10.0.0.1", 80), test_daemon_query("10.0.0.1", 81)};
    struct pil_verdict v[2];
    struct test_daemon d;
    int fd;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    fd = test_daemon_connect(&d);
    test_daemon_hello(fd, NULL);
    q[0].flags = q[1].flags = PIL_QUERY_AHEAD;
    test_daemon_ask(fd, q, 2, v);
    assert_int_equal(v[0].effect, PIL_ALLOW);
    assert_int_equal(v[1].effect, PIL_DENY);
    assert_int_equal(count_of(&d, "decisions"), 0);
    assert_int_equal(count_of(&d, "denials"), 0);
    q[1].flags = 0;
    test_daemon_ask(fd, &q[1], 1, v);
    assert_int_equal(count_of(&d, "decisions"), 1);
    assert_int_equal(count_of(&d, "denials"), 1);
    close(fd);
    test_daemon_stop(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asked_ahead_has_not_happened),
    };

    return cmocka_run_group_tests_name("ahead", tests, NULL, NULL);
}
