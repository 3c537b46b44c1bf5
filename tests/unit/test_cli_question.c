/* cli/question: words of the policy language become the queries a program would cause. */
#include "tests/support/support.h"

#include "cli/question.h"

static int ask(const char *action, const char *resource, struct pil_question *q)
{
    struct pil_asked asked = {.action = action, .resource = resource};

    return pil_question_read(&asked, q);
}

static void addresses_are_one_query(void **state)
{
    struct pil_question q;
    struct pil_ip ip;

    (void)state;
    assert_err(ask("connect", "10.0.0.1:5432", &q), PIL_OK);
    assert_int_equal(q.count, 1);
    assert_int_equal(q.query[0].action, PIL_ACTION_CONNECT);
    assert_int_equal(q.query[0].kind, PIL_KIND_INET);
    assert_int_equal(q.query[0].port, 5432);
    assert_err(pil_ip_parse(pil_slice_of("10.0.0.1"), &ip), PIL_OK);
    assert_true(pil_ip_equal(&q.query[0].ip, &ip));
    assert_int_equal(q.query[0].seen, PIL_FIELD_NAME);
    assert_int_equal(q.query[0].name.len, 0);
    assert_err(ask("send", "[FD00::1]:443", &q), PIL_OK);
    assert_err(pil_ip_parse(pil_slice_of("fd00::1"), &ip), PIL_OK);
    assert_true(pil_ip_equal(&q.query[0].ip, &ip));
}

static void conditions_are_carried(void **state)
{
    struct pil_asked asked = {.action = "accept",
                              .resource = "10.0.0.1:80",
                              .source = "192.0.2.7",
                              .caller = "libpq.so.5"};
    struct pil_question q;
    struct pil_ip ip;

    (void)state;
    assert_err(pil_question_read(&asked, &q), PIL_OK);
    assert_int_equal(q.query[0].seen, PIL_FIELD_NAME | PIL_FIELD_SOURCE | PIL_FIELD_CALLER);
    assert_err(pil_ip_parse(pil_slice_of("192.0.2.7"), &ip), PIL_OK);
    assert_true(pil_ip_equal(&q.query[0].source, &ip));
    assert_slice(q.query[0].caller, "libpq.so.5");
    asked = (struct pil_asked){.action = "connect", .resource = "10.0.0.1:80", .name = "Web.Corp."};
    assert_err(pil_question_read(&asked, &q), PIL_OK);
    assert_slice(q.query[0].name, "web.corp");
}

static void names_and_paths(void **state)
{
    struct pil_question q;

    (void)state;
    assert_err(ask("resolve", "Ledger.Corp.Example.", &q), PIL_OK);
    assert_int_equal(q.query[0].kind, PIL_KIND_NAME);
    assert_slice(q.query[0].name, "ledger.corp.example");
    assert_err(ask("connect", "unix:/run/x.sock", &q), PIL_OK);
    assert_int_equal(q.query[0].kind, PIL_KIND_UNIX);
    assert_slice(q.query[0].name, "/run/x.sock");
    assert_err(ask("connect", "unix:@abstract", &q), PIL_OK);
    assert_slice(q.query[0].name, "@abstract");
}

static void peers_are_ids_or_nobody(void **state)
{
    struct pil_asked asked = {.action = "accept", .resource = "10.0.0.1:80"};
    static const char *const bad[] = {"web", "spiffe://corp.example/*", "spiffe://corp.example/"};
    struct pil_question q;

    (void)state;
    assert_err(pil_question_read(&asked, &q), PIL_OK);
    assert_int_equal(q.query[0].seen & PIL_FIELD_PEER, 0);
    assert_int_equal(q.query[0].flags, 0);
    asked.peer = "";
    assert_err(pil_question_read(&asked, &q), PIL_OK);
    assert_int_equal(q.query[0].seen & PIL_FIELD_PEER, PIL_FIELD_PEER);
    assert_int_equal(q.query[0].peer.len, 0);
    asked.peer = "spiffe://corp.example/web";
    asked.action = "connect";
    assert_err(pil_question_read(&asked, &q), PIL_OK);
    assert_slice(q.query[0].peer, "spiffe://corp.example/web");
    assert_int_equal(q.query[0].flags, 0);
    asked.action = "listen";
    assert_err(pil_question_read(&asked, &q), PIL_E_SYNTAX);
    asked.action = "connect";
    for (size_t i = 0; i < PIL_NELEM(bad); i++) {
        asked.peer = bad[i];
        assert_err(pil_question_read(&asked, &q), PIL_E_SYNTAX);
    }
    asked.peer = NULL;
    assert_err(pil_question_read(&asked, &q), PIL_OK);
    assert_int_equal(q.query[0].flags, PIL_QUERY_PEER_LATER);
}

