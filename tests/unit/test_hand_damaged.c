/* policyd/tls/hand, reason: thousands of hellos and flights that were damaged on the way. Nobody
 * crashes or hangs, nothing damaged is good, and no two sides disagree about their keys. */
#include "tests/support/handpair.h"

#include <openssl/ssl.h>

#include "policyd/tls/handshake.h"

#define HELLOS  2500u
#define FLIGHTS 800u
#define AT_ONCE 50u
#define IDLE_MS 200

/* Always the same numbers, so that a failure comes again. */
static uint64_t dice = 88172645463325252u;

static uint32_t roll(uint32_t sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (uint32_t)(dice >> 11) % sides;
}

static size_t hello(uint8_t *out, size_t room)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    BIO *bio = BIO_new(BIO_s_mem());
    int len;

    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), bio);
    SSL_set_alpn_protos(ssl, (const unsigned char *)"\x09pillion/1", 10);
    assert_int_equal(SSL_connect(ssl), -1);
    len = BIO_read(bio, out, (int)room);
    assert_true(len > 100);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return (size_t)len;
}

/* Some bytes are others; or a stretch is missing, or there twice. The first two stay, so that it is
 * taken for TLS. */
static size_t damage(uint8_t *bytes, size_t len, size_t room)
{
    size_t at = 2 + roll((uint32_t)len - 2), n = 1 + roll(40);

    switch (roll(4)) {
    case 0:
        n = at + n > len ? len - at : n;
        memmove(bytes + at, bytes + at + n, len - at - n);
        return len - n;
    case 1:
        n = len + n > room || at + n > len ? 0 : n;
        memmove(bytes + at + n, bytes + at, len - at);
        return len + n;
    default:
        for (unsigned i = roll(6) + 1; i > 0; i--)
            bytes[2 + roll((uint32_t)len - 2)] ^= (uint8_t)(1 + roll(255));
        return len;
    }
}

static void damaged_hellos_are_refused(void **state)
{
    struct world *w = *state;
    uint8_t whole[2048], bytes[2048];
    size_t len = hello(whole, sizeof(whole));
    unsigned seen[PIL_TLS_REASON_COUNT] = {0};

    for (unsigned round = 0; round < HELLOS; round += AT_ONCE) {
        struct side side[AT_ONCE] = {0};
        int fd[AT_ONCE][2];

        for (unsigned i = 0; i < AT_ONCE; i++) {
            size_t n;

            memcpy(bytes, whole, len);
            n = damage(bytes, len, sizeof(bytes));
            test_tcp_pair(fd[i]);
            assert_int_equal(send(fd[i][0], bytes, n, MSG_NOSIGNAL), n);
            shutdown(fd[i][0], SHUT_WR);
            begin(w, &side[i], order_of(w, PIL_ROLE_SERVER, fd[i][1]));
        }
        settle(w);
        for (unsigned i = 0; i < AT_ONCE; i++) {
            assert_int_equal(side[i].done, 1);
            assert_int_not_equal(side[i].result.err, PIL_OK);
            assert_int_equal(side[i].asked, 0);
            seen[side[i].result.reason]++;
            close(fd[i][0]);
            close(fd[i][1]);
        }
    }
    assert_true(seen[PIL_TLS_MALFORMED] > 0 && seen[PIL_TLS_TRUNCATED] > 0);
    assert_int_equal(seen[PIL_TLS_TIMEOUT] + seen[PIL_TLS_INTERNAL] + seen[PIL_TLS_NONE], 0);
}

/* ---- flights ---- */

/* A connection of two halves with somebody in the middle, who damages one byte of one direction. */
struct middle {
    struct side client, server;
    int here[2], there[2]; /* client - us, us - server */
    struct event *event[2];
    bool toward_server;
    size_t passed, at; /* bytes of that direction; which one is damaged */
    uint8_t change;
};

static void on_bytes(evutil_socket_t fd, short what, void *cookie)
{
    struct middle *m = cookie;
    bool up = fd == m->here[1];
    uint8_t bytes[4096];
    ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    (void)what;
    if (n <= 0) {
        event_del(m->event[up ? 0 : 1]);
        shutdown(up ? m->there[0] : m->here[1], SHUT_WR);
        return;
    }
    if (up == m->toward_server) {
        if (m->at >= m->passed && m->at < m->passed + (size_t)n)
            bytes[m->at - m->passed] ^= m->change;
        m->passed += (size_t)n;
    }
    (void)send(up ? m->there[0] : m->here[1], bytes, (size_t)n, MSG_NOSIGNAL);
}

