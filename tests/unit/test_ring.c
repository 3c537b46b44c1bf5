/* core/ring: order, bounds, many writers, and writers that die or lie. */
#include "tests/support/support.h"

#include <pthread.h>
#include <sys/mman.h>

#include "core/ring.h"

static struct pil_ring *fresh(void)
{
    struct pil_ring *ring =
        mmap(NULL, PIL_RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(ring, MAP_FAILED);
    pil_ring_init(ring);
    return ring;
}

static void done(struct pil_ring *ring)
{
    munmap(ring, PIL_RING_SIZE);
}

static struct pil_event numbered(uint64_t number)
{
    return (struct pil_event){.realtime_ns = number,
                              .generation = ~number,
                              .type = PIL_EVENT_DECISION,
                              .text = "x",
                              .text_len = 1};
}

static uint64_t dropped(const struct pil_ring *ring)
{
    return atomic_load(&((struct pil_ring *)ring)->counters.dropped);
}

static void only_rings_are_rings(void **state)
{
    struct pil_ring *ring = fresh();

    (void)state;
    assert_err(pil_ring_check(ring), PIL_OK);
    ring->slots = PIL_RING_SLOTS * 2;
    assert_err(pil_ring_check(ring), PIL_E_VERSION);
    ring->slots = PIL_RING_SLOTS;
    ring->version++;
    assert_err(pil_ring_check(ring), PIL_E_VERSION);
    ring->magic = 0;
    assert_err(pil_ring_check(ring), PIL_E_MALFORMED);
    done(ring);
}

static void events_come_out_whole_and_in_order(void **state)
{
    struct pil_ring *ring = fresh();
    uint32_t tail = 0;
    struct pil_event out;

    (void)state;
    assert_false(pil_ring_get(ring, &tail, &out));
    /* Several times round, with every fill level. */
    for (uint64_t n = 0; n < 5 * PIL_RING_SLOTS; n += 1 + n % PIL_RING_SLOTS) {
        uint64_t burst = 1 + n % PIL_RING_SLOTS;

        for (uint64_t i = 0; i < burst; i++) {
            struct pil_event in = numbered(n + i);

            assert_true(pil_ring_put(ring, &in));
        }
        for (uint64_t i = 0; i < burst; i++) {
            struct pil_event want = numbered(n + i);

            assert_true(pil_ring_get(ring, &tail, &out));
            assert_memory_equal(&out, &want, sizeof(out));
        }
        assert_false(pil_ring_get(ring, &tail, &out));
    }
    assert_true(dropped(ring) == 0);
    done(ring);
}

static void a_full_ring_drops_and_counts(void **state)
{
    struct pil_ring *ring = fresh();
    uint32_t tail = 0;
    struct pil_event event = numbered(1), out;

    (void)state;
    for (unsigned i = 0; i < PIL_RING_SLOTS; i++)
        assert_true(pil_ring_put(ring, &event));
    assert_false(pil_ring_put(ring, &event));
    assert_false(pil_ring_put(ring, &event));
    assert_true(dropped(ring) == 2);
    assert_true(pil_ring_get(ring, &tail, &out));
    assert_true(pil_ring_put(ring, &event));
    assert_false(pil_ring_put(ring, &event));
    assert_true(dropped(ring) == 3);
    done(ring);
}

static void positions_wrap_at_32_bits(void **state)
{
    struct pil_ring *ring = fresh();
    uint32_t tail = UINT32_MAX - 2 * PIL_RING_SLOTS + 1;
    struct pil_event out;

    (void)state;
    atomic_store(&ring->head, tail);
    for (unsigned i = 0; i < PIL_RING_SLOTS; i++)
        atomic_store(&ring->slot[i].turn, tail);
    for (uint64_t n = 0; n < 4 * PIL_RING_SLOTS; n++) {
        struct pil_event in = numbered(n);

        assert_true(pil_ring_put(ring, &in));
        assert_true(pil_ring_get(ring, &tail, &out));
        assert_true(out.realtime_ns == n);
        assert_false(pil_ring_get(ring, &tail, &out));
    }
    assert_int_equal(tail, 2 * PIL_RING_SLOTS);
    done(ring);
}

static void a_text_length_is_never_believed(void **state)
{
    struct pil_ring *ring = fresh();
    uint32_t tail = 0;
    struct pil_event event = numbered(1), out;

    (void)state;
    event.text_len = UINT16_MAX;
    assert_true(pil_ring_put(ring, &event));
    assert_true(pil_ring_get(ring, &tail, &out));
    assert_int_equal(out.text_len, PIL_EVENT_TEXT);
    done(ring);
}

/* What a writer leaves that is killed between claiming a slot and filling it. */
static void claim(struct pil_ring *ring)
{
    atomic_fetch_add(&ring->head, 1);
}

static void a_dead_writer_stops_the_queue_until_it_is_skipped(void **state)
{
    struct pil_ring *ring = fresh();
    uint32_t tail = 0;
    struct pil_event before = numbered(1), behind = numbered(2), out;

    (void)state;
    assert_true(pil_ring_put(ring, &before));
    claim(ring);
    assert_true(pil_ring_put(ring, &behind));
    assert_true(pil_ring_get(ring, &tail, &out));
    assert_true(out.realtime_ns == 1);
    assert_false(pil_ring_get(ring, &tail, &out));
    assert_true(pil_ring_skip(ring, &tail));
    assert_true(pil_ring_get(ring, &tail, &out));
    assert_true(out.realtime_ns == 2);
    assert_false(pil_ring_get(ring, &tail, &out));
    assert_false(pil_ring_skip(ring, &tail));
    /* The slot that was stepped over serves again in the next round. */
    for (unsigned i = 0; i < PIL_RING_SLOTS; i++)
        assert_true(pil_ring_put(ring, &before));
    for (unsigned i = 0; i < PIL_RING_SLOTS; i++)
        assert_true(pil_ring_get(ring, &tail, &out));
    done(ring);
}

static void a_ring_full_of_dead_claims_is_drained(void **state)
{
    struct pil_ring *ring = fresh();
    struct pil_event event = numbered(1), out;
    uint32_t tail = 0;
    unsigned skipped = 0;

    (void)state;
    for (unsigned i = 0; i < PIL_RING_SLOTS; i++)
        claim(ring);
    assert_false(pil_ring_put(ring, &event));
    while (pil_ring_skip(ring, &tail))
        skipped++;
    assert_int_equal(skipped, PIL_RING_SLOTS);
    assert_true(pil_ring_put(ring, &event));
    assert_true(pil_ring_get(ring, &tail, &out));
    done(ring);
}

/* The process owns the memory and may write anything: the reader neither runs away nor crashes. */
static void a_lying_ring_ends(void **state)
{
    struct pil_ring *ring = fresh();
    struct pil_event out;

    (void)state;
    srandom(3);
    for (int round = 0; round < 20000; round++) {
        uint32_t tail = (uint32_t)random();

        atomic_store(&ring->head, round % 3 ? (uint32_t)random() * 3 : tail + random() % 70);
        for (unsigned i = 0; i < PIL_RING_SLOTS; i++)
            atomic_store(&ring->slot[i].turn,
                         round % 2 ? (uint32_t)random() : tail - (tail & 63) + random() % 3);
        for (unsigned i = 0; i < 2 * PIL_RING_SLOTS + 2; i++)
            if (!pil_ring_get(ring, &tail, &out) && !pil_ring_skip(ring, &tail))
                break;
        /* After one whole round no slot has the turn it would need to be read once more. */
        assert_false(pil_ring_get(ring, &tail, &out) && pil_ring_get(ring, &tail, &out));
    }
    done(ring);
}

#define WRITERS 4u
#define EACH    20000u

struct writer {
    struct pil_ring *ring;
    uint64_t base;
    uint64_t kept;
};

static void *write_all(void *arg)
{
    struct writer *w = arg;

    for (uint64_t i = 0; i < EACH; i++) {
        struct pil_event event = numbered(w->base + i);

        w->kept += pil_ring_put(w->ring, &event);
    }
    return NULL;
}

/* Each writer's events arrive in its order, whole, and together with the drops none is lost. */
static void many_writers_lose_nothing_uncounted(void **state)
{
    struct pil_ring *ring = fresh();
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    uint64_t next[WRITERS] = {0}, seen = 0, kept = 0;
    uint32_t tail = 0;
    struct pil_event out;
    bool over = false;

    (void)state;
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.ring = ring, .base = (uint64_t)i << 32};
        assert_int_equal(pthread_create(&threads[i], NULL, write_all, &writers[i]), 0);
    }
    for (;;) {
        while (pil_ring_get(ring, &tail, &out)) {
            uint64_t who = out.realtime_ns >> 32, number = out.realtime_ns & UINT32_MAX;

            assert_true(who < WRITERS && number >= next[who] && number < EACH);
            assert_true(out.generation == ~out.realtime_ns);
            next[who] = number + 1;
            seen++;
        }
        if (over)
            break;
        over = seen + dropped(ring) >= (uint64_t)WRITERS * EACH;
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        kept += writers[i].kept;
    }
    assert_true(seen == kept);
    assert_true(seen + dropped(ring) == (uint64_t)WRITERS * EACH);
    done(ring);
}

