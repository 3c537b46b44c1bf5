/* close, dup and their kin: our descriptors survive all of them and do not exist to the program. */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <unistd.h>

#include "shim/link.h"
#include "shim/shim.h"
#include "tests/support/children.h"
#include "tests/support/shimworld.h"

/* Brings up two links, and gives the number of one that is not the lowest. */
static int own;

static int set_up(void **state)
{
    struct fake_policyd *f = world_begin();

    *state = f;
    assert_err(pil_link_welcome(pil_link_deadline()), PIL_OK);
    atomic_store(&pil_process.link[0].busy, UINT64_C(1) << 62);
    assert_err(pil_link_welcome(pil_link_deadline()), PIL_OK);
    atomic_store(&pil_process.link[0].busy, 0);
    own = (int)atomic_load(&pil_process.link[1].fd) - 1;
    return 0;
}

#define fd_test(name) cmocka_unit_test_setup_teardown(name, set_up, world_tear_down)

static bool is_open(int fd)
{
    return pil_sysops_kernel.fcntl(fd, F_GETFD, 0) >= 0;
}

static int fresh_at(int number)
{
    int fd = open("/dev/null", O_RDONLY);

    assert_int_equal(dup2(fd, number), number);
    close(fd);
    return number;
}

static void assert_link_works(struct fake_policyd *f)
{
    struct pil_query q = {.action = PIL_ACTION_CONNECT, .kind = PIL_KIND_INET, .port = 1};
    struct pil_verdict v;
    unsigned before = fake_seen(f).connections;

    assert_true(is_open(own) && pil_ownfd_has(own));
    assert_err(pil_link_ask(&q, 1, &v, pil_link_deadline()), PIL_OK);
    assert_int_equal(fake_seen(f).connections, before);
}

static void to_the_program_ours_do_not_exist(void **state)
{
    BADF(pil_shim_close(own));
    BADF(pil_shim_dup(own));
    BADF(pil_shim_dup2(own, 700));
    BADF(pil_shim_dup2(own, own));
    BADF(pil_shim_dup3(own, 700, O_CLOEXEC));
    BADF(pil_shim_fcntl(own, F_GETFD, 0));
    BADF(pil_shim_fcntl(own, F_SETFD, 0));
    BADF(pil_shim_fcntl(own, F_DUPFD, 0));
    assert_false(is_open(700));
    assert_link_works(*state);
}

static void the_programs_own_are_as_ever(void **state)
{
    int fd = fresh_at(700), other;

    (void)state;
    errno = 4711;
    other = pil_shim_dup(fd);
    assert_true(other >= 0);
    assert_int_equal(pil_shim_fcntl(other, F_GETFD, 0), 0);
    assert_int_equal(pil_shim_fcntl(other, F_SETFD, FD_CLOEXEC), 0);
    assert_int_equal(fcntl(other, F_GETFD), FD_CLOEXEC);
    assert_int_equal(pil_shim_dup2(fd, 701), 701);
    assert_int_equal(pil_shim_dup2(fd, fd), fd);
    assert_int_equal(pil_shim_dup3(fd, 702, O_CLOEXEC), 702);
    assert_int_equal(fcntl(702, F_GETFD), FD_CLOEXEC);
    assert_int_equal(pil_shim_close(fd), 0);
    assert_int_equal(pil_shim_close(701), 0);
    assert_int_equal(pil_shim_close(702), 0);
    assert_int_equal(pil_shim_close(other), 0);
    assert_int_equal(errno, 4711);
    BADF(pil_shim_close(fd));
    BADF(pil_shim_dup(fd));
    BADF(pil_shim_dup2(fd, fd));
    BADF(pil_shim_dup2(fd, 701));
    BADF(pil_shim_dup2(2, -1));
    BADF(pil_shim_fcntl(fd, F_GETFD, 0));
    assert_int_equal(pil_shim_dup3(2, 2, 0), -1);
    assert_int_equal(errno, EINVAL);
}

