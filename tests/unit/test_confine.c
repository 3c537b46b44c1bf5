/*
 * shim/confine, shim/sandbox: a filter costs exactly what it forbids, a refused one costs nothing,
 * and what is lost fails without a system call, in this process, its children and their programs.
 */
#include "tests/support/support.h"

#include <errno.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "shim/bpf.h"
#include "shim/confine.h"
#include "shim/decide.h"
#include "shim/link.h"
#include "shim/mend.h"
#include "shim/shim.h"
#include "tests/support/children.h"
#include "tests/support/shimworld.h"

#define NR       BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define RET(k)   BPF_STMT(BPF_RET | BPF_K, k)
#define ONLY(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), RET(SECCOMP_RET_ALLOW)
#define BUT(nr)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), RET(SECCOMP_RET_KILL_PROCESS)

#define FILTER(name, ...)                                                                          \
    struct sock_filter name##_code[] = {NR, __VA_ARGS__};                                          \
    struct sock_fprog name = {sizeof(name##_code) / sizeof(name##_code[0]), name##_code}

static void a_filter_costs_what_it_does_not_allow(void **state)
{
    FILTER(everything, RET(SECCOMP_RET_ALLOW));
    FILTER(logged, RET(SECCOMP_RET_LOG));
    FILTER(nothing, RET(SECCOMP_RET_KILL_PROCESS));
    FILTER(denied, RET(SECCOMP_RET_ERRNO | EPERM));
    FILTER(no_poll, BUT(SYS_poll), BUT(SYS_statx), RET(SECCOMP_RET_ALLOW));
    FILTER(only_sendmsg, ONLY(SYS_sendmsg), RET(SECCOMP_RET_TRAP));

    (void)state;
    assert_int_equal(pil_confine_cost(&everything), 0);
    assert_int_equal(pil_confine_cost(&logged), 0);
    assert_int_equal(pil_confine_cost(&nothing), PIL_LOSS_ALL);
    assert_int_equal(pil_confine_cost(&denied), PIL_LOSS_ALL);
    assert_int_equal(pil_confine_cost(&no_poll), PIL_LOSS(POLL) | PIL_LOSS(STATX));
    assert_int_equal(pil_confine_cost(&only_sendmsg), PIL_LOSS_ALL & ~PIL_LOSS(SENDMSG));
    assert_true(pil_confine_leaves_network(&only_sendmsg));
    assert_false(pil_confine_leaves_network(&nothing));
}

/* One use of several is enough to lose the call. */
static void arguments_count(void **state)
{
    const struct sock_filter option =
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2]));
    FILTER(no_linger, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 1, 0),
           RET(SECCOMP_RET_ALLOW), option, BUT(SO_LINGER), RET(SECCOMP_RET_ALLOW));

    (void)state;
    assert_int_equal(pil_confine_cost(&no_linger), PIL_LOSS(SETSOCKOPT));
}

static void what_is_lost_fails_and_comes_back(void **state)
{
    struct pil_sysops before = pil_real_sys;

    (void)state;
    assert_true(pil_real_sys.getpid() > 0);
    pil_confine_lose(PIL_LOSS(GETPID) | PIL_LOSS(MMAP));
    assert_int_equal(pil_real_sys.getpid(), -EACCES);
    assert_int_equal(pil_real_sys.mmap(NULL, 4096, 0, 0, -1, 0), (uintptr_t)-EACCES);
    assert_true(pil_real_sys.gettid() > 0);
    pil_confine_restore(PIL_LOSS(MMAP), &before);
    assert_int_equal(atomic_load(&pil_confine_lost), PIL_LOSS(GETPID));
    assert_int_equal(memcmp(&pil_real_sys.mmap, &before.mmap, sizeof(before.mmap)), 0);
    assert_int_equal(pil_real_sys.getpid(), -EACCES);
    pil_confine_lose(PIL_LOSS_ALL);
    for (unsigned i = 0; i < PIL_LOSS_COUNT; i++)
        assert_true(pil_confine_name(i)[0] != '\0');
}

