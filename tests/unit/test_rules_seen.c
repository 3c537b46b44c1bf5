/* cli/rules/seen: decisions out of JSON, from a line of the log or an entry of policyd. */
#include "tests/support/support.h"

#include <stdio.h>

#include "cli/rules/seen.h"

static int add(struct pil_seen_list *list, const char *text)
{
    json_t *record = json_loads(text, JSON_DECODE_ANY, NULL);
    int error;

    assert_non_null(record);
    error = pil_seen_add(list, record);
    json_decref(record);
    return error;
}

#define LINE(action, resource, more)                                                               \
    "{\"time\":\"2026-11-25T15:50:03.123456Z\",\"exe\":\"/bin/x\",\"uid\":7,\"workload\":\"w\","   \
    "\"action\":\"" action "\",\"resource\":\"" resource "\",\"verdict\":\"allow\"," more          \
    "\"reason\":\"rule-allow\",\"shadow\":\"none\",\"policy\":\"p\",\"rule\":null}"

static void a_line_of_the_log_is_read_whole(void **state)
{
    struct pil_seen_list list = {0};
    const struct pil_seen *s;
    struct pil_query q;

    (void)state;
    assert_err(add(&list, LINE("connect", "db.example:5432 (10.0.0.1)",
                               "\"name\":\"db.example\",\"address\":\"10.0.0.1\",\"port\":5432,"
                               "\"caller\":\"libpq.so.5\",")),
               PIL_OK);
    s = &list.item[0];
    assert_string_equal(s->exe, "/bin/x");
    assert_string_equal(s->workload, "w");
    assert_string_equal(s->policy, "p");
    assert_string_equal(s->rule, "");
    assert_string_equal(s->unit, "");
    assert_int_equal(s->uid, 7);
    assert_int_equal(s->effect, PIL_ALLOW);
    assert_int_equal(s->reason, PIL_REASON_RULE_ALLOW);
    assert_int_equal(s->times.count, 1);
    assert_string_equal(s->times.first, "2026-11-25 15:50:03");
    assert_string_equal(s->times.last, "2026-11-25 15:50:03");
    q = pil_seen_query(s);
    assert_int_equal(q.action, PIL_ACTION_CONNECT);
    assert_int_equal(q.kind, PIL_KIND_INET);
    assert_int_equal(q.port, 5432);
    assert_slice(q.name, "db.example");
    assert_slice(q.caller, "libpq.so.5");
    assert_int_equal(q.seen, PIL_FIELD_NAME | PIL_FIELD_CALLER);
    pil_seen_free(&list);
}

/* A peer that showed nothing is another than one that nobody asked. */
static void peers_are_taken(void **state)
{
    static const char *const peers[] = {"", "\"peer\":\"\",",
                                        "\"peer\":\"spiffe://corp.example/web\","};
    struct pil_seen_list list = {0};

    (void)state;
    for (unsigned i = 0; i < PIL_NELEM(peers); i++) {
        char line[1024];

        snprintf(line, sizeof(line),
                 LINE("accept", "10.0.0.1:80", "\"address\":\"10.0.0.1\",\"port\":80,%s"),
                 peers[i]);
        assert_err(add(&list, line), PIL_OK);
        assert_int_equal(pil_seen_query(&list.item[i]).seen & PIL_FIELD_PEER,
                         i > 0 ? PIL_FIELD_PEER : 0);
    }
    assert_int_equal(pil_seen_query(&list.item[1]).peer.len, 0);
    assert_slice(pil_seen_query(&list.item[2]).peer, "spiffe://corp.example/web");
    pil_seen_fold(&list);
    assert_int_equal(list.count, 3);
    pil_seen_free(&list);
}

