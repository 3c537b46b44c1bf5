/*
 * Two sides of the handshake engine over one connection, and what came of it.
 *
 * Tests only; static, since tests/support is linked into units without policyd's parts too.
 */
#ifndef PIL_TESTS_HANDPAIR_H
#define PIL_TESTS_HANDPAIR_H

#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policyd/identity/keys.h"
#include "policyd/tls/aead.h"
#include "policyd/tls/handshake.h"
#include "tests/support/tlspeer.h"

/* One handshake under way. */
struct side {
    struct world *world;
    uint64_t id;
    unsigned done, asked;
    bool hold; /* the test answers `verified`, not the callback */
    bool deny;
    struct pil_hand_result result, known;
};

/* A pool with a CA and two identities. */
struct world {
    struct event_base *base;
    struct pil_hands *hands;
    struct test_ca ca;
    const struct pil_bundle *bundle;
    const struct pil_svid *web, *db;
    unsigned pending; /* handshakes whose end is waited for */
    int listener;     /* for connections that shall go to one address */
    uint16_t port;
};

static inline void world_open(struct world *w, const struct pil_hands_setup *setup)
{
    static const struct pil_hands_setup none;

    memset(w, 0, sizeof(*w));
    assert_err(pil_keys_open(), PIL_OK);
    w->listener = test_tcp_listen(&w->port);
    w->base = event_base_new();
    assert_non_null(w->base);
    test_ca_make(&w->ca, TEST_DOMAIN, NULL);
    w->bundle = test_bundle(&w->ca);
    w->web = test_svid_plain(&w->ca, TEST_ID("web"));
    w->db = test_svid_plain(&w->ca, TEST_ID("db"));
    assert_err(pil_hands_open(w->base, setup ? setup : &none, &w->hands), PIL_OK);
}

static inline void world_close(struct world *w)
{
    pil_hands_close(w->hands);
    pil_svid_unref(w->web);
    pil_svid_unref(w->db);
    pil_bundle_unref(w->bundle);
    test_ca_free(&w->ca);
    event_base_free(w->base);
    close(w->listener);
}

static inline void on_done(void *cookie, uint64_t id, const struct pil_hand_result *result)
{
    struct side *side = cookie;

    assert_int_equal(side->id, id);
    side->done++;
    side->result = *result;
    side->world->pending--;
    event_base_loopbreak(side->world->base);
}

static inline void on_verified(void *cookie, uint64_t id, const struct pil_hand_result *known)
{
    struct side *side = cookie;

    assert_int_equal(side->id, id);
    side->asked++;
    side->known = *known;
    if (!side->hold)
        pil_hands_finish(side->world->hands, id, !side->deny);
    else
        event_base_loopbreak(side->world->base);
}

static inline struct pil_hand_order order_of(const struct world *w, enum pil_tls_role role, int fd)
{
    return (struct pil_hand_order){
        .fd = fd,
        .role = role,
        .svid = role == PIL_ROLE_SERVER ? w->db : w->web,
        .bundle = w->bundle,
        .deadline_ms = 20000,
        .established = true,
        .verified = on_verified,
        .done = on_done,
    };
}

static inline void begin(struct world *w, struct side *side, struct pil_hand_order order)
{
    enum pil_tls_reason reason;

    side->world = w;
    order.cookie = side;
    assert_err(pil_hands_start(w->hands, &order, &side->id, &reason), PIL_OK);
    assert_int_equal(reason, PIL_TLS_NONE);
    w->pending++;
}

/* Until every handshake has come to its end. */
static inline void settle(struct world *w)
{
    while (w->pending > 0)
        assert_int_equal(event_base_loop(w->base, EVLOOP_ONCE), 0);
}

static inline void assert_reason(const struct side *side, enum pil_tls_reason reason)
{
    assert_int_equal(side->done, 1);
    if (side->result.reason != reason)
        fail_msg("it ended as %s (%s), not as %s", pil_tls_reason_name(side->result.reason),
                 side->result.detail, pil_tls_reason_name(reason));
    assert_int_equal(side->result.err == PIL_OK, reason == PIL_TLS_NONE);
}

/* ---- records of the keys that came out ---- */

static inline void send_record(int fd, uint16_t suite, struct pil_traffic *t, uint8_t type,
                               const void *data, size_t len)
{
    uint8_t record[2048];
    void *ctx = calloc(1, pil_aead_evp.room);

    assert_err(pil_aead_evp.init(ctx, suite, t->key), PIL_OK);
    assert_err(pil_record_seal(&pil_aead_evp, ctx, suite, t, type, data, len, record), PIL_OK);
    pil_aead_drop(ctx);
    free(ctx);
    len += PIL_RECORD_OVERHEAD;
    assert_int_equal(send(fd, record, len, MSG_NOSIGNAL), len);
}

/* The next record: its type, with the text in data. */
static inline uint8_t receive_record(int fd, uint16_t suite, struct pil_traffic *t, void *data,
                                     size_t room, size_t *len)
{
    uint8_t record[PIL_RECORD_WIRE_MAX];
    void *ctx = calloc(1, pil_aead_evp.room);
    struct pil_opened opened;
    size_t total;

    assert_int_equal(recv(fd, record, PIL_RECORD_HEAD, MSG_WAITALL), PIL_RECORD_HEAD);
    assert_err(pil_record_length(record, PIL_RECORD_HEAD, &total), PIL_OK);
    assert_int_equal(recv(fd, record + PIL_RECORD_HEAD, total - PIL_RECORD_HEAD, MSG_WAITALL),
                     total - PIL_RECORD_HEAD);
    assert_err(pil_aead_evp.init(ctx, suite, t->key), PIL_OK);
    assert_err(pil_record_open(&pil_aead_evp, ctx, t, record, total, &opened), PIL_OK);
    pil_aead_drop(ctx);
    free(ctx);
    assert_true(opened.len <= room);
    memcpy(data, record + PIL_RECORD_HEAD, opened.len);
    *len = opened.len;
    return opened.type;
}

/* What one side says reaches the other, by the keys that the engine handed out. */
static inline void exchange(int from_fd, struct side *from, int to_fd, struct side *to,
                            const char *text)
{
    char got[100];
    size_t len;

    send_record(from_fd, from->result.suite, &from->result.out, 23, text, strlen(text));
    assert_int_equal(
        receive_record(to_fd, to->result.suite, &to->result.in, got, sizeof(got), &len), 23);
    assert_int_equal(len, strlen(text));
    assert_memory_equal(got, text, len);
}

#endif
