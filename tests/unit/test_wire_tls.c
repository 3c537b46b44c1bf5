/*
 * core/wire_tls: what was put is got, and nothing else is taken: no length short of a message, no
 * byte behind it, no value off its list.
 */
#include "tests/support/support.h"

#include "core/wire_tls.h"

static uint8_t frame[PIL_WIRE_MAX];

static const struct pil_traffic in = {{1, 2, 3}, {4, 5}, 0x0102030405060708u, {9, 10}, 32},
                                out = {{11, 12}, {13}, 1, {14}, 48};
static const struct pil_delegate delegate = {
    .query = {.action = PIL_ACTION_LISTEN, .kind = PIL_KIND_INET, .port = 8080}, .backlog = 511};
static const struct pil_delegated delegated = {.status = PIL_E_REFUSED, .id = 0x1122334455667788u};
static const struct pil_secure secure = {.query = {.action = PIL_ACTION_CONNECT,
                                                   .kind = PIL_KIND_INET,
                                                   .seen = PIL_FIELD_NAME,
                                                   .port = 6379,
                                                   .name = {"cache.example", 13}},
                                         .timeout_ms = 5000,
                                         .flags = PIL_SECURE_NONBLOCK | PIL_SECURE_NO_PROCESS};
static struct pil_secured secured = {.status = PIL_OK,
                                     .path = PIL_PATH_PROCESS,
                                     .suite = PIL_SUITE_CHACHA20,
                                     .id = 77,
                                     .generation = 0x8877665544332211u,
                                     .mesh = 1,
                                     .peer = {"spiffe://example.org/web", 24}};
static const struct pil_secured refused = {
    .status = PIL_E_PEER, .error = 111, .reason = PIL_TLS_WRONG_ROOT};
static struct pil_demote demote = {.id = 78,
                                   .suite = PIL_SUITE_AES_256_GCM,
                                   .ended = PIL_ENDED_IN,
                                   .plain_len = PIL_DEMOTE_MAX,
                                   .cipher_in_len = 21,
                                   .cipher_out_len = 3};
static const struct pil_recheck recheck = {.count = 3, .id = {1, UINT64_MAX, 3}};
static const struct pil_rechecked rechecked = {.count = 3, .goes_on = {1, 0, 1}};

static union {
    struct pil_delegate delegate;
    struct pil_delegated delegated;
    struct pil_secure secure;
    struct pil_secured secured;
    struct pil_demote demote;
    struct pil_recheck recheck;
    struct pil_rechecked rechecked;
    uint32_t status;
} got;

/* A message: how it is put, and its decoder with room for what it yields. */
struct sample {
    const char *name;
    enum pil_wire_type type;
    void (*put)(struct pil_writer *w);
    int (*get)(struct pil_reader *r);
};

#define SAMPLE(kind, value)                                                                        \
    static void put_##value(struct pil_writer *w)                                                  \
    {                                                                                              \
        pil_wire_put_##kind(w, &(value));                                                          \
    }                                                                                              \
    static int get_##value(struct pil_reader *r)                                                   \
    {                                                                                              \
        return pil_wire_get_##kind(r, &got.kind);                                                  \
    }
SAMPLE(delegate, delegate)
SAMPLE(delegated, delegated)
SAMPLE(secure, secure)
SAMPLE(secured, secured)
SAMPLE(secured, refused)
SAMPLE(demote, demote)
SAMPLE(recheck, recheck)
#undef SAMPLE

static void put_demoted(struct pil_writer *w)
{
    pil_wire_put_demoted(w, PIL_E_NOTFOUND);
}

static int get_demoted(struct pil_reader *r)
{
    return pil_wire_get_demoted(r, &got.status);
}

static void put_rechecked(struct pil_writer *w)
{
    pil_wire_put_rechecked(w, &rechecked);
}

static int get_rechecked(struct pil_reader *r)
{
    return pil_wire_get_rechecked(r, &got.rechecked, 3);
}

static const struct sample samples[] = {
    {"delegate", PIL_WIRE_DELEGATE, put_delegate, get_delegate},
    {"delegated", PIL_WIRE_DELEGATED, put_delegated, get_delegated},
    {"secure", PIL_WIRE_SECURE, put_secure, get_secure},
    {"secured", PIL_WIRE_SECURED, put_secured, get_secured},
    {"refused", PIL_WIRE_SECURED, put_refused, get_refused},
    {"demote", PIL_WIRE_DEMOTE, put_demote, get_demote},
    {"demoted", PIL_WIRE_DEMOTED, put_demoted, get_demoted},
    {"recheck", PIL_WIRE_RECHECK, put_recheck, get_recheck},
    {"rechecked", PIL_WIRE_RECHECKED, put_rechecked, get_rechecked},
};