/* ---- tallies ------------------------------------------------------------------------------ */

static struct pil_tally_body named(const char *name)
{
    struct pil_tally_body body = {.generation = 3, .text_len = (uint16_t)strlen(name)};

    memcpy(body.text, name, body.text_len);
    return body;
}

/* Takes all slots; what each of the names a, b, ... has counted is added up. */
static void take_all(struct pil_ring *ring, uint64_t sum[26])
{
    struct pil_tally_body out;

    for (unsigned i = 0; i < PIL_RING_TALLIES; i++) {
        uint32_t calls = pil_ring_tally_take(ring, i, &out);

        if (calls > 0)
            sum[out.text[0] - 'a'] += calls;
    }
}

static void each_call_is_taken_once(void **state)
{
    struct pil_ring *ring = fresh();
    struct pil_tally_body a = named("a"), b = named("b"), out;
    uint64_t sum[26] = {0};

    (void)state;
    assert_false(pil_ring_tally_count(ring, 5));
    pil_ring_tally_open(ring, 5, &a);
    pil_ring_tally_open(ring, 6, &b);
    for (unsigned i = 0; i < 9; i++)
        assert_true(pil_ring_tally_count(ring, 5));
    take_all(ring, sum);
    assert_int_equal(sum[0], 10);
    assert_int_equal(sum[1], 1);
    assert_true(pil_ring_tally_count(ring, 6)); /* the slot is still its own */
    assert_int_equal(pil_ring_tally_take(ring, 0, &out), 0);
    assert_int_equal(pil_ring_tally_take(ring, 1, &out), 1);
    assert_memory_equal(&out, &b, sizeof(b));
    assert_false(pil_ring_tally_count(ring, 5)); /* idle for a round: free again */
    assert_int_equal(atomic_load(&ring->untold), 0);
    done(ring);
}

