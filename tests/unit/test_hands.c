/* policyd/tls/hands, crew, hand_make: both sides of the engine against each other; admission,
 * resumption, caps, ends. Refusals by what the peer does are in test_hand.c. */
#include "tests/support/handpair.h"

#include <fcntl.h>

#include "policyd/tls/handshake.h"

static void shake(struct world *w, struct side *client, struct side *server, int fd[2])
{
    memset(client, 0, sizeof(*client));
    memset(server, 0, sizeof(*server));
    test_tcp_pair(fd);
    begin(w, server, order_of(w, PIL_ROLE_SERVER, fd[1]));
    begin(w, client, order_of(w, PIL_ROLE_CLIENT, fd[0]));
    settle(w);
}

static void hang_up(int fd[2])
{
    close(fd[0]);
    close(fd[1]);
}

static void both_sides_agree(void **state)
{
    struct world *w = *state;
    struct side client, server;
    int fd[2];

    shake(w, &client, &server, fd);
    assert_reason(&client, PIL_TLS_NONE);
    assert_reason(&server, PIL_TLS_NONE);
    assert_string_equal(client.result.peer, TEST_ID("db"));
    assert_string_equal(server.result.peer, TEST_ID("web"));
    assert_string_equal(server.known.peer, TEST_ID("web"));
    assert_true(client.result.mesh && server.result.mesh);
    assert_false(client.result.resumed || server.result.resumed || client.result.plaintext);
    assert_int_equal(client.result.suite, PIL_SUITE_AES_128_GCM);
    assert_int_equal(server.result.suite, PIL_SUITE_AES_128_GCM);
    assert_memory_equal(&client.result.in, &server.result.out, sizeof(struct pil_traffic));
    assert_memory_equal(&client.result.out, &server.result.in, sizeof(struct pil_traffic));
    assert_int_equal(server.result.out.seq, 2); /* a ticket and the ready record */
    assert_int_equal(server.result.in.seq, 0);
    assert_true(server.result.not_after - server.result.not_before == 3660);
    assert_true(strlen(server.result.serial) > 8);
    exchange(fd[0], &client, fd[1], &server, "hello");
    exchange(fd[1], &server, fd[0], &client, "and back");
    hang_up(fd);
}

static void no_keys_before_the_decision(void **state)
{
    static const struct pil_traffic none;
    struct world *w = *state;
    struct side client, server;
    int fd[2];

    shake(w, &client, &server, fd);
    assert_int_equal(server.asked, 1);
    assert_int_equal(client.asked, 0);
    assert_memory_equal(&server.known.in, &none, sizeof(none));
    assert_memory_equal(&server.known.out, &none, sizeof(none));
    hang_up(fd);
}

/* A session on both ends: it belongs to the address, so connections go to the same one. */
static void leave_a_session(struct world *w)
{
    struct side client = {0}, server = {0};
    int fd[2];

    test_tcp_from(w->listener, w->port, fd);
    begin(w, &server, order_of(w, PIL_ROLE_SERVER, fd[1]));
    begin(w, &client, order_of(w, PIL_ROLE_CLIENT, fd[0]));
    settle(w);
    assert_reason(&client, PIL_TLS_NONE);
    assert_false(client.result.resumed || server.result.resumed);
    hang_up(fd);
}

static void a_second_connection_is_resumed(void **state)
{
    struct world *w = *state;
    struct side client, server;
    struct pil_hands_stats before, after;
    int fd[2];

    leave_a_session(w);
    pil_hands_stats(w->hands, &before);
    for (unsigned i = 0; i < 3; i++) {
        memset(&client, 0, sizeof(client));
        memset(&server, 0, sizeof(server));
        test_tcp_from(w->listener, w->port, fd);
        begin(w, &server, order_of(w, PIL_ROLE_SERVER, fd[1]));
        begin(w, &client, order_of(w, PIL_ROLE_CLIENT, fd[0]));
        settle(w);
        assert_reason(&client, PIL_TLS_NONE);
        assert_reason(&server, PIL_TLS_NONE);
        assert_true(client.result.resumed && server.result.resumed);
        assert_string_equal(client.result.peer, TEST_ID("db"));
        assert_string_equal(server.result.peer, TEST_ID("web"));
        assert_int_equal(server.asked, 1);
        assert_int_equal(server.result.out.seq, 1); /* no new ticket: the one at hand is fresh */
        exchange(fd[0], &client, fd[1], &server, "again");
        exchange(fd[1], &server, fd[0], &client, "indeed");
        hang_up(fd);
    }
    pil_hands_stats(w->hands, &after);
    assert_int_equal(after.resumed - before.resumed, 6);
}

