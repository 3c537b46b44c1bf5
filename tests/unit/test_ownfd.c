/* shim/ownfd: a listed number is always open and always ours; nothing leaks when there is no room.
 */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shim/ownfd.h"
#include "shim/real.h"

#define MANY    100u
#define THREADS 8u

static int set_up(void **state)
{
    (void)state;
    pil_real_bind();
    pil_ownfd_forget();
    return 0;
}

static int fresh(void)
{
    int fd = open("/dev/null", O_RDONLY);

    assert_true(fd >= 0);
    return fd;
}

static unsigned open_fds(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < 1100; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void adopted_is_high_listed_and_close_on_exec(void **state)
{
    int low = fresh(), fd = pil_ownfd_adopt(low);

    (void)state;
    assert_true(fd >= 960);
    assert_int_equal(fcntl(low, F_GETFD), -1);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_true(pil_ownfd_has(fd));
    pil_ownfd_close(fd);
    assert_false(pil_ownfd_has(fd));
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void nothing_else_is_ours(void **state)
{
    (void)state;
    for (int fd = -3; fd < 1100; fd++)
        assert_false(pil_ownfd_has(fd));
    assert_int_equal(pil_ownfd_from(0), -1);
    assert_int_equal(pil_ownfd_from(-1), -1);
}

static void from_steps_in_order(void **state)
{
    int a = pil_ownfd_adopt(fresh()), b = pil_ownfd_adopt(fresh()), c = pil_ownfd_adopt(fresh());

    (void)state;
    assert_true(a < b && b < c);
    assert_int_equal(pil_ownfd_from(-1), a);
    assert_int_equal(pil_ownfd_from(0), a);
    assert_int_equal(pil_ownfd_from(a), a);
    assert_int_equal(pil_ownfd_from(a + 1), b);
    assert_int_equal(pil_ownfd_from(c), c);
    assert_int_equal(pil_ownfd_from(c + 1), -1);
    pil_ownfd_close(b); /* a gap in the list changes nothing */
    assert_int_equal(pil_ownfd_from(a + 1), c);
}

/* More than all links and many gates together. */
static void many_are_listed_and_forgotten(void **state)
{
    unsigned before = open_fds();

    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        assert_true(pil_ownfd_adopt(fresh()) >= 0);
    assert_int_equal(open_fds(), before + MANY);
    pil_ownfd_forget();
    assert_int_equal(open_fds(), before);
    assert_int_equal(pil_ownfd_from(0), -1);
}

static int beyond_the_table(int fd, int command, long argument)
{
    return pil_sysops_kernel.fcntl(fd, command, command == F_DUPFD_CLOEXEC ? 65536 : argument);
}

static void ninth_beyond_the_table_is_closed(void **state)
{
    struct rlimit limit;
    int last = -1;

    (void)state;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 65600;
    if (setrlimit(RLIMIT_NOFILE, &limit))
        skip();
    pil_real_sys.fcntl = beyond_the_table;
    for (unsigned i = 0; i < 8; i++) {
        last = pil_ownfd_adopt(fresh());
        assert_int_equal(last, 65536 + (int)i);
        assert_true(pil_ownfd_has(last));
    }
    assert_int_equal(pil_ownfd_adopt(fresh()), -1);
    assert_int_equal(fcntl(last + 1, F_GETFD), -1);
    assert_int_equal(pil_ownfd_from(65537), 65537);
    pil_ownfd_forget();
    assert_int_equal(fcntl(last, F_GETFD), -1);
}

static int lowest_only(int fd, int command, long argument)
{
    return command == F_DUPFD_CLOEXEC && argument > 3
               ? -EINVAL
               : pil_sysops_kernel.fcntl(fd, command, argument);
}

static void a_small_table_still_gives_one_that_is_not_standard(void **state)
{
    int fd;

    (void)state;
    pil_real_sys.fcntl = lowest_only;
    fd = pil_ownfd_adopt(fresh());
    assert_in_range(fd, 3, 200);
    assert_true(pil_ownfd_has(fd));
    pil_ownfd_close(fd);
}

static int no_dup(int fd, int command, long argument)
{
    return command == F_DUPFD_CLOEXEC ? -EMFILE : pil_sysops_kernel.fcntl(fd, command, argument);
}

static void a_full_table_is_a_failure_and_no_leak(void **state)
{
    unsigned before = open_fds();

    (void)state;
    pil_real_sys.fcntl = no_dup;
    assert_int_equal(pil_ownfd_adopt(fresh()), -1);
    assert_int_equal(open_fds(), before);
    assert_int_equal(pil_ownfd_from(0), -1);
}

static void a_lost_number_is_not_closed(void **state)
{
    int fd = pil_ownfd_adopt(fresh());

    (void)state;
    pil_ownfd_lose(fd);
    assert_false(pil_ownfd_has(fd));
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    pil_ownfd_close(fd); /* not listed any more: not ours to close */
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
}

static void a_low_limit_lowers_the_place(void **state)
{
    struct rlimit old, low;
    int fd;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = 256;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    pil_ownfd_init();
    fd = pil_ownfd_adopt(fresh());
    assert_in_range(fd, 240, 255);
    pil_ownfd_close(fd);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static void *come_and_go(void *arg)
{
    unsigned *wrong = arg;

    for (int i = 0; i < 2000; i++) {
        int fd = pil_ownfd_adopt(open("/dev/null", O_RDONLY | O_CLOEXEC));

        *wrong += fd < 0 || !pil_ownfd_has(fd) || fcntl(fd, F_GETFD) != FD_CLOEXEC;
        pil_ownfd_close(fd);
    }
    return NULL;
}

static void eight_threads_keep_the_list_true(void **state)
{
    unsigned wrong[THREADS] = {0}, before = open_fds();
    pthread_t thread[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, come_and_go, &wrong[i]), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(wrong[i], 0);
    assert_int_equal(pil_ownfd_from(0), -1);
    assert_int_equal(open_fds(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(adopted_is_high_listed_and_close_on_exec, set_up),
        cmocka_unit_test_setup(nothing_else_is_ours, set_up),
        cmocka_unit_test_setup(from_steps_in_order, set_up),
        cmocka_unit_test_setup(many_are_listed_and_forgotten, set_up),
        cmocka_unit_test_setup(ninth_beyond_the_table_is_closed, set_up),
        cmocka_unit_test_setup(a_small_table_still_gives_one_that_is_not_standard, set_up),
        cmocka_unit_test_setup(a_full_table_is_a_failure_and_no_leak, set_up),
        cmocka_unit_test_setup(a_lost_number_is_not_closed, set_up),
        cmocka_unit_test_setup(eight_threads_keep_the_list_true, set_up),
        cmocka_unit_test_setup(a_low_limit_lowers_the_place, set_up), /* it moves the place */
    };

    return cmocka_run_group_tests_name("ownfd", tests, NULL, NULL);
}
