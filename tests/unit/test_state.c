/*
 * shim/state: what a forked child keeps (the image's part) and what it finds wiped (the process's
 * part), whichever way it was forked; it says its own hello, and its parent's link is closed in it.
 */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "shim/env.h"
#include "shim/link.h"
#include "shim/shim.h"
#include "tests/support/children.h"
#include "tests/support/shimworld.h"

static int link_fd(void)
{
    return (int)atomic_load(&pil_process.link[0].fd) - 1;
}

/* ThreadSanitizer does not know that a child by clone has one thread, and what was wiped. */
__attribute__((weak)) void AnnotateIgnoreReadsBegin(const char *file, int line);
__attribute__((weak)) void AnnotateIgnoreWritesBegin(const char *file, int line);

static void be_alone(void)
{
    if (!AnnotateIgnoreReadsBegin || !AnnotateIgnoreWritesBegin)
        return;
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
}

static int parents_fd; /* of its link; the child has a copy */

static void check_child(void)
{
    struct pil_verdict v;

    CHILD_CHECK(atomic_load(&pil_process.phase) == 0);
    CHILD_CHECK(!atomic_load(&pil_process.page) && !atomic_load(&pil_process.ring));
    CHILD_CHECK(link_fd() == -1);
    CHILD_CHECK(pil_state_booted());
    CHILD_CHECK(pil_ownfd_has(parents_fd)); /* until the first call it is hidden like one of ours */
    CHILD_CHECK(world_connects(80, &v) == 0);
    CHILD_CHECK(v.tier == PIL_TIER_ENGINE); /* the parent's verdict was wiped */
    CHILD_CHECK(pil_state_forked);
    CHILD_CHECK(world_connects(80, &v) == 0 && v.tier == PIL_TIER_PROCESS);
    CHILD_CHECK(atomic_load(&pil_process.ring)->counters.decisions[PIL_TIER_ENGINE][1] == 1);
    _exit(0);
}

/* Runs the child made by `make`, and looks at what it said from outside. */
static void fork_by(struct fake_policyd *f, pid_t (*make)(void))
{
    struct fake_seen seen;
    struct pil_verdict v;
    pid_t pid;

    fake_says(f, 0, WORLD_LONG_MS);
    assert_int_equal(world_connects(80, NULL), 0);
    assert_int_equal(fake_seen(f).hello_flags & PIL_HELLO_FORKED, 0);
    parents_fd = link_fd();
    pid = make();
    if (pid == 0)
        check_child();
    assert_child(pid);
    seen = fake_seen(f);
    assert_int_equal(seen.hellos, 2);
    assert_int_equal(seen.hello_pid, pid);
    assert_int_equal(seen.hello_flags & PIL_HELLO_FORKED, PIL_HELLO_FORKED);
    assert_int_equal(seen.frames, 2);
    /* The parent goes on with what it had. */
    assert_int_equal(link_fd(), parents_fd);
    assert_int_equal(world_connects(80, &v), 0);
    assert_int_equal(v.tier, PIL_TIER_PROCESS);
    assert_int_equal(world_connects(81, NULL), 0);
    assert_int_equal(fake_seen(f).hellos, 2);
    assert_int_equal(fake_seen(f).connections, 2);
    assert_false(pil_state_forked);
    assert_int_equal(world_decisions(PIL_TIER_ENGINE, PIL_ALLOW), 2);
}

static pid_t by_fork(void)
{
    return fork();
}