static int fill_in(void **state)
{
    (void)state;
    secured.in = demote.in = in;
    secured.out = demote.out = out;
    return 0;
}

static size_t build(const struct sample *s)
{
    struct pil_writer w;

    pil_wire_begin(&w, frame, sizeof(frame), s->type, 42);
    s->put(&w);
    assert_err(pil_wire_finish(&w), PIL_OK);
    return w.len;
}

static void set_length(size_t len)
{
    uint32_t value = (uint32_t)len;

    memcpy(frame + offsetof(struct pil_wire_head, length), &value, sizeof(value));
}

static int open_and_get(const struct sample *s, size_t len)
{
    struct pil_wire_head head;
    struct pil_reader r;
    int err = pil_wire_open(frame, len, &head, &r);

    assert_true(err || head.type == s->type);
    return err ? err : s->get(&r);
}

static const struct sample *take(const char *name)
{
    for (size_t i = 0; i < PIL_NELEM(samples); i++) {
        if (strcmp(samples[i].name, name) != 0)
            continue;
        assert_err(open_and_get(&samples[i], build(&samples[i])), PIL_OK);
        return &samples[i];
    }
    fail_msg("no sample %s", name);
    return NULL;
}

static void check_traffic(const struct pil_traffic *a, const struct pil_traffic *b)
{
    assert_memory_equal(a->key, b->key, sizeof(a->key));
    assert_memory_equal(a->iv, b->iv, sizeof(a->iv));
    assert_true(a->seq == b->seq);
    assert_memory_equal(a->secret, b->secret, sizeof(a->secret));
    assert_int_equal(a->secret_len, b->secret_len);
}

static void listeners_come_back(void **state)
{
    (void)state;
    take("delegate");
    assert_int_equal(got.delegate.query.action, PIL_ACTION_LISTEN);
    assert_int_equal(got.delegate.query.port, 8080);
    assert_int_equal(got.delegate.backlog, 511);
    take("delegated");
    assert_int_equal(got.delegated.status, PIL_E_REFUSED);
    assert_true(got.delegated.id == delegated.id);
}

static void connections_come_back(void **state)
{
    (void)state;
    take("secure");
    assert_int_equal(got.secure.query.port, 6379);
    assert_slice(got.secure.query.name, "cache.example");
    assert_int_equal(got.secure.timeout_ms, 5000);
    assert_int_equal(got.secure.flags, PIL_SECURE_FLAGS);
    take("secured");
    assert_int_equal(got.secured.status, PIL_OK);
    assert_int_equal(got.secured.error, 0);
    assert_int_equal(got.secured.path, PIL_PATH_PROCESS);
    assert_int_equal(got.secured.suite, PIL_SUITE_CHACHA20);
    assert_true(got.secured.id == 77 && got.secured.generation == secured.generation);
    assert_int_equal(got.secured.mesh, 1);
    assert_slice(got.secured.peer, "spiffe://example.org/web");
    check_traffic(&got.secured.in, &in);
    check_traffic(&got.secured.out, &out);
    take("refused");
    assert_int_equal(got.secured.status, PIL_E_PEER);
    assert_int_equal(got.secured.error, 111);
    assert_int_equal(got.secured.reason, PIL_TLS_WRONG_ROOT);
    assert_int_equal(got.secured.path, PIL_PATH_NONE);
}

static void standing_ones_come_back(void **state)
{
    (void)state;
    take("demote");
    assert_true(got.demote.id == 78);
    assert_int_equal(got.demote.suite, PIL_SUITE_AES_256_GCM);
    assert_int_equal(got.demote.ended, PIL_ENDED_IN);
    check_traffic(&got.demote.in, &in);
    check_traffic(&got.demote.out, &out);
    assert_int_equal(got.demote.plain_len, PIL_DEMOTE_MAX);
    assert_int_equal(got.demote.cipher_in_len, 21);
    assert_int_equal(got.demote.cipher_out_len, 3);
    take("demoted");
    assert_int_equal(got.status, PIL_E_NOTFOUND);
    take("recheck");
    assert_int_equal(got.recheck.count, 3);
    assert_memory_equal(got.recheck.id, recheck.id, 3 * sizeof(uint64_t));
    take("rechecked");
    assert_memory_equal(got.rechecked.goes_on, rechecked.goes_on, 3);
}

