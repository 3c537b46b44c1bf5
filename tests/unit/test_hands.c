/* policyd/tls/hands, hand, crew: both sides of the engine against each other. */
#include "tests/support/handpair.h"

#include <fcntl.h>

#include "policyd/tls/handshake.h"

static void both_sides_agree(void **state)
{
    struct world w;
    struct side client = {0}, server = {0};
    int fd[2];

    (void)state;
    world_open(&w, NULL);
    test_tcp_pair(fd);
    begin(&w, &server, order_of(&w, PIL_ROLE_SERVER, fd[1]));
    begin(&w, &client, order_of(&w, PIL_ROLE_CLIENT, fd[0]));
    settle(&w);
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
    exchange(fd[0], &client, fd[1], &server, "hello");
    exchange(fd[1], &server, fd[0], &client, "and back");
    close(fd[0]);
    close(fd[1]);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
