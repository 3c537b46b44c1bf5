/* policyd/tls/hand, hand_hooks: what a peer may do wrong, each with the reason that it has. */
#include "tests/support/handpair.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>

#include "policyd/tls/handshake.h"

/* ---- certificates, wrong in one way, presented by either side ---- */

struct wrong {
    const char *what;
    struct test_cert cert;
    enum pil_tls_reason reason;
    bool other_ca, through; /* by a stranger's root; by an intermediate that is sent along */
};

static const struct wrong wrongs[] = {
    {"a stranger's root", {.id = TEST_ID("web")}, PIL_TLS_WRONG_ROOT, true, false},
    {"no longer valid", {.id = TEST_ID("web"), .from = -600, .until = -60}, PIL_TLS_EXPIRED, 0, 0},
    {"not valid yet",
     {.id = TEST_ID("web"), .from = 600, .until = 3600},
     PIL_TLS_NOT_YET_VALID,
     0,
     0},
    {"another trust domain", {.id = "spiffe://other.example/web"}, PIL_TLS_WRONG_DOMAIN, 0, 0},
    {"two URI names", {.id = TEST_ID("web"), .second = TEST_ID("db")}, PIL_TLS_MANY_URIS, 0, 0},
    {"no URI name", {.id = NULL}, PIL_TLS_NO_URI, 0, 0},
    {"a web address", {.id = "https://mesh.example/web"}, PIL_TLS_BAD_SVID, 0, 0},
    {"the domain alone", {.id = "spiffe://mesh.example"}, PIL_TLS_BAD_SVID, 0, 0},
    {"a CA", {.id = TEST_ID("web"), .ca = true}, PIL_TLS_BAD_SVID, 0, 0},
    {"no key usage", {.id = TEST_ID("web"), .no_usage = true}, PIL_TLS_BAD_SVID, 0, 0},
    {"signed by itself", {.id = TEST_ID("web"), .self_signed = true}, PIL_TLS_SELF_SIGNED, 0, 0},
};

struct wrong_world {
    struct world w;
    struct test_ca stranger;
};

/* One handshake in which `bad` is the identity of the given side. */
static void meet(struct world *w, const struct pil_svid *bad, enum pil_tls_role whose,
                 struct side *client, struct side *server)
{
    struct pil_hand_order order;
    int fd[2];

    memset(client, 0, sizeof(*client));
    memset(server, 0, sizeof(*server));
    test_tcp_pair(fd);
    order = order_of(w, PIL_ROLE_SERVER, fd[1]);
    if (whose == PIL_ROLE_SERVER)
        order.svid = bad;
    begin(w, server, order);
    order = order_of(w, PIL_ROLE_CLIENT, fd[0]);
    if (whose == PIL_ROLE_CLIENT)
        order.svid = bad;
    begin(w, client, order);
    settle(w);
    close(fd[0]);
    close(fd[1]);
}

static void wrong_certificates_have_their_reasons(void **state)
{
    struct world *w = *state;
    struct side client, server;
    struct test_ca stranger;

    test_ca_make(&stranger, TEST_DOMAIN, NULL);
    for (unsigned i = 0; i < PIL_NELEM(wrongs); i++) {
        const struct pil_svid *bad =
            test_svid(wrongs[i].other_ca ? &stranger : &w->ca, &wrongs[i].cert, NULL);

        print_message("           %s\n", wrongs[i].what);
        meet(w, bad, PIL_ROLE_CLIENT, &client, &server);
        assert_reason(&server, wrongs[i].reason);
        assert_int_equal(server.asked, 0);
        assert_int_equal(server.result.err, PIL_E_PEER);
        assert_true(strlen(server.result.detail) > 0);
        assert_reason(&client, PIL_TLS_PEER_REFUSED);
        meet(w, bad, PIL_ROLE_SERVER, &client, &server);
        assert_reason(&client, wrongs[i].reason);
        assert_reason(&server, PIL_TLS_PEER_REFUSED);
        assert_int_equal(server.asked, 0);
        pil_svid_unref(bad);
    }
    test_ca_free(&stranger);
}