/* Somebody closed ours by a raw system call, and the program's next file got the number. */
static void a_number_that_was_taken_from_us_is_the_programs(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_query q = {.action = PIL_ACTION_CONNECT, .kind = PIL_KIND_INET, .port = 1};
    int first = (int)atomic_load(&pil_process.link[0].fd) - 1;
    struct pil_verdict v;

    assert_int_equal(pil_sysops_kernel.close(first), 0);
    assert_int_equal(pil_sysops_kernel.dup3(2, first, 0), first);
    assert_int_equal(pil_shim_fcntl(first, F_GETFD, 0), 0);
    assert_false(pil_ownfd_has(first));
    assert_int_equal(pil_shim_close(first), 0);
    assert_false(is_open(first));
    assert_true(pil_ownfd_has(own));
    BADF(pil_shim_close(own));
    assert_err(pil_link_ask(&q, 1, &v, pil_link_deadline()), PIL_OK);
    assert_int_equal(fake_seen(f).hellos, 3); /* by a new link in place of the lost one */
}

static void close_works_before_anything_is_bound(void **state)
{
    int fd = fresh_at(700);

    (void)state;
    pil_real_libc.close = NULL;
    pil_real_libc.fcntl = NULL;
    assert_int_equal(pil_shim_fcntl(fd, F_GETFD, 0), 0);
    assert_int_equal(pil_shim_close(fd), 0);
    assert_false(is_open(fd));
    BADF(pil_shim_close(fd));
}

/* A child with two links of its own, and files around and between them: a child, because the
 * test's own descriptors are closed as well. */
static int low, high;

static void child_world(void)
{
    pil_state_ready();
    CHILD_CHECK(pil_link_welcome(pil_link_deadline()) == PIL_OK);
    low = (int)atomic_load(&pil_process.link[0].fd) - 1;
    fresh_at(low + 1);
    atomic_store(&pil_process.link[0].busy, UINT64_C(1) << 62);
    CHILD_CHECK(pil_link_welcome(pil_link_deadline()) == PIL_OK);
    atomic_store(&pil_process.link[0].busy, 0);
    high = (int)atomic_load(&pil_process.link[1].fd) - 1;
    fresh_at(low - 1);
    fresh_at(high + 1);
    CHILD_CHECK(low > 900 && high == low + 2);
}

static void a_range_leaves_ours_out(void **state)
{
    (void)state;
    IN_CHILD(child_world(); CHILD_CHECK(pil_shim_close_range(3, ~0u, 0) == 0);
             CHILD_CHECK(is_open(0) && is_open(low) && is_open(high));
             CHILD_CHECK(!is_open(low - 1) && !is_open(low + 1) && !is_open(high + 1)););
    IN_CHILD(child_world(); CHILD_CHECK(pil_shim_close_range(low, high, 0) == 0);
             CHILD_CHECK(is_open(low) && is_open(high) && !is_open(low + 1));
             CHILD_CHECK(is_open(low - 1) && is_open(high + 1)););
    IN_CHILD(child_world(); CHILD_CHECK(pil_shim_close_range(low + 1, low + 1, 0) == 0);
             CHILD_CHECK(!is_open(low + 1) && is_open(low) && is_open(high)););
    IN_CHILD(child_world(); CHILD_CHECK(pil_shim_close_range(low, low, 0) == 0);
             CHILD_CHECK(is_open(low)););
    IN_CHILD(child_world(); CHILD_CHECK(pil_shim_close_range(low - 1, low, 0) == 0);
             CHILD_CHECK(!is_open(low - 1) && is_open(low) && is_open(low + 1)););
    IN_CHILD(child_world(); CHILD_CHECK(pil_shim_close_range(high, high + 1, 0) == 0);
             CHILD_CHECK(is_open(high) && !is_open(high + 1) && is_open(low + 1)););
}

static void closefrom_leaves_ours_out(void **state)
{
    (void)state;
    IN_CHILD(child_world(); errno = 4711; pil_shim_closefrom(3); CHILD_CHECK(errno == 4711);
             CHILD_CHECK(is_open(2) && is_open(low) && is_open(high));
             CHILD_CHECK(!is_open(low - 1) && !is_open(low + 1) && !is_open(high + 1)););
    IN_CHILD(child_world(); pil_shim_closefrom(low + 1);
             CHILD_CHECK(is_open(low - 1) && !is_open(low + 1) && !is_open(high + 1)););
    IN_CHILD(child_world(); pil_shim_closefrom(-5);
             CHILD_CHECK(!is_open(0) && !is_open(2) && is_open(low) && is_open(high)););
}

