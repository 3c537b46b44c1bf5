/* policyd/tally: distinct decisions once each, counted exactly, within the bytes it may have. */
#include "tests/support/support.h"

#include <stdio.h>

#include "policyd/tally.h"

#define SECOND UINT64_C(1000000000)

static struct pil_tally_item connects(const char *exe, unsigned port)
{
    return (struct pil_tally_item){
        .exe = exe,
        .user = "www-data",
        .workload = "web",
        .shadow_policy = "tomorrow",
        .uid = 33,
        .query = {.action = PIL_ACTION_CONNECT,
                  .kind = PIL_KIND_INET,
                  .port = (uint16_t)port,
                  .ip = {{[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}}},
        .verdict = {.effect = PIL_ALLOW,
                    .reason = PIL_REASON_DEFAULT_ALLOW,
                    .shadow = PIL_SHADOW_WOULD_DENY,
                    .shadow_reason = PIL_REASON_DEFAULT_DENY},
    };
}

static struct pil_tally *open_tally(size_t bytes)
{
    struct pil_tally *t;

    assert_err(pil_tally_open(bytes, &t), PIL_OK);
    return t;
}

static const char *text(const json_t *entry, const char *key)
{
    const char *value = json_string_value(json_object_get(entry, key));

    return value ? value : "";
}

/* One entry for each peer, for one that showed nothing, and for one that nobody asked. */
static void peers_are_kept_apart(void **state)
{
    struct pil_tally *t = open_tally(65536);
    struct pil_tally_item item = connects("/usr/sbin/nginx", 5432);
    static const char *const peers[] = {"", "spiffe://corp.example/a", "spiffe://corp.example/b"};
    bool seen[4] = {false};
    json_t *list;

    (void)state;
    pil_tally_add(t, &item, 1, SECOND);
    item.query.seen |= PIL_FIELD_PEER;
    for (unsigned i = 0; i < PIL_NELEM(peers); i++) {
        item.query.peer = pil_slice_of(peers[i]);
        pil_tally_add(t, &item, 1, SECOND);
        pil_tally_add(t, &item, 1, SECOND);
    }
    list = pil_tally_json(t);
    assert_int_equal(json_array_size(list), 4);
    for (size_t i = 0; i < 4; i++) {
        const json_t *e = json_array_get(list, i);
        bool asked = json_object_get(e, "peer") != NULL;

        assert_int_equal(json_integer_value(json_object_get(e, "count")), asked ? 2 : 1);
        for (unsigned k = 0; k < PIL_NELEM(peers); k++)
            seen[k] = seen[k] || (asked && strcmp(text(e, "peer"), peers[k]) == 0);
        seen[3] = seen[3] || !asked;
    }
    assert_true(seen[0] && seen[1] && seen[2] && seen[3]);
    json_decref(list);
    pil_tally_close(t);
}

static void equal_ones_are_one(void **state)
{
    struct pil_tally *t = open_tally(65536);
    struct pil_tally_item item = connects("/usr/sbin/nginx", 5432);
    struct pil_tally_counts n;
    json_t *list;
    const json_t *e;

    (void)state;
    pil_tally_add(t, &item, 1, 20 * SECOND);
    pil_tally_add(t, &item, 5, 10 * SECOND); /* a ring's, which are older than they are told */
    pil_tally_add(t, &item, 1, 30 * SECOND);
    list = pil_tally_json(t);
    assert_int_equal(json_array_size(list), 1);
    e = json_array_get(list, 0);
    assert_int_equal(json_integer_value(json_object_get(e, "count")), 7);
    assert_string_equal(text(e, "first"), "1970-01-01T00:00:10.000000Z");
    assert_string_equal(text(e, "last"), "1970-01-01T00:00:30.000000Z");
    assert_string_equal(text(e, "exe"), "/usr/sbin/nginx");
    assert_string_equal(text(e, "user"), "www-data");
    assert_string_equal(text(e, "workload"), "web");
    assert_string_equal(text(e, "action"), "connect");
    assert_string_equal(text(e, "resource"), "10.0.0.1:5432");
    assert_string_equal(text(e, "address"), "10.0.0.1");
    assert_int_equal(json_integer_value(json_object_get(e, "port")), 5432);
    assert_string_equal(text(e, "verdict"), "allow");
    assert_string_equal(text(e, "shadow"), "would-deny");
    assert_string_equal(text(e, "shadow_reason"), "default-deny");
    assert_string_equal(text(e, "shadow_policy"), "tomorrow");
    assert_true(json_is_null(json_object_get(e, "shadow_rule")));
    assert_null(json_object_get(e, "source"));
    json_decref(list);
    pil_tally_count(t, &n);
    assert_int_equal(n.calls, 7);
    assert_int_equal(n.missed, 0);
    assert_int_equal(n.entries, 1);
    pil_tally_close(t);
}

/* Whatever one of them differs in makes another one of it. */
static void different_ones_are_different(void **state)
{
    struct pil_tally *t = open_tally(65536);
    struct pil_tally_item items[14];
    struct pil_tally_counts n;

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(items); i++)
        items[i] = connects("/usr/sbin/nginx", 80);
    items[1].exe = "/usr/sbin/ngin";
    items[2].user = "x/usr/sbin/nginx";
    items[3].unit = "nginx.service";
    items[4].workload = "";
    items[5].policy = "p";
    items[6].rule = "p";
    items[7].shadow_rule = "p";
    items[8].query.port = 81;
    items[9].query.ip.octet[15] = 2;
    items[10].query.name = pil_slice_of("a.example");
    items[11].query.caller = pil_slice_of("a.example");
    items[12].query.source.octet[0] = 1;
    items[13].verdict.effect = PIL_DENY;
    for (unsigned round = 0; round < 2; round++)
        for (size_t i = 0; i < PIL_NELEM(items); i++)
            pil_tally_add(t, &items[i], 1, SECOND);
    pil_tally_count(t, &n);
    assert_int_equal(n.entries, PIL_NELEM(items));
    assert_int_equal(n.calls, 2 * PIL_NELEM(items));
    pil_tally_close(t);
}