static void a_chain_leads_to_the_root(void **state)
{
    struct world *w = *state;
    struct side client, server;
    struct test_ca between;
    const struct pil_svid *whole, *gap;

    test_ca_make(&between, TEST_DOMAIN, &w->ca);
    whole = test_svid(&between, &(struct test_cert){.id = TEST_ID("web")}, &between);
    gap = test_svid(&between, &(struct test_cert){.id = TEST_ID("web")}, NULL);
    meet(w, whole, PIL_ROLE_CLIENT, &client, &server);
    assert_reason(&server, PIL_TLS_NONE);
    assert_reason(&client, PIL_TLS_NONE);
    meet(w, whole, PIL_ROLE_SERVER, &client, &server);
    assert_reason(&client, PIL_TLS_NONE);
    meet(w, gap, PIL_ROLE_CLIENT, &client, &server);
    assert_reason(&server, PIL_TLS_WRONG_ROOT);
    pil_svid_unref(whole);
    pil_svid_unref(gap);
    test_ca_free(&between);
}

/* ---- what a server hears ---- */

static void start_server(struct world *w, struct side *server, int fd[2], uint32_t deadline_ms,
                         bool permissive)
{
    struct pil_hand_order order;

    memset(server, 0, sizeof(*server));
    test_tcp_pair(fd);
    order = order_of(w, PIL_ROLE_SERVER, fd[1]);
    order.deadline_ms = deadline_ms;
    order.permissive = permissive;
    begin(w, server, order);
}

static void say(int fd, const void *data, size_t len)
{
    assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
}

static void end_of(struct world *w, struct side *server, int fd[2], enum pil_tls_reason reason)
{
    settle(w);
    assert_reason(server, reason);
    assert_int_equal(server->asked, 0);
    assert_false(server->result.plaintext);
    close(fd[1]);
    if (fd[0] >= 0)
        close(fd[0]);
}

/* A hello as OpenSSL says it, of TLS 1.3 or, up to max, less. */
static size_t hello(uint8_t *out, size_t room, int max)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl;
    BIO *bio = BIO_new(BIO_s_mem());
    int len;

    SSL_CTX_set_max_proto_version(ctx, max);
    ssl = SSL_new(ctx);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), bio);
    assert_int_equal(SSL_connect(ssl), -1);
    len = BIO_read(bio, out, (int)room);
    assert_true(len > 100);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return (size_t)len;
}

static void words_that_are_no_handshake(void **state)
{
    struct world *w = *state;
    uint8_t bytes[2048];
    struct side server;
    size_t len;
    int fd[2];

    start_server(w, &server, fd, 20000, false);
    say(fd[0], "GET / HTTP/1.0\r\n\r\n", 18);
    end_of(w, &server, fd, PIL_TLS_PLAINTEXT);
    assert_string_equal(server.result.detail, "it begins with 0x47 0x45");

    start_server(w, &server, fd, 20000, false);
    say(fd[0], "\x16\x02zzzz", 6);
    end_of(w, &server, fd, PIL_TLS_PLAINTEXT);

    /* Garbage behind a right beginning. */
    memset(bytes, 0xa5, sizeof(bytes));
    memcpy(bytes, "\x16\x03\x01\x02\x00", 5);
    start_server(w, &server, fd, 20000, false);
    say(fd[0], bytes, 700);
    end_of(w, &server, fd, PIL_TLS_MALFORMED);

    /* A record longer than TLS knows. */
    memcpy(bytes, "\x16\x03\x01\xff\xff", 5);
    start_server(w, &server, fd, 20000, false);
    say(fd[0], bytes, 700);
    end_of(w, &server, fd, PIL_TLS_MALFORMED);

    start_server(w, &server, fd, 20000, false);
    len = hello(bytes, sizeof(bytes), TLS1_2_VERSION);
    say(fd[0], bytes, len);
    end_of(w, &server, fd, PIL_TLS_BAD_VERSION);
}

static void peers_that_go_away(void **state)
{
    static const struct linger at_once = {.l_onoff = 1};
    struct world *w = *state;
    uint8_t bytes[2048];
    struct side server;
    size_t len = hello(bytes, sizeof(bytes), TLS1_3_VERSION);
    int fd[2];

    start_server(w, &server, fd, 20000, false);
    shutdown(fd[0], SHUT_WR);
    end_of(w, &server, fd, PIL_TLS_NO_HELLO);

    start_server(w, &server, fd, 20000, false);
    say(fd[0], bytes, 1);
    shutdown(fd[0], SHUT_WR);
    end_of(w, &server, fd, PIL_TLS_TRUNCATED);

    start_server(w, &server, fd, 20000, false);
    say(fd[0], bytes, len / 2);
    shutdown(fd[0], SHUT_WR);
    end_of(w, &server, fd, PIL_TLS_TRUNCATED);

    start_server(w, &server, fd, 20000, false);
    say(fd[0], bytes, len);
    shutdown(fd[0], SHUT_WR);
    end_of(w, &server, fd, PIL_TLS_TRUNCATED);

    start_server(w, &server, fd, 20000, false);
    say(fd[0], bytes, len / 2);
    setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd[0]);
    fd[0] = -1;
    end_of(w, &server, fd, PIL_TLS_RESET);
}