static void fresh_resumes_nothing(void **state)
{
    struct world *w = *state;
    struct side client = {0}, server = {0};
    struct pil_hand_order order;
    int fd[2];

    leave_a_session(w);
    test_tcp_from(w->listener, w->port, fd);
    begin(w, &server, order_of(w, PIL_ROLE_SERVER, fd[1]));
    order = order_of(w, PIL_ROLE_CLIENT, fd[0]);
    order.fresh = true;
    begin(w, &client, order);
    settle(w);
    assert_reason(&client, PIL_TLS_NONE);
    assert_false(client.result.resumed || server.result.resumed);
    hang_up(fd);
}

static void a_session_of_another_identity_is_not_resumed(void **state)
{
    struct world *w = *state;
    struct side client = {0}, server = {0};
    const struct pil_svid *other = test_svid_plain(&w->ca, TEST_ID("other"));
    struct pil_hand_order order;
    int fd[2];

    leave_a_session(w);
    test_tcp_from(w->listener, w->port, fd);
    order = order_of(w, PIL_ROLE_SERVER, fd[1]);
    order.svid = other;
    begin(w, &server, order);
    begin(w, &client, order_of(w, PIL_ROLE_CLIENT, fd[0]));
    settle(w);
    assert_reason(&client, PIL_TLS_NONE);
    assert_false(client.result.resumed || server.result.resumed);
    assert_string_equal(client.result.peer, TEST_ID("other"));
    hang_up(fd);
    pil_svid_unref(other);
}

/* The server's roots have changed since: no session helps, and the peer is refused for it. */
static void a_session_does_not_outlive_the_roots(void **state)
{
    struct world *w = *state;
    struct side client = {0}, server = {0};
    struct test_ca stranger;
    const struct pil_bundle *other;
    struct pil_hand_order order;
    int fd[2];

    leave_a_session(w);
    test_ca_make(&stranger, TEST_DOMAIN, NULL);
    other = test_bundle(&stranger);
    test_tcp_from(w->listener, w->port, fd);
    order = order_of(w, PIL_ROLE_SERVER, fd[1]);
    order.bundle = other;
    begin(w, &server, order);
    begin(w, &client, order_of(w, PIL_ROLE_CLIENT, fd[0]));
    settle(w);
    assert_reason(&server, PIL_TLS_WRONG_ROOT);
    assert_reason(&client, PIL_TLS_PEER_REFUSED);
    hang_up(fd);
    pil_bundle_unref(other);
    test_ca_free(&stranger);
}

static void a_session_does_not_outlive_revocation(void **state)
{
    struct world *w = *state;
    struct side client = {0}, server = {0};
    const struct pil_bundle *without;
    struct pil_hand_order order;
    int fd[2];

    leave_a_session(w);
    without = test_bundle_of(&w->ca, TEST_DOMAIN, TEST_ID("web"));
    test_tcp_from(w->listener, w->port, fd);
    order = order_of(w, PIL_ROLE_SERVER, fd[1]);
    order.bundle = without;
    begin(w, &server, order);
    begin(w, &client, order_of(w, PIL_ROLE_CLIENT, fd[0]));
    settle(w);
    assert_reason(&server, PIL_TLS_REVOKED);
    assert_int_equal(server.asked, 0);
    assert_string_equal(server.result.peer, TEST_ID("web"));
    assert_reason(&client, PIL_TLS_PEER_REFUSED);
    assert_non_null(strstr(client.result.detail, "revoked"));
    hang_up(fd);
    pil_bundle_unref(without);
}

static void a_session_is_bound_to_whom_one_expects(void **state)
{
    static const char *const expect[] = {"spiffe://mesh.example/cache", "spiffe://*/ledger*"};
    struct world *w = *state;
    struct side client = {0}, server = {0};
    struct pil_hand_order order;
    int fd[2];

    leave_a_session(w);
    test_tcp_from(w->listener, w->port, fd);
    begin(w, &server, order_of(w, PIL_ROLE_SERVER, fd[1]));
    order = order_of(w, PIL_ROLE_CLIENT, fd[0]);
    order.expect = expect;
    order.expect_count = 2;
    begin(w, &client, order);
    settle(w);
    assert_reason(&client, PIL_TLS_WRONG_ID);
    assert_non_null(strstr(client.result.detail, TEST_ID("db")));
    assert_reason(&server, PIL_TLS_PEER_REFUSED);
    hang_up(fd);
}

