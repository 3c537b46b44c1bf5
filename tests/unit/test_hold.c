/* shim/hold: a link has one holder; a dead one's is taken over; a number that is not ours stays. */
#include "tests/support/shimworld.h"

#include <fcntl.h>

#include "shim/hold.h"

#define SECOND UINT64_C(1000000000)

static void a_link_has_one_holder(void **state)
{
    uint64_t now = pil_real_now_ns();
    struct pil_link *link = &pil_process.link[0];

    (void)state;
    assert_true(pil_hold_try(link, now));
    assert_false(pil_hold_try(link, now));
    assert_ptr_equal(pil_hold_any(now), &pil_process.link[1]);
    pil_hold_release(link);
    assert_ptr_equal(pil_hold_any(now), link);
}

static void waiting_for_one_ends_in_time(void **state)
{
    uint64_t now = pil_real_now_ns();

    (void)state;
    for (unsigned i = 0; i < PIL_LINKS; i++)
        assert_non_null(pil_hold_take(now + SECOND));
    assert_null(pil_hold_take(pil_real_now_ns() + SECOND / 100));
    assert_null(pil_hold_take(now)); /* it was over before it began */
    pil_hold_release(&pil_process.link[3]);
    assert_ptr_equal(pil_hold_take(now + 2 * SECOND), &pil_process.link[3]);
    assert_int_equal(pil_process.link[3].end_ns, now + 2 * SECOND);
}

static void a_dead_holders_link_is_taken_over_fresh(void **state)
{
    uint64_t now = pil_real_now_ns();
    struct pil_link *link = &pil_process.link[0];

    (void)state;
    assert_true(pil_hold_try(link, now));
    link->greeted = true;
    assert_false(pil_hold_try(link, now + 4 * SECOND));
    assert_true(pil_hold_try(link, now + 6 * SECOND));
    assert_false(link->greeted);
}

/* Somebody closed it by a raw call, and the number became another file's. */
static void what_is_not_ours_is_not_closed(void **state)
{
    struct pil_link *link = &pil_process.link[0];
    int fd = pil_ownfd_adopt(socket(AF_UNIX, SOCK_SEQPACKET, 0)), file;

    (void)state;
    assert_true(fd >= 0);
    link->cookie = pil_hold_cookie(fd);
    assert_true(link->cookie != 0);
    assert_true(pil_hold_ours(link, fd));
    atomic_store(&link->fd, (uint32_t)fd + 1);
    file = open("/dev/null", O_RDONLY);
    assert_int_equal(dup2(file, fd), fd);
    close(file);
    assert_false(pil_hold_ours(link, fd));
    pil_hold_drop(link);
    assert_false(pil_ownfd_has(fd));
    assert_int_equal(fcntl(fd, F_GETFD), 0);
    assert_int_equal(pil_hold_cookie(fd), 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(a_link_has_one_holder),
        world_test(waiting_for_one_ends_in_time),
        world_test(a_dead_holders_link_is_taken_over_fresh),
        world_test(what_is_not_ours_is_not_closed),
    };

    return cmocka_run_group_tests_name("hold", tests, NULL, NULL);
}
