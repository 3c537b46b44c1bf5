/* shim/watched: which epoll sets a descriptor is in, as the kernel tells it. */
#include "tests/support/support.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/real.h"
#include "shim/watched.h"

static int set_up(void **state)
{
    (void)state;
    pil_real_bind();
    return 0;
}

struct seen {
    unsigned count;
    int set;
    uint32_t events;
    uint64_t data;
};

static void note(void *cookie, int set, uint32_t events, uint64_t data)
{
    struct seen *seen = cookie;

    seen->count++;
    seen->set = set;
    seen->events = events;
    seen->data = data;
}

static void add(int set, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = {.events = events, .data.u64 = data};

    assert_int_equal(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
    pil_watched_note(fd, set);
}

static void hint_is_set_and_wiped(void **state)
{
    int set = epoll_create1(EPOLL_CLOEXEC), fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    pil_watched_wipe(fd);
    assert_false(pil_watched_maybe(fd));
    add(set, fd, EPOLLIN, 1);
    assert_true(pil_watched_maybe(fd));
    pil_watched_wipe(fd);
    assert_false(pil_watched_maybe(fd));
    assert_true(pil_watched_maybe(4096));
    assert_true(pil_watched_maybe(-1));
    close(fd), close(set);
}

static void finds_what_was_registered(void **state)
{
    int set = epoll_create1(EPOLL_CLOEXEC), fd = socket(AF_INET, SOCK_STREAM, 0);
    struct seen seen = {0};

    (void)state;
    add(set, fd, EPOLLOUT | EPOLLET | EPOLLONESHOT, UINT64_C(0xfedcba9876543210));
    pil_watched_find(fd, note, &seen);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.set, set);
    assert_int_equal(seen.events & (EPOLLOUT | EPOLLET | EPOLLONESHOT | EPOLLIN),
                     EPOLLOUT | EPOLLET | EPOLLONESHOT);
    assert_true(seen.data == UINT64_C(0xfedcba9876543210));
    close(fd), close(set);
}

/* The lines of others, many of them, are read past; so is a set that is closed meanwhile. */
static void finds_it_among_many(void **state)
{
    int set = epoll_create1(EPOLL_CLOEXEC), closed = epoll_create1(EPOLL_CLOEXEC), fd[100];
    struct seen seen = {0};

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM, 0);
        add(set, fd[i], EPOLLIN, i);
        add(closed, fd[i], EPOLLIN, i);
    }
    close(closed);
    for (unsigned i = 0; i < 100; i++) {
        seen = (struct seen){0};
        pil_watched_find(fd[i], note, &seen);
        assert_int_equal(seen.count, 1);
        assert_int_equal(seen.set, set);
        assert_true(seen.data == i);
    }
    for (unsigned i = 0; i < 100; i++)
        close(fd[i]);
    close(set);
}

/* Somebody holds a copy of what was closed under that number. */
static void a_former_file_of_that_number_is_not_meant(void **state)
{
    int set = epoll_create1(EPOLL_CLOEXEC), fd = socket(AF_INET, SOCK_STREAM, 0), copy = dup(fd);
    int fresh = socket(AF_INET, SOCK_STREAM, 0);
    struct seen seen = {0};

    (void)state;
    add(set, fd, EPOLLIN, 1);
    dup2(fresh, fd);
    pil_watched_find(fd, note, &seen);
    assert_int_equal(seen.count, 0);
    add(set, fd, EPOLLOUT, 2);
    pil_watched_find(fd, note, &seen);
    assert_int_equal(seen.count, 1);
    assert_true(seen.data == 2);
    close(fd), close(copy), close(fresh), close(set);
}

static void finds_nothing_where_nothing_is(void **state)
{
    struct seen seen = {0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    pil_watched_find(fd, note, &seen);
    assert_int_equal(seen.count, 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hint_is_set_and_wiped),
        cmocka_unit_test(finds_what_was_registered),
        cmocka_unit_test(finds_it_among_many),
        cmocka_unit_test(a_former_file_of_that_number_is_not_meant),
        cmocka_unit_test(finds_nothing_where_nothing_is),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