static void whom_one_expects_may_be_a_pattern(void **state)
{
    static const char *const expect[] = {"spiffe://mesh.example/cache", "spiffe://*/d?"};
    struct world *w = *state;
    struct side client = {0}, server = {0};
    struct pil_hand_order order;
    int fd[2];

    test_tcp_pair(fd);
    begin(w, &server, order_of(w, PIL_ROLE_SERVER, fd[1]));
    order = order_of(w, PIL_ROLE_CLIENT, fd[0]);
    order.expect = expect;
    order.expect_count = 2;
    begin(w, &client, order);
    settle(w);
    assert_reason(&client, PIL_TLS_NONE);
    hang_up(fd);
}

static void a_denied_client_knows_it(void **state)
{
    struct world *w = *state;
    struct side client = {0}, server = {.deny = true};
    static const struct pil_traffic none;
    int fd[2];

    test_tcp_pair(fd);
    begin(w, &server, order_of(w, PIL_ROLE_SERVER, fd[1]));
    begin(w, &client, order_of(w, PIL_ROLE_CLIENT, fd[0]));
    settle(w);
    assert_reason(&server, PIL_TLS_DENIED);
    assert_int_equal(server.result.err, PIL_E_REFUSED);
    assert_string_equal(server.result.peer, TEST_ID("web"));
    assert_memory_equal(&server.result.out, &none, sizeof(none));
    assert_reason(&client, PIL_TLS_PEER_DENIED);
    assert_memory_equal(&client.result.out, &none, sizeof(none));
    hang_up(fd);
}

static bool web_is_revoked(void *cookie, const char *serial, const char *id)
{
    assert_string_equal((const char *)cookie, "cookie");
    return strlen(serial) > 0 && strcmp(id, TEST_ID("web")) == 0;
}

static bool db_is_revoked(void *cookie, const char *serial, const char *id)
{
    (void)cookie;
    (void)serial;
    return strcmp(id, TEST_ID("db")) == 0;
}

static void revoked_meanwhile(pil_hands_revoked *revoked, enum pil_tls_reason client_reason,
                              enum pil_tls_reason server_reason)
{
    static char cookie[] = "cookie";
    const struct pil_hands_setup setup = {.workers = 1, .revoked = revoked, .cookie = cookie};
    static const struct pil_traffic none;
    struct world w;
    struct side client, server;
    int fd[2];

    world_open(&w, &setup);
    shake(&w, &client, &server, fd);
    assert_reason(&client, client_reason);
    assert_reason(&server, server_reason);
    if (client_reason != PIL_TLS_NONE)
        assert_memory_equal(&client.result.in, &none, sizeof(none));
    hang_up(fd);
    world_close(&w);
}

static void revocation_since_the_start_counts(void **state)
{
    (void)state;
    revoked_meanwhile(web_is_revoked, PIL_TLS_PEER_REFUSED, PIL_TLS_REVOKED);
    revoked_meanwhile(db_is_revoked, PIL_TLS_REVOKED, PIL_TLS_NONE);
}

static void nobody_waits_for_a_decision_for_ever(void **state)
{
    struct world *w = *state;
    struct side client = {0}, server = {.hold = true};
    struct pil_hand_order order;
    int fd[2];

    test_tcp_pair(fd);
    order = order_of(w, PIL_ROLE_SERVER, fd[1]);
    order.deadline_ms = 300;
    begin(w, &server, order);
    order = order_of(w, PIL_ROLE_CLIENT, fd[0]);
    order.deadline_ms = 300;
    begin(w, &client, order);
    settle(w);
    assert_reason(&server, PIL_TLS_TIMEOUT);
    assert_reason(&client, PIL_TLS_TIMEOUT);
    assert_int_equal(client.result.err, PIL_E_TIMEOUT);
    pil_hands_finish(w->hands, server.id, true); /* too late: nothing happens */
    hang_up(fd);
}

static void the_decision_may_come_later(void **state)
{
    struct world *w = *state;
    struct side client = {0}, server = {.hold = true};
    int fd[2];

    test_tcp_pair(fd);
    begin(w, &server, order_of(w, PIL_ROLE_SERVER, fd[1]));
    begin(w, &client, order_of(w, PIL_ROLE_CLIENT, fd[0]));
    while (!server.asked)
        event_base_loop(w->base, EVLOOP_ONCE);
    assert_int_equal(client.done, 0);
    pil_hands_finish(w->hands, server.id, true);
    settle(w);
    assert_reason(&server, PIL_TLS_NONE);
    assert_reason(&client, PIL_TLS_NONE);
    hang_up(fd);
}

