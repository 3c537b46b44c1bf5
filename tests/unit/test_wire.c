/*
 * core/wire: what was put is got, and nothing else is taken: no length short of a message, no
 * byte behind it, no value off its list.
 */
#include "tests/support/support.h"

#include "core/wire.h"

static uint8_t frame[PIL_WIRE_MAX];

/* One message of each type with every field set, its decoder, and room for what it yields. */
struct sample {
    const char *name;
    enum pil_wire_type type;
    void (*put)(struct pil_writer *w);
    int (*get)(struct pil_reader *r);
};

static const struct pil_hello hello = {
    .flags = PIL_HELLO_FORKED | PIL_HELLO_SECURE, .pid = 0x01020304, .version = {"0.1.0", 5}};
static const struct pil_welcome welcome = {.status = PIL_E_REFUSED,
                                           .flags = PIL_WELCOME_COVER_CHILDREN,
                                           .deadline_ms = 250,
                                           .workload = {"ledger", 6}};
static const struct pil_control control = {.verb = {"status", 6}, .argument = {"{\"a\":1}", 7}};
static const struct pil_query queries[2] = {
    {.action = PIL_ACTION_CONNECT,
     .kind = PIL_KIND_INET,
     .seen = PIL_FIELD_NAME | PIL_FIELD_CALLER,
     .port = 5432,
     .ip = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
     .source = {{15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
     .name = {"ledger.corp.example", 19},
     .caller = {"libpq.so.5", 10}},
    {.action = PIL_ACTION_RESOLVE, .kind = PIL_KIND_NAME, .name = {"a.example", 9}},
};
static const struct pil_verdict verdicts[2] = {
    {.effect = PIL_ALLOW,
     .reason = PIL_REASON_RULE_ALLOW,
     .shadow = PIL_SHADOW_WOULD_DENY,
     .shadow_reason = PIL_REASON_RULE_DENY,
     .encrypt = PIL_ENCRYPT_OFF,
     .tier = PIL_TIER_ENGINE,
     .error = 0x1234,
     .rule = 0x11223344,
     .policy = 0x55667788,
     .shadow_rule = 0x99aabbcc,
     .shadow_policy = 0xddeeff00,
     .ttl_ms = 10000,
     .generation = 0x0123456789abcdefu},
    {.effect = PIL_DENY, .reason = PIL_REASON_NO_DEFAULT, .rule = PIL_NO_INDEX},
};

static void put_hello(struct pil_writer *w)
{
    pil_wire_put_hello(w, &hello);
}

static void put_welcome(struct pil_writer *w)
{
    pil_wire_put_welcome(w, &welcome);
}

static void put_decide(struct pil_writer *w)
{
    pil_wire_put_queries(w, queries, 2);
}

static void put_verdicts(struct pil_writer *w)
{
    pil_wire_put_verdicts(w, verdicts, 2);
}

static void put_control(struct pil_writer *w)
{
    pil_wire_put_control(w, &control);
}

static void put_end(struct pil_writer *w)
{
    pil_wire_put_end(w, PIL_E_NOTFOUND, pil_slice_of("no such thing"));
}

static struct pil_query got_queries[PIL_BATCH_MAX];
static struct pil_verdict got_verdicts[PIL_BATCH_MAX];
static struct pil_hello got_hello;
static struct pil_welcome got_welcome;
static struct pil_control got_control;
static struct pil_slice got_text;
static uint32_t got_status;
static unsigned got_count;

static int get_hello(struct pil_reader *r)
{
    return pil_wire_get_hello(r, &got_hello);
}

static int get_welcome(struct pil_reader *r)
{
    return pil_wire_get_welcome(r, &got_welcome);
}

static int get_decide(struct pil_reader *r)
{
    return pil_wire_get_queries(r, got_queries, &got_count);
}

static int get_verdicts(struct pil_reader *r)
{
    return pil_wire_get_verdicts(r, got_verdicts, 2);
}

static int get_control(struct pil_reader *r)
{
    return pil_wire_get_control(r, &got_control);
}

static int get_end(struct pil_reader *r)
{
    return pil_wire_get_end(r, &got_status, &got_text);
}

static const struct sample samples[] = {
    {"hello", PIL_WIRE_HELLO, put_hello, get_hello},
    {"welcome", PIL_WIRE_WELCOME, put_welcome, get_welcome},
    {"decide", PIL_WIRE_DECIDE, put_decide, get_decide},
    {"verdicts", PIL_WIRE_VERDICTS, put_verdicts, get_verdicts},
    {"control", PIL_WIRE_CONTROL, put_control, get_control},
    {"end", PIL_WIRE_END, put_end, get_end},
};

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

    return err ? err : s->get(&r);
}

static void check_query(const struct pil_query *got, const struct pil_query *want)
{
    assert_int_equal(got->action, want->action);
    assert_int_equal(got->kind, want->kind);
    assert_int_equal(got->seen, want->seen);
    assert_int_equal(got->port, want->port);
    assert_true(pil_ip_equal(&got->ip, &want->ip));
    assert_true(pil_ip_equal(&got->source, &want->source));
    assert_true(pil_slice_equal(got->name, want->name));
    assert_true(pil_slice_equal(got->caller, want->caller));
}

static void check_verdict(const struct pil_verdict *got, const struct pil_verdict *want)
{
    assert_int_equal(got->effect, want->effect);
    assert_int_equal(got->reason, want->reason);
    assert_int_equal(got->shadow, want->shadow);
    assert_int_equal(got->shadow_reason, want->shadow_reason);
    assert_int_equal(got->encrypt, want->encrypt);
    assert_int_equal(got->tier, want->tier);
    assert_int_equal(got->error, want->error);
    assert_int_equal(got->rule, want->rule);
    assert_int_equal(got->policy, want->policy);
    assert_int_equal(got->shadow_rule, want->shadow_rule);
    assert_int_equal(got->shadow_policy, want->shadow_policy);
    assert_int_equal(got->ttl_ms, want->ttl_ms);
    assert_true(got->generation == want->generation);
}

static void every_field_comes_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < PIL_NELEM(samples); i++)
        assert_err(open_and_get(&samples[i], build(&samples[i])), PIL_OK);
    /* The slices point into the frame, which holds the last message: compare at once. */
    assert_err(open_and_get(&samples[0], build(&samples[0])), PIL_OK);
    assert_int_equal(got_hello.flags, hello.flags);
    assert_int_equal(got_hello.pid, hello.pid);
    assert_slice(got_hello.version, "0.1.0");
    assert_err(open_and_get(&samples[1], build(&samples[1])), PIL_OK);
    assert_int_equal(got_welcome.status, PIL_E_REFUSED);
    assert_int_equal(got_welcome.flags, PIL_WELCOME_COVER_CHILDREN);
    assert_int_equal(got_welcome.deadline_ms, 250);
    assert_slice(got_welcome.workload, "ledger");
    assert_err(open_and_get(&samples[2], build(&samples[2])), PIL_OK);
    assert_int_equal(got_count, 2);
    for (unsigned i = 0; i < 2; i++)
        check_query(&got_queries[i], &queries[i]);
    assert_err(open_and_get(&samples[3], build(&samples[3])), PIL_OK);
    for (unsigned i = 0; i < 2; i++)
        check_verdict(&got_verdicts[i], &verdicts[i]);
    assert_err(open_and_get(&samples[4], build(&samples[4])), PIL_OK);
    assert_slice(got_control.verb, "status");
    assert_slice(got_control.argument, "{\"a\":1}");
    assert_err(open_and_get(&samples[5], build(&samples[5])), PIL_OK);
    assert_int_equal(got_status, PIL_E_NOTFOUND);
    assert_slice(got_text, "no such thing");
}