/* Behind libc's back: no fork handler runs. */
static pid_t by_clone(void)
{
    return (pid_t)pil_sysops_call(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
}

static void a_forked_child_starts_over(void **state)
{
    fork_by(*state, by_fork);
}

static void a_cloned_child_starts_over(void **state)
{
    fork_by(*state, by_clone);
}

static void the_parents_link_is_closed_in_the_child(void **state)
{
    struct fake_policyd *f = *state;
    pid_t pid;

    assert_int_equal(world_connects(80, NULL), 0);
    parents_fd = link_fd();
    pid = fork();
    if (pid == 0) {
        uint64_t cookie = pil_process.link[0].cookie, parents = 0;
        socklen_t len = sizeof(parents);

        CHILD_CHECK(cookie == 0);
        CHILD_CHECK(getsockopt(parents_fd, SOL_SOCKET, SO_COOKIE, &parents, &len) == 0);
        pil_state_ready();
        CHILD_CHECK(!pil_ownfd_has(parents_fd));
        CHILD_CHECK(fcntl(parents_fd, F_GETFD) == -1);
        CHILD_CHECK(world_connects(80, NULL) == 0);
        CHILD_CHECK(link_fd() == parents_fd); /* the same number, and another socket */
        CHILD_CHECK(pil_process.link[0].cookie != parents);
        _exit(0);
    }
    assert_child(pid);
    fake_wait_ended(f, 1);
    assert_int_equal(fake_seen(f).ended, 1); /* the child's, not the parent's */
}

/* A program may put a file where the parent's link was, before anything else it does. */
static void a_child_may_dup_onto_the_parents_link(void **state)
{
    pid_t pid;

    (void)state;
    assert_int_equal(world_connects(80, NULL), 0);
    parents_fd = link_fd();
    pid = fork();
    if (pid == 0) {
        CHILD_CHECK(pil_shim_dup2(2, parents_fd) == parents_fd);
        CHILD_CHECK(world_connects(80, NULL) == 0);
        CHILD_CHECK(!pil_ownfd_has(parents_fd));
        CHILD_CHECK(fcntl(parents_fd, F_GETFD) == 0); /* open, and the program's: no CLOEXEC */
        CHILD_CHECK(pil_shim_close(parents_fd) == 0);
        _exit(0);
    }
    assert_child(pid);
}

/* Grandchildren are children too. */
static void each_generation_says_hello(void **state)
{
    struct fake_policyd *f = *state;
    pid_t pid;

    assert_int_equal(world_connects(80, NULL), 0);
    pid = fork();
    if (pid == 0) {
        int status;
        pid_t inner;

        CHILD_CHECK(world_connects(80, NULL) == 0);
        inner = fork();
        if (inner == 0) {
            CHILD_CHECK(world_connects(80, NULL) == 0);
            _exit(0);
        }
        CHILD_CHECK(waitpid(inner, &status, 0) == inner && status == 0);
        _exit(0);
    }
    assert_child(pid);
    assert_int_equal(fake_seen(f).hellos, 3);
    assert_int_equal(fake_seen(f).frames, 3);
}

static void without_policyd_a_child_is_refused(void **state)
{
    struct fake_policyd *f = *state;
    pid_t pid;

    assert_int_equal(world_connects(80, NULL), 0);
    fake_die(f);
    pid = fork();
    if (pid == 0) {
        struct pil_verdict v;

        CHILD_CHECK(world_connects(80, &v) ==
                    EACCES); /* the parent still has it, the child must ask */
        CHILD_CHECK(v.reason == PIL_REASON_UNREACHABLE);
        _exit(0);
    }
    assert_child(pid);
    assert_int_equal(world_connects(80, NULL), 0);
}

/* Forks while other threads are asking: the child never waits for what a parent's thread held. */
struct asker {
    pthread_t thread;
    _Atomic bool stop;
};

static void *ask_on(void *arg)
{
    struct asker *a = arg;

    for (uint16_t port = 1; !atomic_load(&a->stop); port++)
        (void)world_connects(port, NULL);
    return NULL;
}

static void a_child_of_busy_threads_can_ask(void **state)
{
    struct asker a[4];

    (void)state;
    fake_says(*state, 0, WORLD_LONG_MS);
    assert_int_equal(world_connects(80, NULL), 0);
    for (unsigned i = 0; i < PIL_NELEM(a); i++) {
        a[i] = (struct asker){.stop = false};
        assert_int_equal(pthread_create(&a[i].thread, NULL, ask_on, &a[i]), 0);
    }
    for (int i = 0; i < 20; i++) {
        pid_t pid = by_clone();

        if (pid == 0) {
            be_alone();
            alarm(20); /* a child that hangs must not hang the test */
            CHILD_CHECK(world_connects(9999, NULL) == 0);
            pil_sysops_call(SYS_exit_group, 0, 0, 0, 0, 0, 0);
        }
        assert_child(pid);
    }
    for (unsigned i = 0; i < PIL_NELEM(a); i++) {
        atomic_store(&a[i].stop, true);
        assert_int_equal(pthread_join(a[i].thread, NULL), 0);
    }
}

static void what_is_wiped_fills_whole_pages(void **state)
{
    (void)state;
    assert_int_equal(sizeof(pil_process) % 4096, 0); /* else something else went with it */
    assert_int_equal((uintptr_t)&pil_process % 4096, 0);
}

static void start_waits_for_the_first_call(void **state)
{
    struct fake_policyd *f = *state;

    pil_shim_start(environ);
    assert_int_equal(atomic_load(&pil_process.phase), 2);
    assert_int_equal(link_fd(), -1);
    assert_int_equal(fake_seen(f).connections, 0);
}

static void an_expected_start_greets_and_does_not_wait(void **state)
{
    struct fake_policyd *f = *state;

    fake_greets(f, FAKE_WELCOME_HOLD);
    pil_env.greets = true;
    pil_shim_start(environ);
    pil_env.greets = false;
    assert_int_equal(atomic_load(&pil_process.phase), 2);
    assert_true(link_fd() >= 0);
    assert_null(atomic_load(&pil_process.page));
    fake_wait_connections(f, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(a_forked_child_starts_over),
        world_test(a_cloned_child_starts_over),
        world_test(the_parents_link_is_closed_in_the_child),
        world_test(a_child_may_dup_onto_the_parents_link),
        world_test(each_generation_says_hello),
        world_test(without_policyd_a_child_is_refused),
        world_test(a_child_of_busy_threads_can_ask),
        world_test(what_is_wiped_fills_whole_pages),
        world_test(start_waits_for_the_first_call),
        world_test(an_expected_start_greets_and_does_not_wait),
    };

    return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