static void without_a_callback_everybody_is_admitted(void **state)
{
    struct world *w = *state;
    struct side client = {0}, server = {0};
    struct pil_hand_order order;
    int fd[2];

    test_tcp_pair(fd);
    order = order_of(w, PIL_ROLE_SERVER, fd[1]);
    order.verified = NULL;
    begin(w, &server, order);
    begin(w, &client, order_of(w, PIL_ROLE_CLIENT, fd[0]));
    settle(w);
    assert_reason(&server, PIL_TLS_NONE);
    assert_int_equal(server.asked, 0);
    hang_up(fd);
}

static void caps_refuse_at_once(void **state)
{
    const struct pil_hands_setup setup = {.workers = 1, .total = 3, .per_peer = 2};
    struct world w;
    struct side side[3] = {0};
    struct pil_hands_stats stats;
    enum pil_tls_reason reason;
    struct pil_hand_order order;
    uint64_t id;
    int fd[4][2];

    (void)state;
    world_open(&w, &setup);
    for (unsigned i = 0; i < 4; i++)
        test_tcp_pair(fd[i]);
    begin(&w, &side[0], order_of(&w, PIL_ROLE_SERVER, fd[0][1]));
    begin(&w, &side[1], order_of(&w, PIL_ROLE_SERVER, fd[1][1]));
    order = order_of(&w, PIL_ROLE_SERVER, fd[2][1]); /* the third of 127.0.0.1 */
    assert_err(pil_hands_start(w.hands, &order, &id, &reason), PIL_E_FULL);
    assert_int_equal(reason, PIL_TLS_LIMIT);
    assert_int_equal(id, 0);
    begin(&w, &side[2], order_of(&w, PIL_ROLE_CLIENT, fd[2][0]));
    order = order_of(&w, PIL_ROLE_CLIENT, fd[3][0]); /* the fourth at all */
    assert_err(pil_hands_start(w.hands, &order, &id, &reason), PIL_E_FULL);
    pil_hands_stats(w.hands, &stats);
    assert_int_equal(stats.under_way, 3);
    assert_int_equal(stats.refused, 2);
    /* What has ended makes room. */
    for (unsigned i = 0; i < 3; i++)
        hang_up(fd[i]);
    settle(&w);
    assert_reason(&side[0], PIL_TLS_NO_HELLO);
    pil_hands_stats(w.hands, &stats);
    assert_int_equal(stats.under_way, 0);
    memset(side, 0, sizeof(side));
    begin(&w, &side[0], order_of(&w, PIL_ROLE_SERVER, fd[3][1]));
    begin(&w, &side[1], order_of(&w, PIL_ROLE_CLIENT, fd[3][0]));
    settle(&w);
    assert_reason(&side[0], PIL_TLS_NONE);
    assert_reason(&side[1], PIL_TLS_NONE);
    hang_up(fd[3]);
    world_close(&w);
}

static void senseless_orders_are_refused(void **state)
{
    static const uint8_t alpn[100];
    struct world *w = *state;
    struct pil_hand_order good, order;
    enum pil_tls_reason reason;
    uint64_t id;
    int fd[2];

    test_tcp_pair(fd);
    good = order_of(w, PIL_ROLE_CLIENT, fd[0]);
    order = good;
    order.svid = NULL;
    assert_err(pil_hands_start(w->hands, &order, &id, &reason), PIL_E_NOTFOUND);
    assert_int_equal(reason, PIL_TLS_NO_IDENTITY);
    order = good;
    order.deadline_ms = 0;
    assert_err(pil_hands_start(w->hands, &order, &id, NULL), PIL_E_RANGE);
    order = good;
    order.bundle = NULL;
    assert_err(pil_hands_start(w->hands, &order, &id, NULL), PIL_E_RANGE);
    order = good;
    order.done = NULL;
    assert_err(pil_hands_start(w->hands, &order, &id, NULL), PIL_E_RANGE);
    order = good;
    order.fd = -1;
    assert_err(pil_hands_start(w->hands, &order, &id, NULL), PIL_E_RANGE);
    order = good;
    order.alpn = alpn;
    order.alpn_len = sizeof(alpn);
    assert_err(pil_hands_start(w->hands, &order, &id, NULL), PIL_E_RANGE);
    order = good;
    order.fd = 9999; /* not open */
    assert_err(pil_hands_start(w->hands, &order, &id, NULL), PIL_E_SYSTEM);
    hang_up(fd);
}