static void the_head_is_as_documented(void **state)
{
    static const uint8_t want[16] = {'P', 'I', 'L', 'N', 1, 0, PIL_WIRE_HELLO, 0, 31, 0,
                                     0,   0,   42,  0,   0, 0};
    size_t len = build(&samples[0]);

    (void)state;
    assert_int_equal(len, 16 + 4 + 4 + 2 + 5);
    assert_memory_equal(frame, want, 16);
}

/* Cut by the kernel or the sender: the frame is shorter than its head says. */
static void a_frame_cut_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < PIL_NELEM(samples); i++) {
        size_t whole = build(&samples[i]);

        for (size_t len = 0; len < whole; len++)
            assert_err(open_and_get(&samples[i], len),
                       len < sizeof(struct pil_wire_head) ? PIL_E_TRUNCATED : PIL_E_MALFORMED);
    }
}

/* The same with an honest head: then the fields are what is missing. */
static void a_message_that_ends_early_is_refused_at_every_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < PIL_NELEM(samples); i++) {
        size_t whole = build(&samples[i]);

        for (size_t len = sizeof(struct pil_wire_head); len < whole; len++) {
            set_length(len);
            if (open_and_get(&samples[i], len) != PIL_E_TRUNCATED)
                fail_msg("%s of %zu bytes was taken at %zu", samples[i].name, whole, len);
        }
    }
}