static void a_full_table_counts_what_it_cannot_tell(void **state)
{
    struct pil_ring *ring = fresh();
    struct pil_tally_body body = named("a");
    uint64_t sum[26] = {0};

    (void)state;
    for (uint32_t tag = 100; tag < 100 + PIL_RING_TALLIES + 3; tag++)
        pil_ring_tally_open(ring, tag, &body);
    assert_int_equal(atomic_load(&ring->untold), 3);
    take_all(ring, sum);
    assert_int_equal(sum[0], PIL_RING_TALLIES);
    done(ring);
}

static void odd_tags_and_a_scribbled_table_are_harmless(void **state)
{
    struct pil_ring *ring = fresh();
    struct pil_tally_body body = named("a"), out;

    (void)state;
    pil_ring_tally_open(ring, 0, &body); /* 0 is free, and the highest is being filled */
    assert_true(pil_ring_tally_count(ring, 0));
    pil_ring_tally_open(ring, UINT32_MAX, &body);
    assert_true(pil_ring_tally_count(ring, UINT32_MAX));
    assert_int_equal(pil_ring_tally_take(ring, 0, &out), 2);
    assert_int_equal(pil_ring_tally_take(ring, 1, &out), 2);
    memset(ring->tally, 0xff, sizeof(ring->tally));
    for (unsigned i = 0; i < PIL_RING_TALLIES; i++)
        assert_int_equal(pil_ring_tally_take(ring, i, &out), 0); /* all are being filled */
    memset(ring->tally, 0x7f, sizeof(ring->tally));
    for (unsigned i = 0; i < PIL_RING_TALLIES; i++) {
        assert_true(pil_ring_tally_take(ring, i, &out) == 0x7f7f7f7f);
        assert_true(out.text_len + out.caller_len <= PIL_TALLY_TEXT);
    }
    done(ring);
}

struct teller {
    struct pil_ring *ring;
    unsigned number;
};

static void *tell_all(void *cookie)
{
    struct teller *t = cookie;
    struct pil_tally_body body = named("a");

    body.text[0] = (char)('a' + t->number);
    for (unsigned i = 0; i < EACH; i++)
        if (!pil_ring_tally_count(t->ring, 1000 + t->number))
            pil_ring_tally_open(t->ring, 1000 + t->number, &body);
    return NULL;
}

/* Slots come and go under the writers' hands; still each call is told or counted as untold. */
static void many_tellers_lose_nothing(void **state)
{
    struct pil_ring *ring = fresh();
    struct teller tellers[WRITERS];
    pthread_t threads[WRITERS];
    uint64_t sum[26] = {0}, total = 0;

    (void)state;
    for (unsigned i = 0; i < WRITERS; i++) {
        tellers[i] = (struct teller){ring, i};
        assert_int_equal(pthread_create(&threads[i], NULL, tell_all, &tellers[i]), 0);
    }
    for (unsigned round = 0; round < 2000; round++)
        take_all(ring, sum);
    for (unsigned i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    take_all(ring, sum);
    for (unsigned i = 0; i < WRITERS; i++) {
        assert_true(sum[i] <= EACH);
        total += sum[i];
    }
    assert_true(total + atomic_load(&ring->untold) == (uint64_t)WRITERS * EACH);
    done(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_rings_are_rings),
        cmocka_unit_test(events_come_out_whole_and_in_order),
        cmocka_unit_test(a_full_ring_drops_and_counts),
        cmocka_unit_test(positions_wrap_at_32_bits),
        cmocka_unit_test(a_text_length_is_never_believed),
        cmocka_unit_test(a_dead_writer_stops_the_queue_until_it_is_skipped),
        cmocka_unit_test(a_ring_full_of_dead_claims_is_drained),
        cmocka_unit_test(a_lying_ring_ends),
        cmocka_unit_test(many_writers_lose_nothing_uncounted),
        cmocka_unit_test(each_call_is_taken_once),
        cmocka_unit_test(a_full_table_counts_what_it_cannot_tell),
        cmocka_unit_test(odd_tags_and_a_scribbled_table_are_harmless),
        cmocka_unit_test(many_tellers_lose_nothing),
    };

    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
