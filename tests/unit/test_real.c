/* shim/real: both tables reach the kernel, the program's calls can be cancelled, libc is bound. */
#include "tests/support/support.h"

#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "shim/real.h"

static int set_up(void **state)
{
    (void)state;
    pil_real_bind();
    return 0;
}

/* One round of every network call through a table, over loopback. */
static void all_calls(const struct pil_sysops *sys)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    struct iovec iov = {(char[]){"y"}, 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    struct mmsghdr vec[2] = {{.msg_hdr = msg}, {.msg_hdr = msg}};
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    char buf[8];
    int server;

    assert_int_equal(sys->bind(listener, (struct sockaddr *)&in, len), 0);
    assert_int_equal(sys->listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&in, &len), 0);
    assert_int_equal(sys->connect(client, (struct sockaddr *)&in, len), 0);
    server = sys->accept4(listener, (struct sockaddr *)&in, &len, SOCK_CLOEXEC);
    assert_true(server >= 0);
    assert_int_equal(sys->sendto(client, "x", 1, MSG_NOSIGNAL, NULL, 0), 1); /* all six arguments */
    assert_int_equal(sys->sendmsg(client, &msg, 0), 1);
    assert_int_equal(sys->sendmmsg(client, vec, 2, 0), 2);
    assert_int_equal(vec[1].msg_len, 1);
    assert_int_equal(recv(server, buf, 4, MSG_WAITALL), 4);
    assert_memory_equal(buf, "xyyy", 4);
    close(server), close(client), close(listener);
}

static void both_tables_reach_the_kernel(void **state)
{
    (void)state;
    all_calls(&pil_real_sys);
    all_calls(&pil_real_host);
}

static void errors_are_negated_and_errno_is_not_touched(void **state)
{
    const struct pil_sysops *tables[] = {&pil_real_sys, &pil_real_host};
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct msghdr msg = {0};

    (void)state;
    errno = 4711;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(tables[i]->connect(-1, (struct sockaddr *)&in, sizeof(in)), -EBADF);
        assert_int_equal(tables[i]->bind(-1, (struct sockaddr *)&in, sizeof(in)), -EBADF);
        assert_int_equal(tables[i]->listen(-1, 0), -EBADF);
        assert_int_equal(tables[i]->accept(-1, NULL, NULL), -EBADF);
        assert_int_equal(tables[i]->accept4(-1, NULL, NULL, 0), -EBADF);
        assert_int_equal(tables[i]->sendto(-1, "", 0, 0, NULL, 0), -EBADF);
        assert_int_equal(tables[i]->sendmsg(-1, &msg, 0), -EBADF);
        assert_int_equal(tables[i]->sendmmsg(-1, NULL, 0, 0), -EBADF);
    }
    assert_int_equal(errno, 4711);
}

static void the_last_argument_arrives(void **state)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    (void)state;
    strcpy(un.sun_path, "/nowhere/at/all");
    assert_int_equal(pil_real_sys.sendto(fd, "x", 1, 0, (struct sockaddr *)&un, sizeof(un)),
                     -ENOENT);
    assert_int_equal(pil_real_sys.sendto(fd, "x", 1, 0, (struct sockaddr *)&un, 1), -EINVAL);
    assert_int_equal(pil_real_sys.sendto(fd, "x", 1, 0, (struct sockaddr *)&un, sizeof(un) + 100),
                     -EINVAL);
    close(fd);
}

struct waiter {
    int listener;
    _Atomic int waits;
};

/* AddressSanitizer does not see that cancellation leaves frames, and would find their traces on the
 * stack below this one; without it there is no such function. */
__attribute__((weak)) void __asan_unpoison_memory_region(const volatile void *at, size_t len);

static void leave_frames(void *frame)
{
    if (__asan_unpoison_memory_region)
        __asan_unpoison_memory_region((char *)frame - 16384, 16384);
}

static void *wait_for_ever(void *arg)
{
    struct waiter *w = arg;
    int got;

    pthread_cleanup_push(leave_frames, __builtin_frame_address(0));
    atomic_store(&w->waits, 1);
    got = pil_real_host.accept4(w->listener, NULL, NULL, 0);
    pthread_cleanup_pop(0);
    return (void *)(intptr_t)got;
}

static void a_call_of_the_program_can_be_cancelled(void **state)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct waiter w = {.listener = socket(AF_INET, SOCK_STREAM, 0)};
    pthread_t thread;
    void *result;

    (void)state;
    assert_int_equal(bind(w.listener, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(listen(w.listener, 1), 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_ever, &w), 0);
    while (!atomic_load(&w.waits))
        sched_yield();
    assert_int_equal(pthread_cancel(thread), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_true(result == PTHREAD_CANCELED);
    close(w.listener);
}

static void *state_after_a_call(void *arg)
{
    int type = -1;

    (void)arg;
    (void)pil_real_host.listen(-1, 0);
    pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
    return (void *)(intptr_t)type;
}

static void the_cancellation_type_is_put_back(void **state)
{
    pthread_t thread;
    void *type;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, state_after_a_call, NULL), 0);
    assert_int_equal(pthread_join(thread, &type), 0);
    assert_int_equal((intptr_t)type, PTHREAD_CANCEL_DEFERRED);
}

static void libc_is_bound(void **state)
{
    const struct pil_real_libc *libc = &pil_real_libc;

    (void)state;
    assert_non_null(libc->close);
    assert_non_null(libc->fcntl);
    assert_non_null(libc->getaddrinfo);
    assert_non_null(libc->gethostbyname);
    assert_non_null(libc->gethostbyname2);
    assert_non_null(libc->gethostbyname_r);
    assert_non_null(libc->gethostbyname2_r);
    assert_non_null(libc->execve);
    assert_non_null(libc->execvpe);
    assert_non_null(libc->fexecve);
    assert_non_null(libc->execveat);
    assert_non_null(libc->posix_spawn);
    assert_non_null(libc->posix_spawnp);
}

/* Not whichever clock_gettime comes first, but the one of the file libc.so.6. */
static void the_clock_is_that_of_libc(void **state)
{
    Dl_info info;

    (void)state;
    assert_true(dladdr((void *)(uintptr_t)pil_real_libc.clock_gettime, &info) != 0);
    assert_non_null(strstr(info.dli_fname, "libc.so.6"));
}

static uint64_t coarse_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void the_coarse_clock_is_the_kernels(void **state)
{
    uint64_t before = coarse_now(), at = pil_real_coarse_ns(), without;

    (void)state;
    assert_in_range(at, before, coarse_now());
    pil_real_libc.clock_gettime = NULL; /* a libc without it: the system call */
    without = pil_real_coarse_ns();
    assert_in_range(without, at, coarse_now());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(both_tables_reach_the_kernel, set_up),
        cmocka_unit_test_setup(errors_are_negated_and_errno_is_not_touched, set_up),
        cmocka_unit_test_setup(the_last_argument_arrives, set_up),
        cmocka_unit_test_setup(a_call_of_the_program_can_be_cancelled, set_up),
        cmocka_unit_test_setup(the_cancellation_type_is_put_back, set_up),
        cmocka_unit_test_setup(libc_is_bound, set_up),
        cmocka_unit_test_setup(the_clock_is_that_of_libc, set_up),
        cmocka_unit_test_setup(the_coarse_clock_is_the_kernels, set_up),
    };

    return cmocka_run_group_tests_name("real", tests, NULL, NULL);
}