static void bytes_behind_the_last_field_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < PIL_NELEM(samples); i++) {
        size_t whole = build(&samples[i]);

        frame[whole] = 0;
        assert_err(open_and_get(&samples[i], whole + 1), PIL_E_MALFORMED);
        set_length(whole + 1);
        assert_err(open_and_get(&samples[i], whole + 1), PIL_E_TRAILING);
    }
}

static int open_head(size_t offset, uint8_t value)
{
    struct pil_wire_head head;
    struct pil_reader r;
    size_t len = build(&samples[0]);

    frame[offset] = value;
    return pil_wire_open(frame, len, &head, &r);
}

static void foreign_heads_are_refused(void **state)
{
    struct pil_wire_head head;
    struct pil_reader r;
    size_t len = build(&samples[0]);

    (void)state;
    assert_err(pil_wire_open(frame, len, &head, &r), PIL_OK);
    assert_int_equal(head.type, PIL_WIRE_HELLO);
    assert_int_equal(head.sequence, 42);
    assert_int_equal(head.length, len);
    assert_int_equal(r.left, len - sizeof(head));
    assert_err(open_head(0, 'p'), PIL_E_MALFORMED);
    assert_err(open_head(4, PIL_WIRE_MAJOR + 1), PIL_E_VERSION);
    assert_err(open_head(4, 0), PIL_E_VERSION);
    assert_err(open_head(5, 200), PIL_OK); /* a later minor version is not judged */
    assert_err(open_head(6, PIL_WIRE_NONE), PIL_E_MALFORMED);
    assert_err(open_head(6, PIL_WIRE_TYPE_COUNT), PIL_E_MALFORMED);
    assert_err(open_head(7, 1), PIL_E_MALFORMED);
    assert_err(open_head(11, 1), PIL_E_MALFORMED);
}

static int query_answer(const struct pil_query *q)
{
    struct pil_writer w;
    struct pil_reader r;

    pil_writer_init(&w, frame, sizeof(frame));
    pil_wire_put_queries(&w, q, 1);
    assert_err(pil_writer_end(&w), PIL_OK);
    pil_reader_init(&r, frame, w.len);
    return get_decide(&r);
}

/* Every action with every kind: the decoder's list is the table of actions and resources. */
static void queries_off_the_lists_are_refused(void **state)
{
    (void)state;
    for (unsigned action = 0; action < 256; action++) {
        for (unsigned kind = 0; kind < 256; kind++) {
            struct pil_query q = {.action = (uint8_t)action, .kind = (uint8_t)kind};
            bool legal = action >= PIL_ACTION_CONNECT && action <= PIL_ACTION_RESOLVE &&
                         kind >= PIL_KIND_INET && kind < PIL_KIND_COUNT &&
                         (action == PIL_ACTION_RESOLVE) == (kind == PIL_KIND_NAME);

            assert_err(query_answer(&q), legal ? PIL_OK : PIL_E_MALFORMED);
        }
    }
    for (unsigned seen = 0; seen < 256; seen++) {
        struct pil_query q = queries[0];

        q.seen = (uint8_t)seen;
        assert_err(query_answer(&q), seen <= PIL_FIELD_TOLD ? PIL_OK : PIL_E_MALFORMED);
    }
}

