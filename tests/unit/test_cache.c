/*
 * shim/cache: what was kept is found whole, for its generation and its time and no longer; threads
 * that write the same entries never show each other's halves.
 */
#include "tests/support/support.h"

#include <pthread.h>
#include <stdatomic.h>

#include "shim/cache.h"

#define MS UINT64_C(1000000)

static int set_up(void **state)
{
    size_t len;
    void *memory = pil_cache_memory(&len);

    (void)state;
    memset(memory, 0, len);
    return 0;
}

static struct pil_key key_of(unsigned port)
{
    struct pil_query q = {.action = PIL_ACTION_CONNECT,
                          .kind = PIL_KIND_INET,
                          .port = (uint16_t)port,
                          .ip = {{[10] = 0xff, 0xff, 10, 0, 0, (uint8_t)(port >> 16)}}};
    struct pil_digest none = {{0, 0}};
    struct pil_key key;

    pil_key_make(&key, &q, 0, none, none);
    return key;
}

static struct pil_verdict verdict(uint64_t generation, uint32_t rule, uint32_t ttl_ms)
{
    return (struct pil_verdict){.effect = PIL_ALLOW,
                                .rule = rule,
                                .policy = ~rule,
                                .shadow_rule = rule,
                                .shadow_policy = ~rule,
                                .ttl_ms = ttl_ms,
                                .generation = generation};
}

static bool find(unsigned port, uint64_t generation, uint64_t now_ns, struct pil_verdict *out)
{
    struct pil_key key = key_of(port);

    return pil_cache_find(&key, generation, now_ns, out);
}

static void keep(unsigned port, struct pil_verdict v, uint64_t now_ns)
{
    struct pil_key key = key_of(port);

    pil_cache_keep(&key, &v, now_ns);
}

static void every_field_comes_back(void **state)
{
    static const struct pil_verdict given = {
        .effect = PIL_THROTTLE,
        .reason = PIL_REASON_COUNT - 1,
        .shadow = PIL_SHADOW_WOULD_ALLOW,
        .shadow_reason = PIL_REASON_UNSEEN_FIELD,
        .encrypt = PIL_ENCRYPT_REQUIRED,
        .tier = PIL_TIER_ENGINE,
        .error = 65535,
        .rule = 0x01020304,
        .policy = 0xfffffffe,
        .shadow_rule = 0x05060708,
        .shadow_policy = PIL_NO_INDEX,
        .ttl_ms = 1,
        .generation = UINT64_C(0xfedcba987654),
    };
    struct pil_verdict got;

    (void)state;
    memset(&got, 0xee, sizeof(got));
    keep(1, given, 5);
    assert_true(find(1, given.generation, 5, &got));
    assert_int_equal(got.effect, PIL_THROTTLE);
    assert_int_equal(got.reason, PIL_REASON_COUNT - 1);
    assert_int_equal(got.shadow, PIL_SHADOW_WOULD_ALLOW);
    assert_int_equal(got.shadow_reason, PIL_REASON_UNSEEN_FIELD);
    assert_int_equal(got.encrypt, PIL_ENCRYPT_REQUIRED);
    assert_int_equal(got.tier, PIL_TIER_PROCESS);
    assert_int_equal(got.error, 65535);
    assert_int_equal(got.rule, 0x01020304);
    assert_int_equal(got.policy, 0xfffffffe);
    assert_int_equal(got.shadow_rule, 0x05060708);
    assert_int_equal(got.shadow_policy, PIL_NO_INDEX);
    assert_int_equal(got.ttl_ms, 0);
    assert_int_equal(got.generation, UINT64_C(0xfedcba987654));
}

