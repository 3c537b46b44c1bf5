/*
 * policyd/identity/alarm: it rings once at its time, at once for a time that has passed, and the
 * last order counts. That it rings when the clock is set needs a clock that may be set.
 */
#include "tests/support/support.h"

#include <event2/event.h>
#include <string.h>
#include <time.h>

#include "policyd/identity/alarm.h"

static struct event_base *base;
static struct pil_alarm *bell;
static unsigned rings, clock_sets;

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void on_ring(void *cookie, bool clock_set)
{
    assert_ptr_equal(cookie, &base);
    rings++;
    clock_sets += clock_set;
    event_base_loopbreak(base);
}

static int set_up(void **state)
{
    (void)state;
    rings = clock_sets = 0;
    base = event_base_new();
    assert_err(pil_alarm_open(base, on_ring, &base, &bell), PIL_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pil_alarm_close(bell);
    event_base_free(base);
    return 0;
}

static void it_rings_at_its_time(void **state)
{
    int64_t at = now_ms() + 30;

    (void)state;
    assert_err(pil_alarm_set(bell, at), PIL_OK);
    event_base_dispatch(base);
    assert_int_equal(rings, 1);
    assert_true(clock_sets == 1 || now_ms() >= at);
}

static void what_has_passed_rings_at_once(void **state)
{
    static const int64_t times[] = {0, -5, 1, 1000000000000};

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(times); i++) {
        assert_err(pil_alarm_set(bell, times[i]), PIL_OK);
        event_base_dispatch(base);
        assert_int_equal(rings, i + 1);
    }
}

static void the_last_order_counts(void **state)
{
    (void)state;
    assert_err(pil_alarm_set(bell, now_ms() + 3600000), PIL_OK);
    event_base_loop(base, EVLOOP_NONBLOCK);
    assert_int_equal(rings, clock_sets);
    assert_err(pil_alarm_set(bell, now_ms() + 10), PIL_OK);
    event_base_dispatch(base);
    assert_true(rings >= 1);
}

/* To the time that it is: nobody notices but who asked to be told. */
static void a_clock_that_is_set_rings(void **state)
{
    struct timespec t;

    (void)state;
    assert_err(pil_alarm_set(bell, now_ms() + 3600000), PIL_OK);
    clock_gettime(CLOCK_REALTIME, &t);
    if (!getenv("PILLION_TEST_CLOCK") || clock_settime(CLOCK_REALTIME, &t)) {
        print_message("a clock that is set: SKIP unless PILLION_TEST_CLOCK is set and it may be\n");
        return;
    }
    event_base_dispatch(base);
    assert_int_equal(rings, 1);
    assert_int_equal(clock_sets, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        T(it_rings_at_its_time),
        T(what_has_passed_rings_at_once),
        T(the_last_order_counts),
        T(a_clock_that_is_set_rings),
#undef T
    };

    return cmocka_run_group_tests_name("identity_alarm", tests, NULL, NULL);
}