static void cancelled_ones_never_call_back(void **state)
{
    struct world *w = *state;
    struct side gone = {0}, asked = {.hold = true}, client = {0};
    struct pil_hands_stats stats;
    int fd[2], other[2];

    test_tcp_pair(fd);
    test_tcp_pair(other);
    begin(w, &gone, order_of(w, PIL_ROLE_SERVER, fd[1]));
    begin(w, &asked, order_of(w, PIL_ROLE_SERVER, other[1]));
    begin(w, &client, order_of(w, PIL_ROLE_CLIENT, other[0]));
    pil_hands_cancel(w->hands, gone.id);
    pil_hands_cancel(w->hands, gone.id);
    while (!asked.asked)
        event_base_loop(w->base, EVLOOP_ONCE);
    pil_hands_cancel(w->hands, asked.id);
    pil_hands_finish(w->hands, asked.id, true);
    /* Our own descriptors are still ours, and the duplicates are not in the way of an end. */
    assert_int_equal(fcntl(fd[1], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(other[1]);
    w->pending = 1;
    settle(w);
    assert_reason(&client, PIL_TLS_TRUNCATED);
    do {
        pil_hands_stats(w->hands, &stats);
    } while (stats.under_way > 0 && event_base_loop(w->base, EVLOOP_ONCE) == 0);
    assert_int_equal(gone.done + asked.done, 0);
    close(other[0]);
    hang_up(fd);
}

static void the_pool_closes_over_whatever_is_under_way(void **state)
{
    struct world w;
    struct side side[20] = {0};
    int fd[10][2];

    (void)state;
    world_open(&w, NULL);
    for (unsigned i = 0; i < 10; i++) {
        test_tcp_pair(fd[i]);
        begin(&w, &side[2 * i], order_of(&w, PIL_ROLE_SERVER, fd[i][1]));
        if (i % 2)
            begin(&w, &side[2 * i + 1], order_of(&w, PIL_ROLE_CLIENT, fd[i][0]));
    }
    while (side[3].asked + side[2].asked == 0)
        event_base_loop(w.base, EVLOOP_ONCE);
    world_close(&w);
    for (unsigned i = 0; i < 10; i++)
        hang_up(fd[i]);
}

#define CROWD 300u

static void a_crowd_is_served(void **state)
{
    const struct pil_hands_setup setup = {.workers = 4, .per_peer = CROWD};
    struct world w;
    struct side *side = calloc(2 * CROWD, sizeof(*side));
    int(*fd)[2] = calloc(CROWD, sizeof(*fd));

    (void)state;
    world_open(&w, &setup);
    for (unsigned i = 0; i < CROWD; i++) {
        test_tcp_pair(fd[i]);
        begin(&w, &side[2 * i], order_of(&w, PIL_ROLE_SERVER, fd[i][1]));
        /* Every third client says nothing, and holds up nobody. */
        if (i % 3)
            begin(&w, &side[2 * i + 1], order_of(&w, PIL_ROLE_CLIENT, fd[i][0]));
    }
    while (w.pending > CROWD / 3)
        event_base_loop(w.base, EVLOOP_ONCE);
    for (unsigned i = 0; i < CROWD; i++) {
        hang_up(fd[i]);
        if (i % 3) {
            assert_reason(&side[2 * i], PIL_TLS_NONE);
            assert_reason(&side[2 * i + 1], PIL_TLS_NONE);
            assert_memory_equal(&side[2 * i].result.out, &side[2 * i + 1].result.in,
                                sizeof(struct pil_traffic));
        }
    }
    settle(&w);
    for (unsigned i = 0; i < CROWD; i += 3)
        assert_reason(&side[2 * i], PIL_TLS_NO_HELLO);
    world_close(&w);
    free(side);
    free(fd);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    world_open(w, NULL);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    world_close(*state);
    free(*state);
    return 0;
}

#define with_world(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_world(both_sides_agree),
        with_world(no_keys_before_the_decision),
        with_world(a_second_connection_is_resumed),
        with_world(fresh_resumes_nothing),
        with_world(a_session_of_another_identity_is_not_resumed),
        with_world(a_session_does_not_outlive_the_roots),
        with_world(a_session_does_not_outlive_revocation),
        with_world(a_session_is_bound_to_whom_one_expects),
        with_world(whom_one_expects_may_be_a_pattern),
        with_world(a_denied_client_knows_it),
        cmocka_unit_test(revocation_since_the_start_counts),
        with_world(nobody_waits_for_a_decision_for_ever),
        with_world(the_decision_may_come_later),
        with_world(without_a_callback_everybody_is_admitted),
        cmocka_unit_test(caps_refuse_at_once),
        with_world(senseless_orders_are_refused),
        with_world(cancelled_ones_never_call_back),
        cmocka_unit_test(the_pool_closes_over_whatever_is_under_way),
        cmocka_unit_test(a_crowd_is_served),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
