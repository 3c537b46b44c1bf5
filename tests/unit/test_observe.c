/* policyd/observe: a real policyd tells what policies in shadow would have changed, and teaches. */
#include "tests/support/support.h"

#include <sys/mman.h>
#include <unistd.h>

#include "cli/client.h"
#include "core/genpage.h"
#include "core/ring.h"
#include "tests/support/daemon.h"

#define POLICY                                                                                     \
    "schema = 1\ndefault = allow\n"                                                                \
    "workload \"me\" { exe = \"/**test_observe\" }\n"                                              \
    "policy \"tomorrow\" { applies = {\"*\"} stage = shadow default = deny\n"                      \
    "rule \"open\" { effect = allow actions = {connect} resources = {\"10.0.0.1:80\"} }\n"         \
    "rule \"shut\" { effect = deny actions = {connect} resources = {\"10.0.0.2:*\"} } }\n"
#define OTHER                                                                                      \
    "schema = 1\ndefault = allow\n"                                                                \
    "policy \"tomorrow\" { applies = {\"*\"} stage = shadow\n"                                     \
    "rule \"first\" { effect = deny actions = {send} }\n"                                          \
    "rule \"shut\" { effect = deny actions = {connect} resources = {\"10.0.0.2:*\"} } }\n"

static void ask(int fd, const char *ip, unsigned port, struct pil_verdict *v)
{
    struct pil_query q = test_daemon_query(ip, port);

    test_daemon_ask(fd, &q, 1, v);
}

static json_t *report(const struct test_daemon *d, const char *argument)
{
    uint32_t status;
    json_t *answer = test_daemon_control(d, "shadow", argument, &status);

    assert_int_equal(status, PIL_OK);
    return answer;
}

static json_int_t number(const json_t *from, const char *key)
{
    return json_integer_value(json_object_get(from, key));
}

static const char *text(const json_t *from, const char *key)
{
    const char *value = json_string_value(json_object_get(from, key));

    return value ? value : "";
}

/* The one entry about that resource; fails when it is not there. */
static const json_t *about(const json_t *answer, const char *resource)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(json_object_get(answer, "entries"), i,
                       entry) if (strcmp(text(entry, "resource"), resource) == 0) return entry;
    fail_msg("nothing about %s", resource);
    return NULL;
}

static void differences_are_kept_by_name_over_a_reload(void **state)
{
    struct test_daemon d;
    struct pil_verdict v;
    json_t *answer;
    int fd;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    fd = test_daemon_connect(&d);
    test_daemon_hello(fd, NULL);
    ask(fd, "10.0.0.1", 80, &v); /* allowed by both: no difference */
    assert_int_equal(v.shadow, PIL_SHADOW_NONE);
    ask(fd, "10.0.0.2", 80, &v);
    ask(fd, "10.0.0.2", 80, &v);
    ask(fd, "10.0.0.3", 80, &v);
    answer = report(&d, "");
    assert_int_equal(number(answer, "would_deny"), 3);
    assert_int_equal(number(answer, "would_allow"), 0);
    assert_int_equal(json_array_size(json_object_get(answer, "entries")), 2);
    assert_int_equal(number(about(answer, "10.0.0.2:80"), "count"), 2);
    assert_string_equal(text(about(answer, "10.0.0.2:80"), "shadow_rule"), "shut");
    assert_string_equal(text(about(answer, "10.0.0.3:80"), "shadow_reason"), "default-deny");
    assert_string_equal(text(about(answer, "10.0.0.3:80"), "shadow_policy"), "tomorrow");
    assert_string_equal(text(about(answer, "10.0.0.3:80"), "workload"), "me");
    json_decref(answer);

    /* The same rule has another number now. */
    test_daemon_policy(&d, OTHER);
    json_decref(test_daemon_control(&d, "reload", "", &(uint32_t){0}));
    ask(fd, "10.0.0.2", 80, &v);
    answer = report(&d, "{\"reset\":true}");
    assert_int_equal(number(answer, "would_deny"), 4);
    assert_int_equal(json_array_size(json_object_get(answer, "entries")), 3); /* no workload now */
    json_decref(answer);
    answer = report(&d, "");
    assert_int_equal(number(answer, "would_deny"), 0);
    assert_int_equal(json_array_size(json_object_get(answer, "entries")), 0);
    json_decref(answer);
    close(fd);
    test_daemon_stop(&d);
}

