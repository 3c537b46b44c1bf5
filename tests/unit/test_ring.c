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
    };

    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