static void start_damaged(struct world *w, struct middle *m, bool fresh)
{
    struct pil_hand_order order;

    memset(m, 0, sizeof(*m));
    test_tcp_from(w->listener, w->port, m->here);
    test_tcp_pair(m->there);
    m->toward_server = roll(2);
    m->at = roll(1600);
    m->change = (uint8_t)(1 + roll(255));
    m->event[0] = event_new(w->base, m->here[1], EV_READ | EV_PERSIST, on_bytes, m);
    m->event[1] = event_new(w->base, m->there[0], EV_READ | EV_PERSIST, on_bytes, m);
    event_add(m->event[0], NULL);
    event_add(m->event[1], NULL);
    order = order_of(w, PIL_ROLE_SERVER, m->there[1]);
    begin(w, &m->server, order);
    order = order_of(w, PIL_ROLE_CLIENT, m->here[0]);
    order.fresh = fresh;
    begin(w, &m->client, order);
}

static void check_and_end(struct middle *m)
{
    bool client = m->client.result.err == PIL_OK, server = m->server.result.err == PIL_OK;

    assert_int_equal(m->client.done + m->server.done, 2);
    /* The client goes on only with a server that does; the server cannot know how its last word
     * fared. Who goes on has the same keys. */
    assert_true(server || !client);
    if (client) {
        assert_memory_equal(&m->client.result.in, &m->server.result.out,
                            sizeof(struct pil_traffic));
        assert_memory_equal(&m->client.result.out, &m->server.result.in,
                            sizeof(struct pil_traffic));
        assert_string_equal(m->client.result.peer, TEST_ID("db"));
        assert_string_equal(m->server.result.peer, TEST_ID("web"));
    }
    for (unsigned i = 0; i < 2; i++) {
        event_free(m->event[i]);
        close(m->here[i]);
        close(m->there[i]);
    }
}

/* Some wait for bytes that never come, since a length was damaged: when nothing moves any more, the
 * lines are cut. */
static void on_idle(evutil_socket_t fd, short what, void *cookie)
{
    struct middle *m = cookie;

    (void)fd;
    (void)what;
    for (unsigned i = 0; i < AT_ONCE; i++) {
        shutdown(m[i].here[1], SHUT_RDWR);
        shutdown(m[i].there[0], SHUT_RDWR);
    }
}

static void settle_or_cut(struct world *w, struct middle *m)
{
    const struct timeval idle = {.tv_usec = IDLE_MS * 1000};
    struct event *timer = evtimer_new(w->base, on_idle, m);

    while (w->pending > 0) {
        evtimer_add(timer, &idle); /* from now again */
        assert_int_equal(event_base_loop(w->base, EVLOOP_ONCE), 0);
    }
    event_free(timer);
}

static void damage_flights(struct world *w, bool fresh)
{
    struct middle *m = calloc(AT_ONCE, sizeof(*m));
    unsigned forged = 0, refused = 0, resumed = 0;

    for (unsigned round = 0; round < FLIGHTS / 2; round += AT_ONCE) {
        for (unsigned i = 0; i < AT_ONCE; i++)
            start_damaged(w, &m[i], fresh);
        settle_or_cut(w, m);
        for (unsigned i = 0; i < AT_ONCE; i++) {
            check_and_end(&m[i]);
            forged += m[i].client.result.reason == PIL_TLS_FORGED;
            forged += m[i].server.result.reason == PIL_TLS_FORGED;
            refused += m[i].client.result.err != PIL_OK;
            resumed += m[i].server.result.resumed;
        }
    }
    assert_true(forged > 0 && refused > 0);
    assert_int_equal(resumed > 0, !fresh);
    free(m);
}

static void damaged_flights_are_refused(void **state)
{
    damage_flights(*state, true);
}

static void damaged_resumptions_are_refused(void **state)
{
    damage_flights(*state, false);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_hellos_are_refused),
        cmocka_unit_test(damaged_flights_are_refused),
        cmocka_unit_test(damaged_resumptions_are_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
