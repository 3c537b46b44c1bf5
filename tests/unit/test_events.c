/* policyd/events: rounds over the rings while there are processes, and none without. */
#include "tests/support/support.h"

#include <event2/event.h>
#include <sys/mman.h>
#include <unistd.h>

#include "policyd/daemon.h"
#include "policyd/events.h"
#include "policyd/store.h"

#define HANGS 20 /* seconds after which a loop that should have ended is ended */

static void open_daemon(struct pil_daemon *d)
{
    *d = (struct pil_daemon){.base = event_base_new()};
    assert_non_null(d->base);
    assert_err(pil_settings_init(&d->settings), PIL_OK);
    assert_err(pil_store_open(d->base, &d->settings.policy, 0, NULL, &d->store), PIL_OK);
    assert_err(pil_events_start(d, &d->events), PIL_OK);
}

static void close_daemon(struct pil_daemon *d)
{
    pil_events_stop(d->events);
    pil_store_close(d->store);
    pil_settings_free(&d->settings);
    event_base_free(d->base);
}

static struct pil_process *attach(struct pil_daemon *d, pid_t pid)
{
    static struct pil_attested facts = {.exe = "/usr/bin/true", .user = "root"};
    struct pil_peer peer = {.pid = pid, .pidfd = -1, .start = 1};
    struct pil_process *p = NULL;

    assert_err(pil_process_attach(d, &peer, &facts, &p), PIL_OK);
    return p;
}

/* Comes back when nothing is left to wait for; a timer that still ticks would never let it. */
static void loop_to_the_end(struct pil_daemon *d)
{
    alarm(HANGS);
    assert_int_equal(event_base_dispatch(d->base), 1);
    alarm(0);
}

static void nothing_ticks_without_a_process(void **state)
{
    struct pil_daemon d;
    struct pil_process *one, *two;

    (void)state;
    open_daemon(&d);
    loop_to_the_end(&d);
    for (unsigned again = 0; again < 2; again++) {
        one = attach(&d, 1000);
        two = attach(&d, 1001);
        assert_int_equal(event_base_get_num_events(d.base, EVENT_BASE_COUNT_ADDED), 1);
        pil_process_detach(&d, one);
        assert_int_equal(event_base_loop(d.base, EVLOOP_ONCE), 0);
        assert_int_equal(event_base_get_num_events(d.base, EVENT_BASE_COUNT_ADDED), 1);
        pil_process_detach(&d, two);
        loop_to_the_end(&d);
    }
    close_daemon(&d);
}

static void rounds_take_what_is_in_the_rings(void **state)
{
    struct pil_event lost = {.type = PIL_EVENT_COVERAGE_LOST, .text = "/bin/x", .text_len = 6};
    struct pil_process *p;
    struct pil_daemon d;
    struct pil_ring *ring;

    (void)state;
    open_daemon(&d);
    p = attach(&d, 1000);
    ring = mmap(NULL, PIL_RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, p->ring_fd, 0);
    assert_true(ring != MAP_FAILED);
    assert_true(pil_ring_put(ring, &lost));
    alarm(HANGS);
    while (d.stats.coverage_lost == 0)
        assert_int_equal(event_base_loop(d.base, EVLOOP_ONCE), 0);
    alarm(0);
    assert_true(pil_ring_put(ring, &lost));
    pil_process_detach(&d, p); /* the last round is the end's own */
    assert_int_equal(d.stats.coverage_lost, 2);
    loop_to_the_end(&d);
    munmap(ring, PIL_RING_SIZE);
    close_daemon(&d);
}

static void no_events_at_all_is_legal(void **state)
{
    (void)state;
    assert_err(pil_events_wake(NULL), PIL_OK);
    pil_events_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_ticks_without_a_process),
        cmocka_unit_test(rounds_take_what_is_in_the_rings),
        cmocka_unit_test(no_events_at_all_is_legal),
    };

    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