static void peers_that_stall(void **state)
{
    struct world *w = *state;
    uint8_t bytes[2048];
    struct side server;
    size_t len = hello(bytes, sizeof(bytes), TLS1_3_VERSION);
    int fd[2];

    start_server(w, &server, fd, 50, false);
    end_of(w, &server, fd, PIL_TLS_TIMEOUT);
    assert_string_equal(server.result.detail, "waiting for the first bytes");

    start_server(w, &server, fd, 50, true);
    say(fd[0], bytes, 1);
    end_of(w, &server, fd, PIL_TLS_TIMEOUT);

    start_server(w, &server, fd, 50, false);
    say(fd[0], bytes, len / 2);
    end_of(w, &server, fd, PIL_TLS_TIMEOUT);

    start_server(w, &server, fd, 200, false);
    say(fd[0], bytes, len);
    end_of(w, &server, fd, PIL_TLS_TIMEOUT);
}

/* ---- permissive ---- */

static void plaintext_is_left_where_it_is(void **state)
{
    struct world *w = *state;
    struct side server;
    char got[20];
    int fd[2];

    start_server(w, &server, fd, 20000, true);
    say(fd[0], "PING\r\n", 6);
    settle(w);
    assert_reason(&server, PIL_TLS_NONE);
    assert_true(server.result.plaintext);
    assert_false(server.result.mesh);
    assert_string_equal(server.result.peer, "");
    assert_int_equal(server.asked, 0);
    assert_int_equal(recv(fd[1], got, sizeof(got), MSG_DONTWAIT), 6);
    assert_memory_equal(got, "PING\r\n", 6);
    close(fd[0]);
    close(fd[1]);
}

static void permissive_speaks_tls_too(void **state)
{
    struct world *w = *state;
    struct side client = {0}, server;
    int fd[2];

    start_server(w, &server, fd, 20000, true);
    begin(w, &client, order_of(w, PIL_ROLE_CLIENT, fd[0]));
    settle(w);
    assert_reason(&server, PIL_TLS_NONE);
    assert_false(server.result.plaintext);
    assert_string_equal(server.result.peer, TEST_ID("web"));
    close(fd[0]);
    close(fd[1]);
}

/* ---- what a client meets ---- */

static void a_server_that_speaks_first(void **state)
{
    struct world *w = *state;
    struct side client = {0};
    int fd[2];

    test_tcp_pair(fd);
    say(fd[1], "SSH-2.0-OpenSSH_9.2\r\n", 21);
    begin(w, &client, order_of(w, PIL_ROLE_CLIENT, fd[0]));
    settle(w);
    assert_reason(&client, PIL_TLS_PLAINTEXT);
    close(fd[0]);
    close(fd[1]);
}

static void a_server_that_goes_away(void **state)
{
    struct world *w = *state;
    struct side client = {0};
    int fd[2];

    test_tcp_pair(fd);
    shutdown(fd[1], SHUT_WR);
    begin(w, &client, order_of(w, PIL_ROLE_CLIENT, fd[0]));
    settle(w);
    assert_reason(&client, PIL_TLS_NO_HELLO);
    close(fd[0]);
    close(fd[1]);
}

static void a_server_that_is_silent(void **state)
{
    struct world *w = *state;
    struct side client = {0};
    struct pil_hand_order order;
    int fd[2];

    test_tcp_pair(fd);
    order = order_of(w, PIL_ROLE_CLIENT, fd[0]);
    order.deadline_ms = 50;
    begin(w, &client, order);
    settle(w);
    assert_reason(&client, PIL_TLS_TIMEOUT);
    assert_string_equal(client.result.detail, "in the middle of the handshake");
    close(fd[0]);
    close(fd[1]);
}

static int connecting(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)connect(fd, (const struct sockaddr *)&address, sizeof(address));
    return fd;
}

static void a_connection_in_progress_is_waited_for(void **state)
{
    struct world *w = *state;
    struct side client = {0}, server = {0};
    struct pil_hand_order order;
    int fd = connecting(w->port), accepted;

    order = order_of(w, PIL_ROLE_CLIENT, fd);
    order.established = false;
    begin(w, &client, order);
    accepted = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
    begin(w, &server, order_of(w, PIL_ROLE_SERVER, accepted));
    settle(w);
    assert_reason(&client, PIL_TLS_NONE);
    assert_reason(&server, PIL_TLS_NONE);
    close(fd);
    close(accepted);
}