static void it_is_good_until_its_ttl_to_the_nanosecond(void **state)
{
    struct pil_verdict got;

    (void)state;
    keep(1, verdict(3, 7, 10), 1000);
    assert_true(find(1, 3, 1000, &got));
    assert_true(find(1, 3, 1000 + 10 * MS - 1, &got));
    assert_false(find(1, 3, 1000 + 10 * MS, &got));
    keep(1, verdict(3, 7, UINT32_MAX), 1000);
    assert_true(find(1, 3, 1000 + UINT32_MAX * MS - 1, &got));
    assert_false(find(1, 3, 1000 + UINT32_MAX * MS, &got));
}

static void it_is_good_for_one_generation(void **state)
{
    struct pil_verdict got;

    (void)state;
    keep(1, verdict(3, 7, 10), 0);
    assert_false(find(1, 2, 0, &got));
    assert_false(find(1, 4, 0, &got));
    assert_true(find(1, 3, 0, &got));
    keep(1, verdict(4, 8, 10), 0); /* the same question under the next policy */
    assert_false(find(1, 3, 0, &got));
    assert_true(find(1, 4, 0, &got));
    assert_int_equal(got.rule, 8);
}

static void nothing_is_kept_without_ttl_or_generation(void **state)
{
    struct pil_verdict got;

    (void)state;
    keep(1, verdict(3, 7, 0), 0);
    keep(2, verdict(0, 7, 10), 0);
    assert_false(find(1, 3, 0, &got));
    assert_false(find(2, 0, 0, &got));
}

static void a_fresh_cache_has_nothing(void **state)
{
    struct pil_key zero = {{0}};
    struct pil_verdict got;

    (void)state;
    assert_false(pil_cache_find(&zero, 0, 0, &got));
    assert_false(pil_cache_find(&zero, 1, 0, &got));
}

/* Each thing that is part of the question makes another key. */
static void every_field_is_in_the_key(void **state)
{
    struct pil_digest none = {{0, 0}}, some[4] = {{{1, 0}}, {{0, 1}}};
    struct pil_query base = {.action = PIL_ACTION_ACCEPT, .kind = PIL_KIND_INET, .port = 80}, q;
    struct pil_key keys[40];
    unsigned n = 0;

    (void)state;
    pil_key_make(&keys[n++], &base, 0, none, none);
#define OTHER(change)                                                                              \
    do {                                                                                           \
        q = base;                                                                                  \
        change;                                                                                    \
        pil_key_make(&keys[n++], &q, 0, none, none);                                               \
    } while (0)
    OTHER(q.action = PIL_ACTION_LISTEN);
    OTHER(q.kind = PIL_KIND_UNIX);
    OTHER(q.seen = PIL_FIELD_NAME);
    OTHER(q.seen = PIL_FIELD_ALL);
    OTHER(q.flags = PIL_QUERY_PEER_LATER);
    OTHER(q.port = 81);
    OTHER(q.port = 0x8050);
    for (unsigned i = 0; i < 16; i += 5) {
        OTHER(q.ip.octet[i] = 1);
        OTHER(q.source.octet[i] = 1);
    }
    pil_key_make(&keys[n++], &base, 1, none, none);
    pil_key_make(&keys[n++], &base, 0, some[0], none);
    pil_key_make(&keys[n++], &base, 0, some[1], none);
    pil_key_make(&keys[n++], &base, 0, none, some[0]);
    pil_key_make(&keys[n++], &base, 0, none, some[1]);
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < i; k++)
            assert_memory_not_equal(&keys[i], &keys[k], sizeof(keys[0]));
    for (unsigned i = 0; i < n; i++) {
        struct pil_verdict v = verdict(1, i, 10), got;

        pil_cache_keep(&keys[i], &v, 0);
        assert_true(pil_cache_find(&keys[i], 1, 0, &got));
        assert_int_equal(got.rule, i);
    }
}

/* The texts of a query are in the key by their digests, and in no other way. */
static void the_address_of_a_text_is_not_in_the_key(void **state)
{
    char one[] = "a.example", two[] = "a.example";
    struct pil_query q = {.action = PIL_ACTION_RESOLVE, .kind = PIL_KIND_NAME};
    struct pil_digest d = {{5, 6}}, none = {{0, 0}};
    struct pil_key a, b;

    (void)state;
    q.name = pil_slice_of(one);
    pil_key_make(&a, &q, 0, d, none);
    q.name = pil_slice_of(two);
    pil_key_make(&b, &q, 0, d, none);
    assert_memory_equal(&a, &b, sizeof(a));
}