static void a_full_one_misses_what_is_new_and_counts_what_is_there(void **state)
{
    struct pil_tally *t = open_tally(4096);
    struct pil_tally_item item;
    struct pil_tally_counts n, after;

    (void)state;
    for (unsigned port = 1; port <= 1000; port++) {
        item = connects("/usr/bin/scan", port);
        pil_tally_add(t, &item, 2, SECOND);
    }
    pil_tally_count(t, &n);
    assert_true(n.bytes <= n.max_bytes && n.entries >= 10 && n.entries < 100);
    assert_int_equal(n.calls, 2000);
    assert_int_equal(n.missed, 2000 - 2 * n.entries);
    item = connects("/usr/bin/scan", 1);
    pil_tally_add(t, &item, 1, SECOND);
    pil_tally_count(t, &after);
    assert_int_equal(after.missed, n.missed);
    pil_tally_reset(t);
    pil_tally_count(t, &n);
    assert_int_equal(n.calls + n.missed + n.entries + n.bytes, 0);
    pil_tally_add(t, &item, 1, SECOND);
    pil_tally_count(t, &n);
    assert_int_equal(n.entries, 1);
    pil_tally_close(t);
}

static void any_bytes_are_told_as_json(void **state)
{
    struct pil_tally *t = open_tally(65536);
    struct pil_tally_item item = connects("/tmp/\xff\"\n", 80);
    static char endless[40000];
    json_t *list;

    (void)state;
    item.query = (struct pil_query){
        .action = PIL_ACTION_CONNECT, .kind = PIL_KIND_UNIX, .name = {"/run/\xc3\x28\0.sock", 13}};
    pil_tally_add(t, &item, 1, SECOND);
    memset(endless, 'x', sizeof(endless) - 1);
    item.exe = endless; /* nothing is that long; what is cut must still be whole */
    pil_tally_add(t, &item, 1, SECOND);
    list = pil_tally_json(t);
    assert_int_equal(json_array_size(list), 2);
    json_decref(list);
    pil_tally_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_ones_are_one),
        cmocka_unit_test(peers_are_kept_apart),
        cmocka_unit_test(different_ones_are_different),
        cmocka_unit_test(a_full_one_misses_what_is_new_and_counts_what_is_there),
        cmocka_unit_test(any_bytes_are_told_as_json),
    };

    return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