/* Afterwards the shim still has its links, and asks over them. */
static void the_links_work_after_everything_was_closed(void **state)
{
    struct fake_policyd *f = *state;
    unsigned before = fake_seen(f).connections;

    IN_CHILD(child_world(); pil_shim_closefrom(0);
             struct pil_query q = {.action = PIL_ACTION_CONNECT, .kind = PIL_KIND_INET};
             struct pil_verdict v; CHILD_CHECK(
                 pil_link_ask(&q, 1, &v, pil_link_deadline()) == PIL_OK && v.effect == PIL_ALLOW););
    assert_int_equal(fake_seen(f).connections, before + 2); /* the two of child_world */
}

static void illegal_ranges_are_the_kernels_to_refuse(void **state)
{
    (void)state;
    assert_int_equal(pil_shim_close_range(5, 4, 0), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(pil_shim_close_range(900, ~0u, 64), -1);
    assert_int_equal(errno, EINVAL);
    assert_link_works(*state);
}

static void a_range_may_be_marked_close_on_exec(void **state)
{
    fresh_at(700);
    assert_int_equal(pil_shim_close_range(700, ~0u, CLOSE_RANGE_CLOEXEC), 0);
    assert_int_equal(fcntl(700, F_GETFD), FD_CLOEXEC);
    close(700);
    assert_link_works(*state);
}

static void dup_onto_ours_moves_us_away(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_query q = {.action = PIL_ACTION_CONNECT, .kind = PIL_KIND_INET, .port = 1};
    struct pil_verdict v;
    int fd = fresh_at(700), first = (int)atomic_load(&pil_process.link[0].fd) - 1;

    assert_int_equal(pil_shim_dup2(fd, own), own);
    assert_int_equal(pil_shim_dup3(fd, first, O_CLOEXEC), first);
    assert_false(pil_ownfd_has(own) || pil_ownfd_has(first));
    fake_wait_ended(f, 2);
    assert_int_equal(pil_shim_fcntl(own, F_GETFD, 0), 0);
    assert_err(pil_link_ask(&q, 1, &v, pil_link_deadline()),
               PIL_OK); /* over a new link, at another number */
    assert_int_equal(fake_seen(f).connections, 3);
    assert_int_equal(pil_shim_close(own), 0); /* the program's now */
    assert_int_equal(pil_shim_close(first), 0);
    close(fd);
}

static void dup_onto_a_link_in_use_is_busy(void **state)
{
    struct timespec now;
    int fd = fresh_at(700);

    (void)state;
    world_deadline(WORLD_SHORT_MS);
    world_clock(CLOCK_MONOTONIC, &now);
    atomic_store(&pil_process.link[1].busy, (uint64_t)now.tv_sec * 1000000000u);
    assert_int_equal(pil_shim_dup2(fd, own), -1);
    assert_int_equal(errno, EBUSY);
    atomic_store(&pil_process.link[1].busy, 0);
    assert_true(is_open(own) && pil_ownfd_has(own));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fd_test(to_the_program_ours_do_not_exist),
        fd_test(the_programs_own_are_as_ever),
        fd_test(a_number_that_was_taken_from_us_is_the_programs),
        fd_test(close_works_before_anything_is_bound),
        fd_test(a_range_leaves_ours_out),
        fd_test(closefrom_leaves_ours_out),
        fd_test(the_links_work_after_everything_was_closed),
        fd_test(illegal_ranges_are_the_kernels_to_refuse),
        fd_test(a_range_may_be_marked_close_on_exec),
        fd_test(dup_onto_ours_moves_us_away),
        fd_test(dup_onto_a_link_in_use_is_busy),
    };

    return cmocka_run_group_tests_name("fd", tests, NULL, NULL);
}
