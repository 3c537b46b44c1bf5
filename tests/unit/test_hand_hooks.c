/* policyd/tls/hand_hooks, alert, against OpenSSL's own programs: a foreign peer is served as plain
 * TLS 1.3, gets no tickets and no ready record, and is refused for its own reasons. */
#include "tests/support/handpair.h"
#include "tests/support/openssl.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "policyd/tls/handshake.h"

struct foreign {
    struct world w;
    char *folder, *web, *db, *root, *stranger;
};

/* ---- they come to us ---- */

/* Starts s_client toward our listener and a handshake for what comes. */
static int accept_s_client(struct foreign *f, struct program *p, struct side *server,
                           const char *const *more)
{
    char address[40];
    const char *argv[24] = {"openssl", "s_client", "-connect", address, "-CAfile", f->root};
    unsigned count = 6;
    int fd;

    snprintf(address, sizeof(address), "127.0.0.1:%u", f->w.port);
    while (*more)
        argv[count++] = *more++;
    argv[count] = NULL;
    program_start(p, argv);
    fd = accept4(f->w.listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    begin(&f->w, server, order_of(&f->w, PIL_ROLE_SERVER, fd));
    settle(&f->w);
    return fd;
}

static void s_client_talks_in(struct foreign *f, const char *suite, unsigned number)
{
    const char *const more[] = {"-cert",   f->web,  "-key",          f->web, "-quiet",
                                "-CAfile", f->root, "-ciphersuites", suite,  NULL};
    struct program p;
    struct side server = {0};
    char got[100];
    size_t len;
    int fd = accept_s_client(f, &p, &server, more);

    assert_reason(&server, PIL_TLS_NONE);
    assert_string_equal(server.result.peer, TEST_ID("web"));
    assert_int_equal(server.asked, 1);
    assert_int_equal(server.result.suite, number);
    assert_false(server.result.mesh);
    assert_int_equal(server.result.out.seq, 0); /* no ticket, no ready record */
    send_record(fd, server.result.suite, &server.result.out, 23, "from here\n", 10);
    assert_true(program_says(&p, "from here\n"));
    program_tell(&p, "from there\n");
    assert_int_equal(
        receive_record(fd, server.result.suite, &server.result.in, got, sizeof(got), &len), 23);
    assert_int_equal(len, 11);
    assert_memory_equal(got, "from there\n", 11);
    close(fd);
    program_end(&p);
}

static void s_client_is_served_in_every_suite(void **state)
{
    struct foreign *f = *state;

    s_client_talks_in(f, "TLS_AES_128_GCM_SHA256", PIL_SUITE_AES_128_GCM);
    s_client_talks_in(f, "TLS_AES_256_GCM_SHA384", PIL_SUITE_AES_256_GCM);
    s_client_talks_in(f, "TLS_CHACHA20_POLY1305_SHA256", PIL_SUITE_CHACHA20);
    /* Ours is the choice, and it is the first. */
    s_client_talks_in(f, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256", PIL_SUITE_AES_128_GCM);
}

static void s_client_in_other_groups(void **state)
{
    struct foreign *f = *state;
    const char *const nist[] = {"-cert", f->web, "-key", f->web, "-groups", "P-256", NULL};
    const char *const other[] = {"-cert", f->web, "-key", f->web, "-groups", "X448:P-256", NULL};
    const char *const none[] = {"-cert", f->web, "-key", f->web, "-groups", "P-521", NULL};
    struct program p;
    struct side server = {0};

    close(accept_s_client(f, &p, &server, nist));
    assert_reason(&server, PIL_TLS_NONE);
    program_end(&p);
    /* A hello retry: their share is of a group that we do not speak. */
    memset(&server, 0, sizeof(server));
    close(accept_s_client(f, &p, &server, other));
    assert_reason(&server, PIL_TLS_NONE);
    program_end(&p);
    memset(&server, 0, sizeof(server));
    close(accept_s_client(f, &p, &server, none));
    assert_reason(&server, PIL_TLS_BAD_CIPHER);
    program_end(&p);
}

static void a_protocol_of_theirs_does_not_matter(void **state)
{
    struct foreign *f = *state;
    const char *const more[] = {"-cert", f->web, "-key", f->web, "-alpn", "h2,http/1.1", NULL};
    struct program p;
    struct side server = {0};

    close(accept_s_client(f, &p, &server, more));
    assert_reason(&server, PIL_TLS_NONE);
    assert_false(server.result.mesh);
    assert_true(program_says(&p, "No ALPN negotiated"));
    program_end(&p);
}

/* The mark stands in any place of the list. What follows is a ticket and the ready record. */
static void the_mark_makes_a_peer_of_the_mesh(void **state)
{
    struct foreign *f = *state;
    const char *const more[] = {"-cert", f->web,           "-key",    f->web,
                                "-alpn", "h2,pillion/1,x", "-prexit", NULL};
    struct program p;
    struct side server = {0};
    int fd = accept_s_client(f, &p, &server, more);

    assert_reason(&server, PIL_TLS_NONE);
    assert_true(server.result.mesh);
    assert_int_equal(server.result.out.seq, 2);
    close(fd); /* it says what it saw by its end */
    assert_true(program_says(&p, "Post-Handshake New Session Ticket arrived"));
    assert_non_null(strstr(p.said, "ALPN protocol: pillion/1"));
    program_end(&p);
}

static void s_client_without_certificate(void **state)
{
    struct foreign *f = *state;
    const char *const more[] = {NULL};
    struct program p;
    struct side server = {0};
    int fd = accept_s_client(f, &p, &server, more);

    assert_reason(&server, PIL_TLS_NO_CERTIFICATE);
    assert_int_equal(server.asked, 0);
    assert_true(program_says(&p, "certificate required"));
    close(fd);
    program_end(&p);
}

static void s_client_of_a_stranger(void **state)
{
    struct foreign *f = *state;
    const char *const more[] = {"-cert", f->stranger, "-key", f->stranger, NULL};
    struct program p;
    struct side server = {0};
    int fd = accept_s_client(f, &p, &server, more);

    assert_reason(&server, PIL_TLS_WRONG_ROOT);
    assert_true(program_says(&p, "alert unknown ca"));
    close(fd);
    program_end(&p);
}

static void s_client_of_yesterday(void **state)
{
    struct foreign *f = *state;
    const char *const more[] = {"-cert", f->web, "-key", f->web, "-tls1_2", NULL};
    struct program p;
    struct side server = {0};
    int fd = accept_s_client(f, &p, &server, more);

    assert_reason(&server, PIL_TLS_BAD_VERSION);
    assert_true(program_says(&p, "alert protocol version"));
    close(fd);
    program_end(&p);
}

static void a_denied_s_client_reads_the_alert(void **state)
{
    struct foreign *f = *state;
    const char *const more[] = {"-cert", f->web, "-key", f->web, NULL};
    struct program p;
    struct side server = {.deny = true};
    int fd = accept_s_client(f, &p, &server, more);

    assert_reason(&server, PIL_TLS_DENIED);
    assert_true(program_says(&p, "alert access denied"));
    close(fd);
    program_end(&p);
}

/* ---- we come to them ---- */

static void start_s_server(struct foreign *f, struct program *p, uint16_t *port,
                           const char *const *more)
{
    char *colon;
    const char *argv[32] = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", "1"};
    unsigned count = 6;

    (void)f;
    while (*more)
        argv[count++] = *more++;
    argv[count] = NULL;
    program_start(p, argv);
    assert_true(program_says(p, "ACCEPT 127.0.0.1:"));
    assert_true(program_says(p, "\n"));
    colon = strstr(p->said, "ACCEPT 127.0.0.1:") + strlen("ACCEPT 127.0.0.1:");
    *port = (uint16_t)atoi(colon);
}

static int dial(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static int connect_s_server(struct foreign *f, struct program *p, struct side *client,
                            const char *const *more)
{
    uint16_t port;
    int fd;

    start_s_server(f, p, &port, more);
    fd = dial(port);
    memset(client, 0, sizeof(*client));
    begin(&f->w, client, order_of(&f->w, PIL_ROLE_CLIENT, fd));
    settle(&f->w);
    return fd;
}

static void s_server_is_met(void **state)
{
    struct foreign *f = *state;
    const char *const more[] = {
        "-cert", f->db, "-key", f->db, "-CAfile", f->root, "-Verify", "1", "-verify_return_error",
        NULL};
    struct program p;
    struct side client;
    char got[4000];
    size_t len;
    int fd = connect_s_server(f, &p, &client, more);

    assert_reason(&client, PIL_TLS_NONE);
    assert_string_equal(client.result.peer, TEST_ID("db"));
    assert_false(client.result.mesh);
    assert_int_equal(client.result.in.seq, 0);
    assert_int_equal(client.result.out.seq, 0);
    /* Its two tickets are left for whoever reads records from now on. */
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(
            receive_record(fd, client.result.suite, &client.result.in, got, sizeof(got), &len), 22);
    send_record(fd, client.result.suite, &client.result.out, 23, "from here\n", 10);
    assert_true(program_says(&p, "from here\n"));
    program_tell(&p, "from there\n");
    assert_int_equal(
        receive_record(fd, client.result.suite, &client.result.in, got, sizeof(got), &len), 23);
    assert_memory_equal(got, "from there\n", 11);
    close(fd);
    program_end(&p);
}

static void s_server_in_other_suites(void **state)
{
    struct foreign *f = *state;
    const char *const strong[] = {
        "-cert", f->db, "-key", f->db, "-ciphersuites", "TLS_AES_256_GCM_SHA384", NULL};
    const char *const light[] = {
        "-cert", f->db, "-key", f->db, "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256", NULL};
    const char *const odd[] = {
        "-cert", f->db, "-key", f->db, "-ciphersuites", "TLS_AES_128_CCM_SHA256", NULL};
    struct program p;
    struct side client;

    close(connect_s_server(f, &p, &client, strong));
    assert_reason(&client, PIL_TLS_NONE);
    assert_int_equal(client.result.suite, PIL_SUITE_AES_256_GCM);
    assert_int_equal(client.result.in.secret_len, 48);
    program_end(&p);
    close(connect_s_server(f, &p, &client, light));
    assert_reason(&client, PIL_TLS_NONE);
    assert_int_equal(client.result.suite, PIL_SUITE_CHACHA20);
    program_end(&p);
    close(connect_s_server(f, &p, &client, odd));
    assert_reason(&client, PIL_TLS_PEER_REFUSED);
    program_end(&p);
}

static void s_server_of_yesterday(void **state)
{
    struct foreign *f = *state;
    const char *const more[] = {"-cert", f->db, "-key", f->db, "-tls1_2", NULL};
    struct program p;
    struct side client;

    close(connect_s_server(f, &p, &client, more));
    assert_reason(&client, PIL_TLS_BAD_VERSION);
    program_end(&p);
}

static void s_server_of_a_stranger(void **state)
{
    struct foreign *f = *state;
    const char *const more[] = {"-cert", f->stranger, "-key", f->stranger, NULL};
    struct program p;
    struct side client;

    close(connect_s_server(f, &p, &client, more));
    assert_reason(&client, PIL_TLS_WRONG_ROOT);
    assert_true(program_says(&p, "alert unknown ca"));
    program_end(&p);
}

/* It insists on a protocol that we do not offer; offered, it is content. */
static void s_server_that_insists(void **state)
{
    static const uint8_t offer[] = "\x0apostgresql";
    struct foreign *f = *state;
    const char *const more[] = {"-cert", f->db, "-key", f->db, "-alpn", "postgresql", NULL};
    const char *const web[] = {"-cert", f->db, "-key", f->db, "-alpn", "http/1.1", NULL};
    struct pil_hand_order order;
    struct program p;
    struct side client;
    uint16_t port;
    int fd;

    close(connect_s_server(f, &p, &client, more));
    assert_reason(&client, PIL_TLS_NO_PROTOCOL);
    program_end(&p);
    close(connect_s_server(f, &p, &client, web));
    assert_reason(&client, PIL_TLS_NONE);
    program_end(&p);
    start_s_server(f, &p, &port, more);
    fd = dial(port);
    order = order_of(&f->w, PIL_ROLE_CLIENT, fd);
    order.alpn = offer;
    order.alpn_len = sizeof(offer) - 1;
    memset(&client, 0, sizeof(client));
    begin(&f->w, &client, order);
    settle(&f->w);
    assert_reason(&client, PIL_TLS_NONE);
    assert_false(client.result.mesh);
    close(fd);
    program_end(&p);
}

/* ---- replay ---- */

/* Hands bytes on and keeps what the client said. */
struct tap {
    int fd[2]; /* toward client and server */
    uint8_t said[8192];
    size_t len;
};

static void pump(struct tap *t, int from, int to)
{
    uint8_t bytes[4096];
    ssize_t n = recv(from, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (n <= 0)
        return;
    if (from == t->fd[0]) {
        assert_true(t->len + (size_t)n <= sizeof(t->said));
        memcpy(t->said + t->len, bytes, (size_t)n);
        t->len += (size_t)n;
    }
    assert_int_equal(send(to, bytes, (size_t)n, MSG_NOSIGNAL), n);
}

static void what_was_said_before_is_no_use(void **state)
{
    struct foreign *f = *state;
    struct world *w = &f->w;
    struct side client = {0}, server = {0}, again = {0};
    struct tap t = {.len = 0};
    int here[2], there[2], fd[2];

    test_tcp_pair(here);
    test_tcp_pair(there);
    t.fd[0] = here[1];
    t.fd[1] = there[0];
    begin(w, &server, order_of(w, PIL_ROLE_SERVER, there[1]));
    begin(w, &client, order_of(w, PIL_ROLE_CLIENT, here[0]));
    while (w->pending > 0) {
        pump(&t, t.fd[0], t.fd[1]);
        pump(&t, t.fd[1], t.fd[0]);
        event_base_loop(w->base, EVLOOP_NONBLOCK);
    }
    assert_reason(&client, PIL_TLS_NONE);
    assert_reason(&server, PIL_TLS_NONE);
    test_tcp_pair(fd);
    begin(w, &again, order_of(w, PIL_ROLE_SERVER, fd[1]));
    assert_int_equal(send(fd[0], t.said, t.len, MSG_NOSIGNAL), t.len);
    settle(w);
    assert_reason(&again, PIL_TLS_FORGED);
    assert_int_equal(again.asked, 0);
    for (unsigned i = 0; i < 2; i++) {
        close(here[i]);
        close(there[i]);
        close(fd[i]);
    }
}

static int set_up(void **state)
{
    struct foreign *f = calloc(1, sizeof(*f));
    const struct pil_svid *bad;
    struct test_ca other;

    world_open(&f->w, NULL);
    f->folder = test_folder_make();
    f->web = test_pem(f->folder, "web.pem", f->w.web);
    f->db = test_pem(f->folder, "db.pem", f->w.db);
    f->root = test_pem_root(f->folder, "root.pem", &f->w.ca);
    test_ca_make(&other, TEST_DOMAIN, NULL);
    bad = test_svid_plain(&other, TEST_ID("web"));
    f->stranger = test_pem(f->folder, "stranger.pem", bad);
    pil_svid_unref(bad);
    test_ca_free(&other);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct foreign *f = *state;

    world_close(&f->w);
    test_folder_remove(f->folder);
    free(f->web);
    free(f->db);
    free(f->root);
    free(f->stranger);
    free(f);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s_client_is_served_in_every_suite),
        cmocka_unit_test(s_client_in_other_groups),
        cmocka_unit_test(a_protocol_of_theirs_does_not_matter),
        cmocka_unit_test(the_mark_makes_a_peer_of_the_mesh),
        cmocka_unit_test(s_client_without_certificate),
        cmocka_unit_test(s_client_of_a_stranger),
        cmocka_unit_test(s_client_of_yesterday),
        cmocka_unit_test(a_denied_s_client_reads_the_alert),
        cmocka_unit_test(s_server_is_met),
        cmocka_unit_test(s_server_in_other_suites),
        cmocka_unit_test(s_server_of_yesterday),
        cmocka_unit_test(s_server_of_a_stranger),
        cmocka_unit_test(s_server_that_insists),
        cmocka_unit_test(what_was_said_before_is_no_use),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