static void a_name_with_a_port_goes_to_its_addresses(void **state)
{
    struct pil_question q;
    struct pil_ip zero = {{0}};

    (void)state;
    assert_err(ask("connect", "localhost:80", &q), PIL_OK);
    assert_true(q.count >= 1);
    for (unsigned i = 0; i < q.count; i++) {
        assert_int_equal(q.query[i].kind, PIL_KIND_INET);
        assert_int_equal(q.query[i].port, 80);
        assert_slice(q.query[i].name, "localhost");
    }
    assert_false(q.no_address);
    /* Nobody has this name (RFC 6761), and no name server has to be asked for long. */
    setenv("RES_OPTIONS", "timeout:1 attempts:1", 1);
    assert_err(ask("connect", "no-such-host.invalid:80", &q), PIL_OK);
    assert_true(q.no_address);
    assert_int_equal(q.count, 1);
    assert_true(pil_ip_equal(&q.query[0].ip, &zero));
}

static void what_is_more_or_less_than_one_thing_is_refused(void **state)
{
    static const struct {
        const char *action, *resource;
    } row[] = {
        {"conect", "10.0.0.1:80"},
        {"connect", "10.0.0.0/8:80"},
        {"connect", "10.0.0.1:80-90"},
        {"connect", "10.0.0.1:*"},
        {"connect", "*"},
        {"connect", "*:80"},
        {"connect", "service:ledger"},
        {"connect", "ledger.corp.example"},
        {"connect", "*.corp:80"},
        {"connect", "unix:/run/*.sock"},
        {"resolve", "10.0.0.1:80"},
        {"resolve", "unix:/x"},
        {"resolve", "*.corp.example"},
        {"connect", ""},
        {"connect", "10.0.0.1:0"},
        {"connect", "10.0.0.1:70000"},
    };
    struct pil_question q;

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(row); i++)
        if (ask(row[i].action, row[i].resource, &q) != PIL_E_SYNTAX)
            fail_msg("%s %s was taken", row[i].action, row[i].resource);
}

static void wrong_conditions_are_refused(void **state)
{
    static const char longest[] =
        "0123456789012345678901234567890123456789012345678901234567890123";
    const struct pil_asked row[] = {
        {.action = "connect", .resource = "10.0.0.1:80", .source = "10.0.0.2"},
        {.action = "accept", .resource = "10.0.0.1:80", .source = "10.0.0.0/8"},
        {.action = "accept", .resource = "10.0.0.1:80", .source = "nobody"},
        {.action = "connect", .resource = "10.0.0.1:80", .name = "*.corp"},
        {.action = "connect", .resource = "10.0.0.1:80", .caller = longest},
    };
    struct pil_question q;

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(row); i++)
        if (pil_question_read(&row[i], &q) != PIL_E_SYNTAX)
            fail_msg("row %zu was taken", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_one_query),
        cmocka_unit_test(conditions_are_carried),
        cmocka_unit_test(names_and_paths),
        cmocka_unit_test(peers_are_ids_or_nobody),
        cmocka_unit_test(a_name_with_a_port_goes_to_its_addresses),
        cmocka_unit_test(what_is_more_or_less_than_one_thing_is_refused),
        cmocka_unit_test(wrong_conditions_are_refused),
    };

    return cmocka_run_group_tests_name("cli_question", tests, NULL, NULL);
}