static void query_texts_are_bounded(void **state)
{
    static char text[300];
    struct pil_query q = queries[0];

    (void)state;
    memset(text, 'a', sizeof(text));
    q.name = (struct pil_slice){text, PIL_NAME_MAX};
    assert_err(query_answer(&q), PIL_OK);
    q.name.len++;
    assert_err(query_answer(&q), PIL_E_TRUNCATED);
    q.name.len = 0;
    q.caller = (struct pil_slice){text, PIL_CALLER_MAX};
    assert_err(query_answer(&q), PIL_OK);
    q.caller.len++;
    assert_err(query_answer(&q), PIL_E_TRUNCATED);
    q.caller.len = 0;
    q.kind = PIL_KIND_UNIX;
    /* A relative path is judged with its folder in front, so it may be longer than sun_path. */
    q.name.len = PIL_NAME_MAX;
    assert_err(query_answer(&q), PIL_OK);
    q.name.len++;
    assert_err(query_answer(&q), PIL_E_TRUNCATED);
    q.name = (struct pil_slice){"a\0b", 3};
    assert_err(query_answer(&q), PIL_E_TRUNCATED);
}

static void unknown_query_flags_are_refused(void **state)
{
    struct pil_reader r;

    (void)state;
    assert_err(query_answer(&queries[0]), PIL_OK);
    frame[2 + 3] = PIL_QUERY_AHEAD;
    pil_reader_init(&r, frame, 2 + 6 + 32 + 4 + 19 + 10);
    assert_err(get_decide(&r), PIL_OK);
    for (unsigned flags = 0; flags < 256; flags++) {
        const bool connect = queries[0].action == PIL_ACTION_CONNECT;
        const bool legal =
            !(flags & ~PIL_QUERY_FLAGS) && (connect || !(flags & PIL_QUERY_PEER_LATER));

        frame[2 + 3] = (uint8_t)flags;
        pil_reader_init(&r, frame, 2 + 6 + 32 + 4 + 19 + 10);
        assert_err(get_decide(&r), legal ? PIL_OK : PIL_E_MALFORMED);
    }
}

/* Only a connect has a handshake that is still to come, and no process says who is there. */
static void a_peer_cannot_be_claimed(void **state)
{
    struct pil_query q = queries[0];

    (void)state;
    for (unsigned action = PIL_ACTION_CONNECT; action < PIL_ACTION_RESOLVE; action++) {
        q.action = (uint8_t)action;
        q.flags = PIL_QUERY_PEER_LATER;
        assert_err(query_answer(&q), action == PIL_ACTION_CONNECT ? PIL_OK : PIL_E_MALFORMED);
        q.flags = 0;
        q.peer = (struct pil_slice){"spiffe://corp.example/web", 25};
        assert_err(query_answer(&q), PIL_OK);
        assert_int_equal(got_queries[0].peer.len, 0);
        q.seen |= PIL_FIELD_PEER;
        assert_err(query_answer(&q), PIL_E_MALFORMED);
        q.seen &= PIL_FIELD_TOLD;
    }
}

static int count_answer(unsigned put, unsigned claim)
{
    static struct pil_query many[PIL_BATCH_MAX + 1];
    struct pil_writer w;
    struct pil_reader r;

    for (unsigned i = 0; i < put; i++)
        many[i] = queries[0];
    pil_writer_init(&w, frame, sizeof(frame));
    pil_wire_put_queries(&w, many, put);
    assert_err(pil_writer_end(&w), PIL_OK);
    memcpy(frame, &(uint16_t){(uint16_t)claim}, 2);
    pil_reader_init(&r, frame, w.len);
    return get_decide(&r);
}

static void batches_are_bounded(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= PIL_BATCH_MAX; n++) {
        assert_err(count_answer(n, n), PIL_OK);
        assert_int_equal(got_count, n);
    }
    assert_err(count_answer(0, 0), PIL_E_MALFORMED);
    assert_int_equal(got_count, 0);
    assert_err(count_answer(PIL_BATCH_MAX + 1, PIL_BATCH_MAX + 1), PIL_E_MALFORMED);
    assert_err(count_answer(2, UINT16_MAX), PIL_E_MALFORMED);
    assert_err(count_answer(2, 3), PIL_E_TRUNCATED);
    assert_int_equal(got_count, 0);
    assert_err(count_answer(2, 1), PIL_E_TRAILING);
    assert_int_equal(got_count, 1);
}