static void the_environment_can_only_take_away(void **state)
{
    (void)state;
    assert_int_equal(pil_confine_inherited(NULL), 0);
    assert_int_equal(pil_confine_inherited("00000000"), 0);
    assert_int_equal(pil_confine_inherited("00000006"), PIL_LOSS(SENDMSG) | PIL_LOSS(RECVMSG));
    assert_int_equal(pil_confine_inherited("ffffffff"), PIL_LOSS_ALL);
    assert_int_equal(pil_confine_inherited(""), PIL_LOSS_ALL);
    assert_int_equal(pil_confine_inherited("0"), PIL_LOSS_ALL);
    assert_int_equal(pil_confine_inherited("0000000G"), PIL_LOSS_ALL);
    assert_int_equal(pil_confine_inherited("000000000"), PIL_LOSS_ALL);
}

static void a_program_that_is_executed_is_told(void **state)
{
    char a[] = "A=1", where[] = "PILLION_SOCKET=@x", nothing[] = "PILLION_CONFINED=00000000";
    char *const bare[] = {a, where, NULL};
    char *const wrong[] = {nothing, a, where, NULL};
    struct pil_lacks lacks;
    void *room[64];
    char **mended;

    (void)state;
    strcpy(pil_env.socket, "@x");
    assert_false(pil_mend_look(bare, &lacks));
    pil_confine_lose(PIL_LOSS(SENDMSG) | PIL_LOSS(STATX));
    assert_true(pil_mend_look(bare, &lacks));
    assert_true(pil_mend_room(&lacks) <= sizeof(room));
    mended = pil_mend(bare, &lacks, (char **)room);
    assert_string_equal(mended[2], "PILLION_CONFINED=00800002");
    assert_null(mended[3]);
    assert_false(pil_mend_look(mended, &lacks));
    assert_true(pil_mend_look(wrong, &lacks));
    mended = pil_mend(wrong, &lacks, (char **)room);
    assert_string_equal(mended[0], "A=1");
    assert_string_equal(mended[2], "PILLION_CONFINED=00800002");
    assert_null(mended[3]);
}

static void set_filter(struct sock_fprog *filter)
{
    const long a[4] = {SECCOMP_MODE_FILTER, (long)filter};

    pil_real_libc.clock_gettime = clock_gettime; /* the world's makes a system call */
    CHILD_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHILD_CHECK(pil_shim_prctl(PR_SET_SECCOMP, a) == 0);
}

static void port_81_is_denied(const struct pil_query *q, struct pil_verdict *v)
{
    v->effect = q->port == 81 ? PIL_DENY : PIL_ALLOW;
}

/* What policyd's answer needs is allowed, and hardly anything else. */
static void by_the_standing_link_it_goes_on(void **state)
{
    FILTER(network, ONLY(SYS_sendmsg), ONLY(SYS_recvmsg), ONLY(SYS_getsockopt),
           ONLY(SYS_exit_group), ONLY(SYS_write), ONLY(SYS_connect), RET(SECCOMP_RET_KILL_PROCESS));

    fake_judge(*state, port_81_is_denied);
    IN_CHILD({
        CHILD_CHECK(world_connects(80, NULL) == 0);
        set_filter(&network);
        CHILD_CHECK(world_connects(80, NULL) == 0);      /* cached */
        CHILD_CHECK(world_connects(81, NULL) == EACCES); /* asked */
        CHILD_CHECK(world_connects(82, NULL) == 0);
    });
}

/* The link is brought up before the filter holds, though nothing was asked yet. */
static void a_link_is_there_before_it_is_too_late(void **state)
{
    FILTER(network, ONLY(SYS_sendmsg), ONLY(SYS_recvmsg), ONLY(SYS_getsockopt),
           ONLY(SYS_exit_group), ONLY(SYS_write), RET(SECCOMP_RET_KILL_PROCESS));

    IN_CHILD({
        set_filter(&network);
        CHILD_CHECK(world_connects(80, NULL) == 0);
    });
    (void)state;
}

static void what_cannot_be_asked_is_refused(void **state)
{
    FILTER(quiet, ONLY(SYS_exit_group), ONLY(SYS_write), ONLY(SYS_connect),
           RET(SECCOMP_RET_KILL_PROCESS));

    (void)state;
    IN_CHILD({
        CHILD_CHECK(world_connects(80, NULL) == 0);
        set_filter(&quiet);
        CHILD_CHECK(world_connects(80, NULL) == 0);      /* cached */
        CHILD_CHECK(world_connects(81, NULL) == EACCES); /* nobody can be asked */
        CHILD_CHECK(atomic_load(&pil_process.ring)->counters.failed[PIL_REASON_UNREACHABLE] == 1);
    });
}

