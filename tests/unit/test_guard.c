/* shim/guard: a depth for each thread, and a mark that tells threads apart. */
#include "tests/support/support.h"

#include <pthread.h>

#include "shim/guard.h"

struct other {
    bool inside;
    uint64_t mark;
};

static void *look(void *arg)
{
    struct other *other = arg;

    other->inside = pil_guard_inside();
    other->mark = pil_guard_thread();
    return NULL;
}

static struct other look_from_a_thread(void)
{
    struct other other;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, look, &other), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return other;
}

static void it_nests(void **state)
{
    (void)state;
    assert_false(pil_guard_inside());
    pil_guard_enter();
    pil_guard_enter();
    assert_true(pil_guard_inside());
    pil_guard_leave();
    assert_true(pil_guard_inside());
    pil_guard_leave();
    assert_false(pil_guard_inside());
}

static void it_is_the_threads_own(void **state)
{
    struct other other;

    (void)state;
    pil_guard_enter();
    other = look_from_a_thread();
    assert_true(pil_guard_inside());
    pil_guard_leave();
    assert_false(other.inside);
    assert_true(other.mark != pil_guard_thread());
    assert_true(pil_guard_thread() == pil_guard_thread());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_nests),
        cmocka_unit_test(it_is_the_threads_own),
    };

    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