/* The fullest batch that is legal fits into one frame. */
static void the_largest_batch_fits_a_frame(void **state)
{
    static char text[PIL_NAME_MAX];
    static struct pil_query many[PIL_BATCH_MAX];
    struct pil_writer w;

    (void)state;
    memset(text, 'a', sizeof(text));
    for (unsigned i = 0; i < PIL_BATCH_MAX; i++) {
        many[i] = queries[0];
        many[i].name = (struct pil_slice){text, PIL_NAME_MAX};
        many[i].caller = (struct pil_slice){text, PIL_CALLER_MAX};
    }
    pil_wire_begin(&w, frame, sizeof(frame), PIL_WIRE_DECIDE, 1);
    pil_wire_put_queries(&w, many, PIL_BATCH_MAX);
    assert_err(pil_wire_finish(&w), PIL_OK);
}

/* Every value of every enumeration of a verdict; offsets as docs/wire.md lists the fields. */
static void verdicts_off_the_lists_are_refused(void **state)
{
    static const struct {
        size_t offset;
        unsigned count;
    } bytes[] = {
        {0, PIL_THROTTLE + 1}, {1, PIL_REASON_COUNT},         {2, PIL_SHADOW_WOULD_ALLOW + 1},
        {3, PIL_REASON_COUNT}, {4, PIL_ENCRYPT_REQUIRED + 1}, {5, PIL_TIER_COUNT},
    };

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(bytes); i++) {
        for (unsigned value = 0; value < 256; value++) {
            size_t len = build(&samples[3]);

            frame[sizeof(struct pil_wire_head) + 2 + bytes[i].offset] = (uint8_t)value;
            assert_err(open_and_get(&samples[3], len),
                       value < bytes[i].count ? PIL_OK : PIL_E_MALFORMED);
        }
    }
}

static void another_number_of_verdicts_is_refused(void **state)
{
    struct pil_wire_head head;
    struct pil_reader r;

    (void)state;
    for (unsigned expected = 0; expected <= PIL_BATCH_MAX; expected++) {
        size_t len = build(&samples[3]);

        assert_err(pil_wire_open(frame, len, &head, &r), PIL_OK);
        assert_err(pil_wire_get_verdicts(&r, got_verdicts, expected),
                   expected == 2 ? PIL_OK : PIL_E_MALFORMED);
    }
}

static void a_message_over_its_buffer_is_not_finished(void **state)
{
    (void)state;
    for (size_t i = 0; i < PIL_NELEM(samples); i++) {
        size_t whole = build(&samples[i]);

        for (size_t cap = 0; cap < whole; cap++) {
            struct pil_writer w;

            pil_wire_begin(&w, frame, cap, samples[i].type, 1);
            samples[i].put(&w);
            assert_err(pil_wire_finish(&w), PIL_E_FULL);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(the_head_is_as_documented),
        cmocka_unit_test(a_frame_cut_anywhere_is_refused),
        cmocka_unit_test(a_message_that_ends_early_is_refused_at_every_length),
        cmocka_unit_test(bytes_behind_the_last_field_are_refused),
        cmocka_unit_test(foreign_heads_are_refused),
        cmocka_unit_test(queries_off_the_lists_are_refused),
        cmocka_unit_test(query_texts_are_bounded),
        cmocka_unit_test(unknown_query_flags_are_refused),
        cmocka_unit_test(a_peer_cannot_be_claimed),
        cmocka_unit_test(batches_are_bounded),
        cmocka_unit_test(the_largest_batch_fits_a_frame),
        cmocka_unit_test(verdicts_off_the_lists_are_refused),
        cmocka_unit_test(another_number_of_verdicts_is_refused),
        cmocka_unit_test(a_message_over_its_buffer_is_not_finished),
    };

    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