static struct pil_tally_body body_of(const struct pil_query *q, const struct pil_verdict *v)
{
    return (struct pil_tally_body){
        .generation = v->generation,
        .rule = v->rule,
        .policy = v->policy,
        .shadow_rule = v->shadow_rule,
        .shadow_policy = v->shadow_policy,
        .action = q->action,
        .kind = q->kind,
        .effect = v->effect,
        .reason = v->reason,
        .shadow = v->shadow,
        .shadow_reason = v->shadow_reason,
        .port = q->port,
        .ip = q->ip,
    };
}

/* What the cache of a process served counts with what policyd answered, to the call. */
static void cached_calls_count_and_lies_do_not(void **state)
{
    struct test_daemon d;
    struct pil_query q = test_daemon_query("10.0.0.2", 80);
    struct pil_tally_body body;
    struct pil_verdict v;
    struct pil_ring *ring;
    json_t *answer;
    int fd, fds[2];

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    fd = test_daemon_connect(&d);
    test_daemon_hello(fd, fds);
    ring = mmap(NULL, PIL_RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
    assert_true(ring != MAP_FAILED);
    test_daemon_ask(fd, &q, 1, &v);
    body = body_of(&q, &v);
    pil_ring_tally_open(ring, 7, &body);
    for (unsigned i = 0; i < 999; i++)
        if (!pil_ring_tally_count(ring, 7))
            pil_ring_tally_open(ring, 7, &body); /* policyd takes while we count */
    answer = report(&d, "");
    assert_int_equal(number(answer, "would_deny"), 1001);
    assert_int_equal(json_array_size(json_object_get(answer, "entries")), 1);
    assert_int_equal(number(about(answer, "10.0.0.2:80"), "count"), 1001);
    json_decref(answer);

    body.shadow = 9;
    pil_ring_tally_open(ring, 8, &body);
    body.shadow = PIL_SHADOW_WOULD_DENY;
    body.action = PIL_ACTION_COUNT;
    pil_ring_tally_open(ring, 9, &body);
    body.action = PIL_ACTION_CONNECT;
    body.shadow_rule = 4711; /* no such rule: it has no name */
    body.text_len = body.caller_len = 65535;
    pil_ring_tally_open(ring, 10, &body);
    answer = report(&d, "");
    assert_int_equal(number(answer, "would_deny"), 1002);
    json_decref(answer);

    /* The last ones are taken when the process is gone. */
    body = body_of(&q, &v);
    pil_ring_tally_open(ring, 7, &body);
    munmap(ring, PIL_RING_SIZE);
    close(fds[0]);
    close(fds[1]);
    close(fd);
    do {
        answer = test_daemon_control(&d, "processes", "", &(uint32_t){0});
        fd = (int)json_array_size(json_object_get(answer, "processes"));
        json_decref(answer);
    } while (fd > 0);
    answer = report(&d, "");
    assert_int_equal(number(answer, "would_deny"), 1003);
    json_decref(answer);
    test_daemon_stop(&d);
}

#define SECURED                                                                                    \
    "schema = 1\ndefault = allow\ntrust_domain = \"corp.example\"\n"                               \
    "service \"s\" { endpoints = {\"10.0.0.2:80\"} encrypt = required }\n"                         \
    "policy \"tomorrow\" { applies = {\"*\"} stage = shadow default = deny }\n"

/* It is decided once more with the peer, and counts then; and a ring tells no peers. */
static void a_connect_to_be_secured_does_not_count_yet(void **state)
{
    struct test_daemon d;
    struct pil_query q = test_daemon_query("10.0.0.3", 80);
    struct pil_tally_body body;
    struct pil_verdict v;
    struct pil_ring *ring;
    json_t *answer;
    int fd, fds[2];

    (void)state;
    test_daemon_start(&d, SECURED, NULL);
    fd = test_daemon_connect(&d);
    test_daemon_hello(fd, fds);
    ask(fd, "10.0.0.2", 80, &v);
    assert_int_equal(v.encrypt, PIL_ENCRYPT_REQUIRED);
    assert_int_equal(v.shadow, PIL_SHADOW_WOULD_DENY);
    ring = mmap(NULL, PIL_RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
    assert_true(ring != MAP_FAILED);
    test_daemon_ask(fd, &q, 1, &v);
    body = body_of(&q, &v);
    body.seen = PIL_FIELD_PEER;
    pil_ring_tally_open(ring, 7, &body);
    answer = report(&d, "");
    assert_int_equal(number(answer, "would_deny"), 2);
    assert_int_equal(json_array_size(json_object_get(answer, "entries")), 1);
    assert_null(json_object_get(about(answer, "10.0.0.3:80"), "peer"));
    json_decref(answer);
    munmap(ring, PIL_RING_SIZE);
    close(fds[0]);
    close(fds[1]);
    close(fd);
    test_daemon_stop(&d);
}

static struct pil_client *client_of(const struct test_daemon *d)
{
    struct pil_client *c = malloc(sizeof(*c));

    assert_non_null(c);
    assert_err(pil_client_open(c, d->socket), PIL_OK);
    return c;
}

static json_t *call(struct pil_client *c, const char *verb, const char *filter, int want)
{
    json_t *argument = filter ? json_loads(filter, 0, NULL) : NULL, *answer = NULL;

    assert_err(pil_client_call(c, verb, argument, &answer, NULL), want);
    json_decref(argument);
    return answer;
}

static void end_client(struct pil_client *c)
{
    pil_client_close(c);
    free(c);
}

static void a_learner_sees_everything_from_its_first_moment(void **state)
{
    const char *const no_allows[] = {"--log-allows", "denials", NULL};
    struct pil_genpage *page;
    struct pil_client *c;
    struct test_daemon d;
    struct pil_verdict v;
    uint64_t before;
    json_t *answer;
    int fd, fds[2];

    (void)state;
    test_daemon_start(&d, POLICY, no_allows);
    fd = test_daemon_connect(&d);
    test_daemon_hello(fd, fds);
    page = mmap(NULL, PIL_GENPAGE_SIZE, PROT_READ, MAP_SHARED, fds[0], 0);
    assert_true(page != MAP_FAILED);
    before = pil_genpage_word(page);
    assert_int_equal(pil_genpage_fields(before), 0);
    ask(fd, "10.0.0.1", 80, &v); /* nobody looks yet */
    c = client_of(&d);
    call(c, "learned", NULL, PIL_E_NOTFOUND);
    call(c, "learn", "{\"workload\":\"me\"}", PIL_OK);
    assert_int_equal(pil_genpage_fields(pil_genpage_word(page)), PIL_FIELD_ALL);
    assert_true(pil_genpage_generation(pil_genpage_word(page)) ==
                pil_genpage_generation(before) + 1);
    ask(fd, "10.0.0.1", 80, &v);
    assert_true(v.generation == pil_genpage_generation(before) + 1);
    ask(fd, "10.0.0.3", 80, &v);
    answer = call(c, "learned", NULL, PIL_OK);
    assert_int_equal(number(answer, "processes"), 1);
    assert_int_equal(number(answer, "decisions"), 2);
    assert_int_equal(number(answer, "missed"), 0);
    assert_string_equal(text(about(answer, "10.0.0.1:80"), "verdict"), "allow");
    assert_string_equal(text(about(answer, "10.0.0.3:80"), "shadow"), "would-deny");
    json_decref(answer);
    call(c, "learn", NULL, PIL_E_FULL);
    end_client(c);

    /* The page is as it was, under a generation of its own. */
    c = client_of(&d);
    json_decref(call(c, "status", NULL, PIL_OK));
    assert_int_equal(pil_genpage_fields(pil_genpage_word(page)), 0);
    call(c, "learn", "{\"workload\":\"other\"}", PIL_OK);
    ask(fd, "10.0.0.1", 80, &v);
    answer = call(c, "learned", NULL, PIL_OK);
    assert_int_equal(number(answer, "processes"), 0);
    assert_int_equal(number(answer, "decisions"), 0);
    json_decref(answer);
    end_client(c);
    munmap(page, PIL_GENPAGE_SIZE);
    close(fds[0]);
    close(fds[1]);
    close(fd);
    test_daemon_stop(&d);
}

static void a_program_that_is_lost_is_told(void **state)
{
    struct pil_event event = {
        .type = PIL_EVENT_COVERAGE_LOST, .text = "/opt/static", .text_len = 11};
    struct test_daemon d;
    struct pil_client *c;
    struct pil_ring *ring;
    json_t *answer;
    int fd, fds[2];

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    c = client_of(&d);
    call(c, "learn", "{}", PIL_OK);
    fd = test_daemon_connect(&d);
    test_daemon_hello(fd, fds);
    ring = mmap(NULL, PIL_RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
    assert_true(ring != MAP_FAILED);
    for (unsigned i = 0; i < 3; i++)
        assert_true(pil_ring_put(ring, &event));
    answer = call(c, "learned", NULL, PIL_OK);
    assert_int_equal(json_array_size(json_object_get(answer, "lost")), 1);
    assert_string_equal(text(json_array_get(json_object_get(answer, "lost"), 0), "path"),
                        "/opt/static");
    assert_int_equal(number(json_array_get(json_object_get(answer, "lost"), 0), "count"), 3);
    json_decref(answer);
    munmap(ring, PIL_RING_SIZE);
    close(fds[0]);
    close(fds[1]);
    close(fd);
    end_client(c);
    test_daemon_stop(&d);
}

static void wrong_wishes_are_refused(void **state)
{
    struct pil_client *c[5];
    struct test_daemon d;
    uint32_t status;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    json_decref(test_daemon_control(&d, "shadow", "{\"reset\":1}", &status));
    assert_int_equal(status, PIL_E_SYNTAX);
    for (unsigned i = 0; i < PIL_NELEM(c); i++)
        c[i] = client_of(&d);
    call(c[0], "learn", "{\"pid\":1}", PIL_E_SYNTAX);
    assert_non_null(strstr(c[0]->problem, "legal is unit, workload, exe"));
    call(c[0], "learn", "{\"unit\":1}", PIL_E_SYNTAX);
    for (unsigned i = 0; i < 4; i++)
        call(c[i], "learn", "{}", PIL_OK);
    call(c[4], "learn", "{}", PIL_E_FULL);
    assert_non_null(strstr(c[4]->problem, "others learn already"));
    for (unsigned i = 0; i < PIL_NELEM(c); i++)
        end_client(c[i]);
    test_daemon_stop(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences_are_kept_by_name_over_a_reload),
        cmocka_unit_test(cached_calls_count_and_lies_do_not),
        cmocka_unit_test(a_connect_to_be_secured_does_not_count_yet),
        cmocka_unit_test(a_learner_sees_everything_from_its_first_moment),
        cmocka_unit_test(a_program_that_is_lost_is_told),
        cmocka_unit_test(wrong_wishes_are_refused),
    };

    return cmocka_run_group_tests_name("observe", tests, NULL, NULL);
}