/* Nothing but read, write and exit is left to the program; reading the clock is not, either. */
static void strict_mode_is_survived(void **state)
{
    const long a[4] = {SECCOMP_MODE_STRICT};

    (void)state;
    IN_CHILD({
        CHILD_CHECK(world_connects(80, NULL) == 0);
        CHILD_CHECK(pil_shim_prctl(PR_SET_SECCOMP, a) == 0);
        CHILD_CHECK(atomic_load(&pil_confine_lost) == PIL_LOSS_ALL);
        syscall(SYS_exit, 0); /* the only exit there is */
    });
}

static void a_refused_filter_costs_nothing(void **state)
{
    struct sock_filter broken[] = {BPF_STMT(BPF_RET | BPF_A, 0),
                                   BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0)};
    struct sock_fprog filter = {2, broken};
    const long unreadable[4] = {SECCOMP_MODE_FILTER, 8}, nothing[4] = {SECCOMP_MODE_FILTER, 0};

    (void)state;
    assert_int_equal(pil_shim_seccomp(SECCOMP_SET_MODE_FILTER, 0, &filter), -1);
    assert_int_equal(pil_shim_seccomp(SECCOMP_SET_MODE_FILTER, 0xffff0000, &filter), -1);
    assert_int_equal(pil_shim_prctl(PR_SET_SECCOMP, unreadable), -1);
    assert_int_equal(errno, EFAULT);
    assert_int_equal(pil_shim_prctl(PR_SET_SECCOMP, nothing), -1);
    assert_int_equal(errno, EFAULT);
    assert_int_equal(atomic_load(&pil_confine_lost), 0);
    assert_true(pil_real_sys.getpid() == getpid());
    assert_int_equal(world_connects(80, NULL), 0);
}

static void other_requests_go_through(void **state)
{
    const long a[4] = {0};
    uint32_t action = SECCOMP_RET_KILL_PROCESS;

    (void)state;
    assert_int_equal(pil_shim_prctl(PR_GET_DUMPABLE, a), prctl(PR_GET_DUMPABLE));
    errno = 0;
    assert_int_equal(pil_shim_prctl(-1, a), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(pil_shim_seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action), 0);
}

static void policyd_is_told_what_is_lost(void **state)
{
    FILTER(network, BUT(SYS_poll), BUT(SYS_statx), RET(SECCOMP_RET_ALLOW));

    (void)state;
    IN_CHILD({
        struct pil_event event;
        uint32_t tail = 0;

        set_filter(&network);
        CHILD_CHECK(pil_ring_get(atomic_load(&pil_process.ring), &tail, &event));
        CHILD_CHECK(event.type == PIL_EVENT_CONFINED && event.text_len == 10);
        CHILD_CHECK(memcmp(event.text, "poll statx", 10) == 0);
    });
}

static void a_path_that_cannot_be_followed_is_refused(void **state)
{
    struct pil_query q = {.action = PIL_ACTION_CONNECT, .kind = PIL_KIND_UNIX};
    struct pil_verdict v;

    (void)state;
    q.name = pil_slice_of("/tmp/x");
    assert_int_equal(pil_decide(&q, NULL, &v), 0);
    pil_confine_lose(PIL_LOSS(OPENAT));
    assert_int_equal(pil_decide(&q, NULL, &v), EACCES);
    assert_int_equal(v.tier, PIL_TIER_FAIL);
    q.name = pil_slice_of("@x");
    assert_int_equal(pil_decide(&q, NULL, &v), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filter_costs_what_it_does_not_allow),
        cmocka_unit_test(arguments_count),
        world_test(what_is_lost_fails_and_comes_back),
        cmocka_unit_test(the_environment_can_only_take_away),
        world_test(a_program_that_is_executed_is_told),
        world_test(by_the_standing_link_it_goes_on),
        world_test(a_link_is_there_before_it_is_too_late),
        world_test(what_cannot_be_asked_is_refused),
        world_test(strict_mode_is_survived),
        world_test(a_refused_filter_costs_nothing),
        world_test(other_requests_go_through),
        world_test(policyd_is_told_what_is_lost),
        world_test(a_path_that_cannot_be_followed_is_refused),
    };

    return cmocka_run_group_tests_name("confine", tests, NULL, NULL);
}
