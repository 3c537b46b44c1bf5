/* shim/lock: one at a time, with signals blocked, and the mask is given back. */
#include "tests/support/support.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "shim/lock.h"
#include "shim/real.h"

#define THREADS 8
#define ROUNDS  20000

static struct pil_lock lock;
static unsigned counter; /* under the lock */

static int set_up(void **state)
{
    (void)state;
    pil_real_bind();
    return 0;
}

static void *count(void *nothing)
{
    (void)nothing;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t mask;

        pil_lock_take(&lock, &mask);
        counter++;
        pil_lock_release(&lock, &mask);
    }
    return NULL;
}

static void no_count_is_lost(void **state)
{
    pthread_t thread[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, count, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(counter, THREADS * ROUNDS);
    assert_int_equal(atomic_load(&lock.word), 0);
}

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
    (void)number;
    signalled++;
}

static void signals_wait(void **state)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t before = {0}, after = {0};
    uint64_t mask;

    (void)state;
    sigaction(SIGUSR1, &action, NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    pil_lock_take(&lock, &mask);
    raise(SIGUSR1);
    assert_int_equal(signalled, 0);
    pil_lock_release(&lock, &mask);
    assert_int_equal(signalled, 1);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_memory_equal(&before, &after, sizeof(before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_count_is_lost),
        cmocka_unit_test(signals_wait),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