static void only_whole_messages_are_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < PIL_NELEM(samples); i++) {
        size_t whole = build(&samples[i]);

        for (size_t len = sizeof(struct pil_wire_head); len < whole; len++) {
            set_length(len);
            if (open_and_get(&samples[i], len) != PIL_E_TRUNCATED)
                fail_msg("%s of %zu bytes was taken at %zu", samples[i].name, whole, len);
        }
        frame[whole] = 0;
        set_length(whole + 1);
        assert_err(open_and_get(&samples[i], whole + 1), PIL_E_TRAILING);
    }
}

/* Sets one byte of a sample's body and gives the decoder's answer. */
static int with_byte(const char *name, size_t offset, uint8_t value)
{
    const struct sample *s = take(name);
    size_t len = build(s);

    frame[sizeof(struct pil_wire_head) + offset] = value;
    return open_and_get(s, len);
}

#define TRAFFIC 101u /* bytes of one direction */
_Static_assert(TRAFFIC == 32 + 12 + 8 + 48 + 1, "on the wire");

static void what_is_off_its_list_is_refused(void **state)
{
    size_t secure_flags = 6 + 32 + 2 + 13 + 2 + 4;

    (void)state;
    assert_err(with_byte("delegate", 0, PIL_ACTION_CONNECT), PIL_E_MALFORMED);
    assert_err(with_byte("delegate", 1, PIL_KIND_UNIX), PIL_E_MALFORMED);
    assert_err(with_byte("secure", 0, PIL_ACTION_LISTEN), PIL_E_MALFORMED);
    assert_err(with_byte("secure", secure_flags, 1), PIL_OK);
    assert_err(with_byte("secure", secure_flags, 4), PIL_E_MALFORMED);
    assert_err(with_byte("secured", 6, PIL_TLS_REASON_COUNT), PIL_E_MALFORMED);
    assert_err(with_byte("secured", 7, PIL_PATH_RELAY), PIL_OK);
    assert_err(with_byte("secured", 7, PIL_PATH_COUNT), PIL_E_MALFORMED);
    assert_err(with_byte("secured", 7, PIL_PATH_NONE), PIL_E_MALFORMED);
    assert_err(with_byte("secured", 0, PIL_E_PEER), PIL_E_MALFORMED);
    assert_err(with_byte("refused", 7, PIL_PATH_PLAIN), PIL_E_MALFORMED);
    assert_err(with_byte("secured", 26, 2), PIL_E_MALFORMED);
    assert_err(with_byte("secured", 27 + TRAFFIC - 1, 49), PIL_E_MALFORMED);
    assert_err(with_byte("secured", 27 + 2 * TRAFFIC - 1, 49), PIL_E_MALFORMED);
    assert_err(with_byte("demote", 10, PIL_ENDED_ALL + 1), PIL_E_MALFORMED);
    assert_err(with_byte("demote", 11 + TRAFFIC - 1, 49), PIL_E_MALFORMED);
    assert_err(with_byte("demote", 11 + 2 * TRAFFIC, 1), PIL_E_MALFORMED);     /* one more */
    assert_err(with_byte("demote", 11 + 2 * TRAFFIC + 7, 1), PIL_E_MALFORMED); /* 2^24 and more */
    assert_err(with_byte("demote", 11 + 2 * TRAFFIC + 10, 2), PIL_E_MALFORMED);
    assert_err(with_byte("recheck", 0, 0), PIL_E_MALFORMED);
    assert_err(with_byte("recheck", 1, 0xff), PIL_E_MALFORMED);
    assert_err(with_byte("recheck", 0, 2), PIL_E_TRAILING);
    assert_err(with_byte("rechecked", 0, 2), PIL_E_MALFORMED);
    assert_err(with_byte("rechecked", 3, 2), PIL_E_MALFORMED);
}

static void paths_have_names(void **state)
{
    (void)state;
    assert_string_equal(pil_path_name(PIL_PATH_NONE), "none");
    assert_string_equal(pil_path_name(PIL_PATH_PLAIN), "plain");
    assert_string_equal(pil_path_name(PIL_PATH_PROCESS), "process");
    assert_string_equal(pil_path_name(PIL_PATH_KERNEL), "kernel");
    assert_string_equal(pil_path_name(PIL_PATH_RELAY), "relay");
    assert_string_equal(pil_path_name(PIL_PATH_COUNT), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listeners_come_back),
        cmocka_unit_test(connections_come_back),
        cmocka_unit_test(standing_ones_come_back),
        cmocka_unit_test(only_whole_messages_are_taken),
        cmocka_unit_test(what_is_off_its_list_is_refused),
        cmocka_unit_test(paths_have_names),
    };

    return cmocka_run_group_tests(tests, fill_in, NULL);
}
