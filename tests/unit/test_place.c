/*
 * shim/place: a process that goes where policyd's socket is not to be seen keeps its link, and
 * policyd hears of it; what the kernel refuses is refused, and nobody hears of that.
 */
#include "tests/support/support.h"

#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>

#include "shim/shim.h"
#include "tests/support/children.h"
#include "tests/support/shimworld.h"

/* The event, and nothing behind it; "" for none. */
static void check_told(const char *want)
{
    struct pil_ring *ring = atomic_load(&pil_process.ring);
    struct pil_event event;
    uint32_t tail = 0;

    CHILD_CHECK(ring);
    if (*want) {
        CHILD_CHECK(pil_ring_get(ring, &tail, &event));
        CHILD_CHECK(event.type == PIL_EVENT_OUT_OF_REACH);
        CHILD_CHECK(event.text_len == strlen(want) && !memcmp(event.text, want, event.text_len));
    }
    CHILD_CHECK(!pil_ring_get(ring, &tail, &event));
}

static bool root(void)
{
    if (geteuid() == 0)
        return true;
    print_message("needs root\n");
    return false;
}

static void a_root_without_the_socket(void **state)
{
    char *folder = test_folder_make();

    if (!root())
        skip();
    IN_CHILD({
        CHILD_CHECK(pil_shim_chroot(folder) == 0);
        check_told("chroot");
        CHILD_CHECK(world_connects(80, NULL) == 0); /* by the link that stood before */
        if (fork() == 0)
            _exit(world_connects(80, NULL) == EACCES ? 0 : 1);
        int status;
        CHILD_CHECK(wait(&status) > 0 && status == 0);
    });
    test_folder_remove(folder);
    (void)state;
}

static void a_root_with_the_socket(void **state)
{
    (void)state;
    if (!root())
        skip();
    IN_CHILD({
        CHILD_CHECK(pil_shim_chroot("/") == 0);
        check_told("");
        if (fork() == 0)
            _exit(world_connects(80, NULL));
        int status;
        CHILD_CHECK(wait(&status) > 0 && status == 0);
    });
}

/* The socket of the fake is a path: reached from any network, not from another's users. */
static void other_networks_and_users(void **state)
{
    (void)state;
    if (!root())
        skip();
    IN_CHILD({
        CHILD_CHECK(pil_shim_unshare(CLONE_NEWNET) == 0);
        check_told("");
        CHILD_CHECK(world_connects(80, NULL) == 0);
    });
    IN_CHILD({
        CHILD_CHECK(world_connects(80, NULL) == 0);
        CHILD_CHECK(pil_shim_unshare(CLONE_NEWUSER) == 0);
        CHILD_CHECK(geteuid() != 0); /* by its new number, and still the same */
        check_told("unshare");
        atomic_store(&pil_process.check_ns, 0);
        CHILD_CHECK(world_connects(81, NULL) == 0);
    });
}

/* In a namespace of its own numbers a change is what a call of the program's did. */
static void a_change_of_users_is_seen_there_too(void **state)
{
    (void)state;
    if (!root())
        skip();
    IN_CHILD({
        CHILD_CHECK(world_connects(80, NULL) == 0);
        atomic_store(&pil_state_renumbered, true);
        CHILD_CHECK(pil_shim_seteuid(0) == 0);
        CHILD_CHECK(world_connects(80, NULL) == 0 && atomic_load(&pil_process.subject) == 0);
        CHILD_CHECK(pil_shim_seteuid(65534) == 0);
        (void)world_connects(80, NULL);
        CHILD_CHECK(atomic_load(&pil_process.subject) == 1);
    });
}

static void what_the_kernel_refuses(void **state)
{
    (void)state;
    errno = 0;
    assert_int_equal(pil_shim_chroot("/no/such/folder"), -1);
    assert_int_equal(errno, geteuid() ? EPERM : ENOENT);
    assert_int_equal(pil_shim_unshare(-1), -1);
    assert_int_equal(errno, EINVAL);
    assert_false(atomic_load(&pil_state_renumbered));
    assert_int_equal(pil_shim_setns(-1, 0), -1);
    assert_int_equal(errno, EBADF);
    assert_false(atomic_load(&pil_state_renumbered));
    assert_int_equal(pil_shim_pivot_root("/no/such", "/no/such"), -1);
    assert_int_equal(pil_shim_unshare(0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(a_root_without_the_socket), world_test(a_root_with_the_socket),
        world_test(other_networks_and_users),  world_test(a_change_of_users_is_seen_there_too),
        world_test(what_the_kernel_refuses),
    };

    return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