static void a_connection_that_fails_says_how(void **state)
{
    struct world *w = *state;
    struct side client = {0};
    struct pil_hand_order order;
    uint16_t port;
    int fd, closed = test_tcp_listen(&port);

    close(closed);
    fd = connecting(port);
    order = order_of(w, PIL_ROLE_CLIENT, fd);
    order.established = false;
    begin(w, &client, order);
    settle(w);
    assert_reason(&client, PIL_TLS_UNREACHABLE);
    assert_int_equal(client.result.err, PIL_E_UNREACHABLE);
    assert_int_equal(client.result.error, ECONNREFUSED);
    close(fd);
}

/* The accept queue is full, so the kernel drops what comes and the connection is never made. */
static void a_connection_that_is_never_made(void **state)
{
    struct world *w = *state;
    struct side client = {0};
    struct pil_hand_order order;
    uint16_t port;
    int fd[4], listener = test_tcp_listen(&port);

    assert_int_equal(listen(listener, 0), 0);
    for (unsigned i = 0; i < 4; i++)
        fd[i] = connecting(port);
    order = order_of(w, PIL_ROLE_CLIENT, fd[3]);
    order.established = false;
    order.deadline_ms = 100;
    begin(w, &client, order);
    settle(w);
    assert_reason(&client, PIL_TLS_TIMEOUT);
    assert_string_equal(client.result.detail, "connecting");
    for (unsigned i = 0; i < 4; i++)
        close(fd[i]);
    close(listener);
}

/* ---- what the program shares ---- */

static void the_flags_of_the_socket_stay(void **state)
{
    struct world *w = *state;
    struct side client = {0}, server = {0};
    int fd[2], before;

    test_tcp_pair(fd);
    assert_int_equal(fcntl(fd[1], F_SETFL, O_RDWR | O_NONBLOCK), 0);
    before = fcntl(fd[0], F_GETFL);
    begin(w, &server, order_of(w, PIL_ROLE_SERVER, fd[1]));
    begin(w, &client, order_of(w, PIL_ROLE_CLIENT, fd[0]));
    while (w->pending > 0) {
        assert_int_equal(fcntl(fd[0], F_GETFL), before);
        assert_int_equal(fcntl(fd[1], F_GETFL), before | O_NONBLOCK);
        event_base_loop(w->base, EVLOOP_NONBLOCK);
    }
    assert_reason(&client, PIL_TLS_NONE);
    assert_reason(&server, PIL_TLS_NONE);
    assert_int_equal(fcntl(fd[0], F_GETFL), before);
    close(fd[0]);
    close(fd[1]);
}

/* What the peer's program says at once stays in the socket for ours. */
static void nothing_behind_the_handshake_is_read(void **state)
{
    struct world *w = *state;
    struct side client = {0}, server = {.hold = true};
    char got[1000];
    uint8_t text[900] = "early";
    int fd[2];
    size_t len;

    test_tcp_pair(fd);
    begin(w, &server, order_of(w, PIL_ROLE_SERVER, fd[1]));
    begin(w, &client, order_of(w, PIL_ROLE_CLIENT, fd[0]));
    while (!server.asked)
        event_base_loop(w->base, EVLOOP_ONCE);
    pil_hands_finish(w->hands, server.id, true);
    while (!client.done)
        event_base_loop(w->base, EVLOOP_ONCE);
    for (unsigned i = 0; i < 20; i++)
        send_record(fd[0], client.result.suite, &client.result.out, 23, text, sizeof(text));
    settle(w);
    assert_reason(&server, PIL_TLS_NONE);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(
            receive_record(fd[1], server.result.suite, &server.result.in, got, sizeof(got), &len),
            23);
        assert_int_equal(len, sizeof(text));
    }
    close(fd[0]);
    close(fd[1]);
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
        with_world(wrong_certificates_have_their_reasons),
        with_world(a_chain_leads_to_the_root),
        with_world(words_that_are_no_handshake),
        with_world(peers_that_go_away),
        with_world(peers_that_stall),
        with_world(plaintext_is_left_where_it_is),
        with_world(permissive_speaks_tls_too),
        with_world(a_server_that_speaks_first),
        with_world(a_server_that_goes_away),
        with_world(a_server_that_is_silent),
        with_world(a_connection_in_progress_is_waited_for),
        with_world(a_connection_that_fails_says_how),
        with_world(a_connection_that_is_never_made),
        with_world(the_flags_of_the_socket_stay),
        with_world(nothing_behind_the_handshake_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