/* More questions than there is room for: what is found is right, and the newest is there. */
static void a_full_cache_forgets_and_never_mixes(void **state)
{
    unsigned found = 0;

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        struct pil_verdict got;

        keep(i, verdict(1, i, 1000), i);
        assert_true(find(i, 1, i, &got));
        assert_int_equal(got.rule, i);
    }
    for (unsigned i = 0; i < 5000; i++) {
        struct pil_verdict got;

        if (!find(i, 1, 5000, &got))
            continue;
        assert_int_equal(got.rule, i);
        found++;
    }
    assert_in_range(found, 400, 512);
}

/* Entries of an old generation make room before good ones do. */
static void old_generations_make_room_first(void **state)
{
    unsigned found = 0;
    struct pil_verdict got;

    (void)state;
    for (unsigned i = 0; i < 512; i++)
        keep(i, verdict(1, i, 100000), 0); /* longest to live */
    for (unsigned i = 1000; i < 1200; i++)
        keep(i, verdict(2, i, 10), 0);
    for (unsigned i = 1000; i < 1200; i++)
        found += find(i, 2, 0, &got);
    assert_in_range(found, 190, 200); /* but for sets that more than four of them share */
}

struct worker {
    pthread_t thread;
    unsigned id, wrong, found;
};

/* Each key's verdict is made of the key; anything else that comes back is a torn entry. */
static void *hammer(void *arg)
{
    struct worker *w = arg;

    for (unsigned i = 0; i < 40000; i++) {
        unsigned port = (i * 7 + w->id) % 24;
        uint64_t generation = 1 + (i / 5000) % 2;
        uint32_t rule = port | (uint32_t)generation << 16;
        struct pil_verdict got;

        if ((i + w->id) % 3 == 0)
            keep(port, verdict(generation, rule, 1000), i);
        if (!find(port, generation, i, &got))
            continue;
        w->found++;
        w->wrong += got.rule != rule || got.policy != ~rule || got.shadow_rule != rule ||
                    got.shadow_policy != ~rule || got.generation != generation ||
                    got.effect != PIL_ALLOW;
    }
    return NULL;
}

static void eight_threads_never_see_half_a_verdict(void **state)
{
    struct worker w[8];

    (void)state;
    for (unsigned i = 0; i < PIL_NELEM(w); i++) {
        w[i] = (struct worker){.id = i};
        assert_int_equal(pthread_create(&w[i].thread, NULL, hammer, &w[i]), 0);
    }
    for (unsigned i = 0; i < PIL_NELEM(w); i++)
        assert_int_equal(pthread_join(w[i].thread, NULL), 0);
    for (unsigned i = 0; i < PIL_NELEM(w); i++) {
        assert_int_equal(w[i].wrong, 0);
        assert_true(w[i].found > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_field_comes_back, set_up),
        cmocka_unit_test_setup(it_is_good_until_its_ttl_to_the_nanosecond, set_up),
        cmocka_unit_test_setup(it_is_good_for_one_generation, set_up),
        cmocka_unit_test_setup(nothing_is_kept_without_ttl_or_generation, set_up),
        cmocka_unit_test_setup(a_fresh_cache_has_nothing, set_up),
        cmocka_unit_test_setup(every_field_is_in_the_key, set_up),
        cmocka_unit_test_setup(the_address_of_a_text_is_not_in_the_key, set_up),
        cmocka_unit_test_setup(a_full_cache_forgets_and_never_mixes, set_up),
        cmocka_unit_test_setup(old_generations_make_room_first, set_up),
        cmocka_unit_test_setup(eight_threads_never_see_half_a_verdict, set_up),
    };

    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