static void each_kind_of_resource_is_told_apart(void **state)
{
    static const struct {
        const char *line;
        unsigned kind;
        const char *name;
    } rows[] = {
        {LINE("connect", "unix:/run/x.sock", ""), PIL_KIND_UNIX, "/run/x.sock"},
        {LINE("connect", "unix:@x", ""), PIL_KIND_UNIX, "@x"},
        {LINE("resolve", "db.example", "\"name\":\"db.example\","), PIL_KIND_NAME, "db.example"},
        {LINE("connect", "family:40", "\"name\":\"family:40\","), PIL_KIND_OTHER, "family:40"},
        {LINE("accept", "[::1]:80", "\"address\":\"::1\",\"port\":80,\"source\":\"::1\","),
         PIL_KIND_INET, ""},
    };
    struct pil_seen_list list = {0};

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        assert_err(add(&list, rows[i].line), PIL_OK);
        assert_int_equal(list.item[i].kind, rows[i].kind);
        assert_string_equal(list.item[i].name, rows[i].name);
    }
    assert_true(list.item[4].has_source);
    assert_false(list.item[0].has_source);
    pil_seen_free(&list);
}

static void what_is_no_decision_is_left_out(void **state)
{
    struct pil_seen_list list = {0};

    (void)state;
    assert_err(add(&list, "{\"event\":\"start\"}"), PIL_E_NOTFOUND);
    assert_err(add(&list, "[]"), PIL_E_NOTFOUND);
    assert_err(add(&list, "17"), PIL_E_NOTFOUND);
    assert_err(add(&list, "{\"action\":\"dance\",\"verdict\":\"allow\"}"), PIL_E_SYNTAX);
    assert_err(add(&list, "{\"action\":\"connect\",\"resource\":\"10.0.0.1:1\"}"), PIL_E_SYNTAX);
    assert_err(add(&list, "{\"action\":\"connect\",\"verdict\":\"allow\"}"), PIL_E_SYNTAX);
    assert_err(add(&list, "{\"action\":7,\"verdict\":[],\"resource\":{}}"), PIL_E_NOTFOUND);
    assert_int_equal(list.count, 0);
    pil_seen_free(&list);
}

static void equal_ones_are_folded_with_their_times(void **state)
{
    struct pil_seen_list list = {0};
    char line[512];

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        snprintf(line, sizeof(line),
                 "{\"action\":\"connect\",\"resource\":\"x\",\"verdict\":\"allow\","
                 "\"address\":\"10.0.0.%u\",\"port\":1,\"count\":%u,"
                 "\"first\":\"2026-01-01T00:00:0%u.000000Z\",\"last\":\"2026-01-02T00:00:0%uZ\"}",
                 i % 2, i + 1, 9 - i, i);
        assert_err(add(&list, line), PIL_OK);
    }
    pil_seen_fold(&list);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.item[0].times.count, 1 + 3 + 5);
    assert_string_equal(list.item[0].times.first, "2026-01-01 00:00:05");
    assert_string_equal(list.item[0].times.last, "2026-01-02 00:00:04");
    assert_int_equal(list.item[1].times.count, 2 + 4 + 6);
    pil_seen_drop_last(&list);
    assert_int_equal(list.count, 1);
    pil_seen_free(&list);
}

/* What a log says may be anything; a terminal is not to be steered by it. */
static void a_resource_is_printed_for_people(void **state)
{
    struct pil_seen_list list = {0};
    char text[PIL_SEEN_TEXT];

    (void)state;
    assert_err(add(&list, LINE("connect", "x",
                               "\"name\":\"db.example\",\"address\":"
                               "\"10.0.0.1\",\"port\":5432,")),
               PIL_OK);
    pil_seen_print(&list.item[0], text);
    assert_string_equal(text, "db.example:5432 (10.0.0.1)");
    list.item[0].name[1] = '\033';
    pil_seen_print(&list.item[0], text);
    assert_string_equal(text, "d?.example:5432 (10.0.0.1)");
    pil_seen_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_the_log_is_read_whole),
        cmocka_unit_test(peers_are_taken),
        cmocka_unit_test(each_kind_of_resource_is_told_apart),
        cmocka_unit_test(what_is_no_decision_is_left_out),
        cmocka_unit_test(equal_ones_are_folded_with_their_times),
        cmocka_unit_test(a_resource_is_printed_for_people),
    };

    return cmocka_run_group_tests_name("rules_seen", tests, NULL, NULL);
}
