/*
 * shim/link: against a real socket and a policyd that does as it is told, with a clock that the
 * tests move. Each way of failing has its one cause, and each ends by itself when policyd is back.
 */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "core/wire.h"
#include "shim/dial.h"
#include "shim/link.h"
#include "tests/support/shimworld.h"

static struct pil_query question(uint16_t port)
{
    return (struct pil_query){.action = PIL_ACTION_CONNECT,
                              .kind = PIL_KIND_INET,
                              .port = port,
                              .ip = world_ip(10, 0, 0, 1)};
}

static int ask_port(uint16_t port, struct pil_verdict *v)
{
    struct pil_query q = question(port);

    return pil_link_ask(&q, 1, v, pil_link_deadline());
}

static int ask(void)
{
    struct pil_verdict v;

    return ask_port(80, &v);
}

static unsigned links_up(void)
{
    unsigned up = 0;

    for (unsigned i = 0; i < PIL_LINKS; i++)
        up += atomic_load(&pil_process.link[i].fd) != 0;
    return up;
}

/* All but the rings of the fake. */
static unsigned open_fds(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < 1100; fd++)
        count += (fd < FAKE_FDS || fd >= 900) && pil_sysops_kernel.fcntl(fd, F_GETFD, 0) >= 0;
    return count;
}

static unsigned waits; /* for a policyd that went away, since waits_take_no_time */

static int wait_quickly(struct pollfd *fds, unsigned count, int ms)
{
    if (count > 0)
        return pil_sysops_kernel.poll(fds, count, ms);
    waits++;
    world_later(ms);
    return 0;
}

static void waits_take_no_time(void)
{
    waits = 0;
    pil_real_sys.poll = wait_quickly;
}

static uint64_t backoff_left_ms(void)
{
    struct timespec now;
    uint64_t at;

    world_clock(CLOCK_MONOTONIC, &now);
    at = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    return atomic_load(&pil_process.retry_ns) > at
               ? (atomic_load(&pil_process.retry_ns) - at) / 1000000
               : 0;
}

/* ---- the good way ---------------------------------------------------------------------------- */

static void hello_question_and_verdict(void **state)
{
    struct fake_policyd *f = *state;
    struct fake_seen seen;
    struct pil_verdict v;

    fake_says(f, PIL_WELCOME_COVER_CHILDREN, 0);
    assert_err(ask_port(443, &v), PIL_OK);
    assert_int_equal(v.effect, PIL_ALLOW);
    assert_int_equal(v.reason, PIL_REASON_RULE_ALLOW);
    assert_int_equal(v.tier, PIL_TIER_ENGINE);
    assert_int_equal(v.rule, 7);
    assert_int_equal(v.policy, 3);
    assert_int_equal(v.generation, 1000);
    seen = fake_seen(f);
    assert_int_equal(seen.connections, 1);
    assert_int_equal(seen.hellos, 1);
    assert_int_equal(seen.hello_pid, getpid());
    assert_int_equal(seen.hello_flags,
                     PIL_HELLO_STUB_MOVED); /* a test is not linked at the place */
    assert_int_equal(seen.frames, 1);
    assert_int_equal(seen.queries, 1);
    assert_int_equal(seen.illegal, 0);
    assert_int_equal(seen.last[0].port, 443);
    assert_int_equal(atomic_load(&pil_process.flags), PIL_WELCOME_COVER_CHILDREN);
    assert_int_equal(pil_genpage_word(atomic_load(&pil_process.page)), 1000 << 16);
    assert_true(atomic_load(&pil_process.page) != fake_page(f)); /* a mapping of our own */
}

static void a_batch_keeps_its_order(void **state)
{
    struct pil_query q[PIL_BATCH_MAX];
    struct pil_verdict v[PIL_BATCH_MAX];
    struct fake_policyd *f = *state;

    for (unsigned i = 0; i < PIL_BATCH_MAX; i++)
        q[i] = question((uint16_t)(100 + i));
    assert_err(pil_link_ask(q, PIL_BATCH_MAX, v, pil_link_deadline()), PIL_OK);
    assert_int_equal(fake_seen(f).frames, 1);
    assert_int_equal(fake_seen(f).last_count, PIL_BATCH_MAX);
    for (unsigned i = 0; i < PIL_BATCH_MAX; i++)
        assert_int_equal(fake_seen(f).last[i].port, 100 + i);
}

static void one_link_serves_one_thread_for_ever(void **state)
{
    struct fake_policyd *f = *state;

    for (int i = 0; i < 50; i++)
        assert_err(ask(), PIL_OK);
    assert_int_equal(fake_seen(f).connections, 1);
    assert_int_equal(fake_seen(f).hellos, 1);
    assert_int_equal(fake_seen(f).frames, 50);
    assert_int_equal(links_up(), 1);
}

static void greet_says_hello_and_reads_later(void **state)
{
    struct fake_policyd *f = *state;

    pil_link_greet();
    assert_int_equal(links_up(), 1);
    assert_null(atomic_load(&pil_process.page));
    assert_true(pil_process.link[0].greeted);
    assert_err(pil_link_welcome(pil_link_deadline()), PIL_OK);
    assert_non_null(atomic_load(&pil_process.page));
    assert_false(pil_process.link[0].greeted);
    assert_int_equal(fake_seen(f).hellos, 1);
    assert_int_equal(fake_seen(f).frames, 0);
}

static void the_link_is_high_and_close_on_exec(void **state)
{
    int fd;

    (void)state;
    assert_err(ask(), PIL_OK);
    fd = (int)atomic_load(&pil_process.link[0].fd) - 1;
    assert_true(fd >= 960);
    assert_true(pil_ownfd_has(fd));
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

static uint64_t timeout_of(int name)
{
    struct timeval limit;
    socklen_t len = sizeof(limit);
    int fd = (int)atomic_load(&pil_process.link[0].fd) - 1;

    assert_int_equal(getsockopt(fd, SOL_SOCKET, name, &limit, &len), 0);
    return (uint64_t)limit.tv_sec * 1000000u + (uint64_t)limit.tv_usec;
}

/* An eighth stays for the lateness of the kernel's timers; it rounds up to its ticks. */
static void assert_deadline(uint64_t ms)
{
    ms -= ms / 8;
    assert_in_range(timeout_of(SO_RCVTIMEO), ms * 1000, ms * 1000 + 10000);
    assert_in_range(timeout_of(SO_SNDTIMEO), ms * 1000, ms * 1000 + 10000);
}

static void the_deadline_is_the_documented_one(void **state)
{
    (void)state;
    atomic_store(&pil_process.deadline_ms, 0);
    pil_link_greet();
    assert_deadline(PIL_DEADLINE_MS);
}

/* Welcome may take longer than a decision, once. */
static void the_first_welcome_has_longer(void **state)
{
    uint64_t now;

    (void)state;
    atomic_store(&pil_process.deadline_ms, 0);
    now = pil_real_now_ns() / 1000000u;
    assert_in_range(pil_link_deadline() / 1000000u, now + PIL_WELCOME_MS,
                    now + PIL_WELCOME_MS + 1000);
    assert_err(pil_link_welcome(pil_link_deadline()), PIL_OK);
    assert_deadline(PIL_WELCOME_MS);
    now = pil_real_now_ns() / 1000000u;
    assert_in_range(pil_link_deadline() / 1000000u, now + PIL_DEADLINE_MS,
                    now + PIL_DEADLINE_MS + 1000);
    assert_err(ask(), PIL_OK); /* on the same link */
    assert_deadline(PIL_DEADLINE_MS);
}

/* ... and not after a failure, whatever failed. */
static void after_a_failure_a_welcome_has_no_longer(void **state)
{
    struct fake_policyd *f = *state;

    atomic_store(&pil_process.deadline_ms, 0);
    fake_greets(f, FAKE_WELCOME_REFUSED);
    assert_err(ask(), PIL_E_REFUSED);
    fake_greets(f, FAKE_WELCOME);
    atomic_store(&pil_process.retry_ns, 0);
    assert_err(pil_link_welcome(pil_link_deadline()), PIL_OK);
    assert_deadline(PIL_DEADLINE_MS);
}

/* policyd is there and says nothing: that ends, too, and the next call's wait is the usual one. */
static void a_first_welcome_that_never_comes_times_out(void **state)
{
    struct fake_policyd *f = *state;

    atomic_store(&pil_process.deadline_ms, 0);
    fake_greets(f, FAKE_WELCOME_HOLD);
    assert_err(ask(), PIL_E_TIMEOUT);
    assert_int_equal(links_up(), 0);
    atomic_store(&pil_process.retry_ns, 0);
    assert_err(pil_link_welcome(pil_link_deadline()), PIL_E_TIMEOUT);
    assert_int_equal(pil_dial_first_ms(), PIL_DEADLINE_MS);
    assert_int_equal(fake_seen(f).hellos, 2);
}

static void the_deadline_that_policyd_gives_holds_at_once(void **state)
{
    struct fake_policyd *f = *state;

    fake_says(f, 0, 1500);
    assert_err(pil_link_welcome(pil_link_deadline()), PIL_OK);
    assert_int_equal(atomic_load(&pil_process.deadline_ms), 1500);
    assert_err(ask(), PIL_OK); /* on the link that was connected before it was known */
    assert_deadline(1500);
}

/* However many waits a call consists of, it has one deadline: what is left of it is what the next
 * wait may take, and with nothing left there is none. */
static void a_call_has_one_deadline(void **state)
{
    struct pil_query q = {.action = PIL_ACTION_CONNECT, .kind = PIL_KIND_INET, .port = 1};
    struct pil_verdict v;

    (void)state;
    assert_err(ask(), PIL_OK);
    assert_err(pil_link_ask(&q, 1, &v, pil_real_now_ns() + 5000000500u), PIL_OK);
    assert_in_range(timeout_of(SO_RCVTIMEO), 1000000, 5010000);
    assert_err(ask(), PIL_OK); /* and the next call has the whole time again */
    assert_deadline(WORLD_LONG_MS);
    assert_err(pil_link_ask(&q, 1, &v, pil_real_now_ns()), PIL_E_TIMEOUT);
}

static void a_silly_deadline_is_not_taken(void **state)
{
    struct fake_policyd *f = *state;

    atomic_store(&pil_process.deadline_ms, 0);
    fake_says(f, 0, 9);
    assert_err(pil_link_welcome(pil_link_deadline()), PIL_OK);
    assert_int_equal(atomic_load(&pil_process.deadline_ms), 0);
    assert_err(ask(), PIL_OK);
    assert_deadline(PIL_DEADLINE_MS);
}

static void the_other_place_is_tried(void **state)
{
    struct fake_policyd *f = *state;

    snprintf(pil_env.alternative, sizeof(pil_env.alternative), "%s", pil_env.socket);
    snprintf(pil_env.socket, sizeof(pil_env.socket), "/nowhere/policyd.sock");
    assert_err(ask(), PIL_OK);
    assert_int_equal(fake_seen(f).frames, 1);
}

static uint64_t mask_now(void)
{
    uint64_t mask = 0;

    pil_sysops_kernel.procmask(SIG_SETMASK, NULL, &mask);
    return mask;
}

static uint64_t mask_inside;

static ssize_t spy_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    mask_inside = mask_now();
    return pil_sysops_kernel.sendmsg(fd, msg, flags);
}

static void signals_wait_while_a_link_is_held(void **state)
{
    uint64_t before = mask_now();

    (void)state;
    pil_real_sys.sendmsg = spy_sendmsg;
    assert_err(ask(), PIL_OK);
    /* All but the two that the kernel never blocks. */
    assert_int_equal(mask_inside, ~(UINT64_C(1) << (SIGKILL - 1) | UINT64_C(1) << (SIGSTOP - 1)));
    assert_int_equal(mask_now(), before);
}

/* ---- the four causes ------------------------------------------------------------------------- */

static void nobody_there_is_unreachable(void **state)
{
    (void)state;
    snprintf(pil_env.socket, sizeof(pil_env.socket), "/nowhere/policyd.sock");
    assert_err(ask(), PIL_E_UNREACHABLE);
    assert_err(pil_link_welcome(pil_link_deadline()), PIL_E_UNREACHABLE);
    assert_int_equal(links_up(), 0);
    assert_int_equal(pil_ownfd_from(0), -1);
}

static int no_socket(int domain, int type, int protocol)
{
    (void)domain, (void)type, (void)protocol;
    return -EMFILE;
}

static void no_descriptor_is_unreachable(void **state)
{
    struct fake_policyd *f = *state;
    unsigned before = open_fds();

    pil_real_sys.socket = no_socket;
    assert_err(ask(), PIL_E_UNREACHABLE);
    assert_int_equal(fake_seen(f).connections, 0);
    assert_int_equal(open_fds(), before);
}

static int busy_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
    (void)fd, (void)sa, (void)len;
    return -EAGAIN;
}

/* What connect says on a unix socket whose backlog stayed full for SO_SNDTIMEO. */
static void a_full_backlog_is_timed_out(void **state)
{
    (void)state;
    pil_real_sys.connect = busy_connect;
    assert_err(ask(), PIL_E_TIMEOUT);
    assert_int_equal(links_up(), 0);
    assert_int_equal(pil_ownfd_from(0), -1);
}

static uintptr_t no_mmap(void *at, size_t len, int prot, int flags, int fd, int64_t offset)
{
    (void)at, (void)len, (void)prot, (void)flags, (void)fd, (void)offset;
    return (uintptr_t)-ENOMEM;
}

static void no_room_for_the_pages_is_unreachable(void **state)
{
    struct fake_policyd *f = *state;
    unsigned before = open_fds();

    pil_real_sys.mmap = no_mmap;
    assert_err(ask(), PIL_E_UNREACHABLE);
    assert_null(atomic_load(&pil_process.page));
    assert_null(atomic_load(&pil_process.ring));
    assert_int_equal(fake_seen(f).frames, 0);
    fake_wait_ended(f, 1);
    assert_int_equal(open_fds(), before);
}

static void no_answer_is_timed_out(void **state)
{
    struct fake_policyd *f = *state;

    assert_err(pil_link_welcome(pil_link_deadline()), PIL_OK);
    world_deadline(WORLD_SHORT_MS);
    fake_always(f, FAKE_HOLD);
    assert_err(ask(), PIL_E_TIMEOUT);
    assert_int_equal(fake_seen(f).frames, 1);
    assert_int_equal(links_up(), 0);
    fake_wait_ended(f, 1);
}

static void no_welcome_is_timed_out(void **state)
{
    struct fake_policyd *f = *state;

    world_deadline(WORLD_SHORT_MS);
    fake_greets(f, FAKE_WELCOME_HOLD);
    assert_err(ask(), PIL_E_TIMEOUT);
    assert_int_equal(fake_seen(f).hellos, 1);
    assert_int_equal(fake_seen(f).frames, 0);
    assert_null(atomic_load(&pil_process.page));
}

static void a_welcome_with_a_no_is_refused(void **state)
{
    struct fake_policyd *f = *state;

    fake_greets(f, FAKE_WELCOME_REFUSED);
    assert_err(ask(), PIL_E_REFUSED);
    assert_int_equal(fake_seen(f).frames, 0);
    assert_null(atomic_load(&pil_process.page));
    assert_int_equal(links_up(), 0);
}

static uint32_t peer_uid;
static unsigned messages_sent;

static int peer_of_another_uid(int fd, int level, int name, void *value, socklen_t *len)
{
    int err = pil_sysops_kernel.getsockopt(fd, level, name, value, len);

    if (err == 0 && level == SOL_SOCKET && name == SO_PEERCRED)
        ((struct ucred *)value)->uid = peer_uid;
    return err;
}

static ssize_t count_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    messages_sent++;
    return pil_sysops_kernel.sendmsg(fd, msg, flags);
}

static int ask_peer(uint32_t uid, uint32_t own, bool secure)
{
    peer_uid = uid;
    pil_env.uid = own;
    pil_env.secure = secure;
    messages_sent = 0;
    pil_real_sys.getsockopt = peer_of_another_uid;
    pil_real_sys.sendmsg = count_sendmsg;
    return ask();
}

static void a_peer_of_another_user_is_refused_unheard(void **state)
{
    struct fake_policyd *f = *state;

    assert_err(ask_peer(1001, 1000, false), PIL_E_REFUSED);
    assert_int_equal(messages_sent, 0);
    fake_wait_ended(f, 1);
    assert_int_equal(fake_seen(f).hellos, 0);
    assert_int_equal(fake_seen(f).illegal, 0);
    assert_int_equal(links_up(), 0);
}

static void root_and_the_own_user_are_trusted(void **state)
{
    struct fake_policyd *f = *state;

    assert_err(ask_peer(0, 1000, false), PIL_OK);
    world_fresh(fake_path(f));
    assert_err(ask_peer(1000, 1000, false), PIL_OK);
    world_fresh(fake_path(f));
    assert_err(ask_peer(0, 1000, true), PIL_OK);
}

/* A setuid program must not believe a daemon of the user who started it. */
static void in_secure_mode_only_root_is_trusted(void **state)
{
    (void)state;
    assert_err(ask_peer(1000, 1000, true), PIL_E_REFUSED);
    assert_int_equal(messages_sent, 0);
}

static int no_peercred(int fd, int level, int name, void *value, socklen_t *len)
{
    return name == SO_PEERCRED ? -ENOPROTOOPT
                               : pil_sysops_kernel.getsockopt(fd, level, name, value, len);
}

static void a_peer_that_cannot_be_told_is_refused(void **state)
{
    (void)state;
    pil_real_sys.getsockopt = no_peercred;
    assert_err(ask(), PIL_E_REFUSED);
}

static void every_broken_answer_is_malformed(void **state)
{
    struct fake_policyd *f = *state;
    unsigned before;

    assert_err(ask(), PIL_OK);
    before = open_fds();
    for (enum fake_answer a = FAKE_GARBAGE; a < FAKE_ANSWERS; a++) {
        struct pil_verdict v;
        int err;

        fake_once(f, a);
        err = ask_port(80, &v);
        if (err != PIL_E_MALFORMED)
            fail_msg("answer %d gave %s", a, pil_err_name(err));
        assert_int_equal(links_up(), 0);
        world_later(1001);
        assert_err(ask(), PIL_OK);
        assert_int_equal(open_fds(), before);
    }
}

static void every_broken_welcome_is_malformed(void **state)
{
    struct fake_policyd *f = *state;
    unsigned before = open_fds(), ended = 0;

    for (enum fake_welcome w = FAKE_WELCOME_GARBAGE; w < FAKE_WELCOMES; w++) {
        int err;

        fake_greets(f, w);
        err = pil_link_welcome(pil_link_deadline());
        if (err != PIL_E_MALFORMED)
            fail_msg("welcome %d gave %s", w, pil_err_name(err));
        assert_null(atomic_load(&pil_process.page));
        assert_null(atomic_load(&pil_process.ring));
        assert_int_equal(links_up(), 0);
        fake_wait_ended(f, ++ended);
        assert_int_equal(open_fds(), before);
        world_later(1001);
    }
}

/* ---- back-off and recovery ------------------------------------------------------------------- */

static void attempts_back_off_and_the_cause_is_kept(void **state)
{
    static const uint64_t pause[] = {50, 100, 200, 400, 800, 1000, 1000};
    struct fake_policyd *f = *state;

    fake_greets(f, FAKE_WELCOME_REFUSED);
    for (unsigned i = 0; i < PIL_NELEM(pause); i++) {
        assert_err(ask(), PIL_E_REFUSED);
        assert_int_equal(fake_seen(f).connections, i + 1);
        assert_int_equal(atomic_load(&pil_process.backoff_ms), pause[i]);
        assert_true(backoff_left_ms() <= pause[i]);
        world_later((int64_t)pause[i] + 1);
    }
    fake_greets(f, FAKE_WELCOME);
    assert_err(ask(), PIL_OK);
    assert_int_equal(atomic_load(&pil_process.backoff_ms), 0);
}

/* One that welcomes each time and never decides gets no more attempts than one that is not there.
 */
static void a_welcome_alone_does_not_end_the_back_off(void **state)
{
    static const uint64_t pause[] = {50, 100, 200, 400};
    struct fake_policyd *f = *state;

    fake_always(f, FAKE_GARBAGE);
    for (unsigned i = 0; i < PIL_NELEM(pause); i++) {
        assert_err(ask(), PIL_E_MALFORMED);
        assert_int_equal(fake_seen(f).hellos, i + 1);
        assert_int_equal(atomic_load(&pil_process.backoff_ms), pause[i]);
        world_later((int64_t)pause[i] + 1);
    }
    fake_always(f, FAKE_VERDICT);
    assert_err(ask(), PIL_OK);
    assert_int_equal(atomic_load(&pil_process.backoff_ms), 0);
}

static _Atomic int64_t frozen_ns;

static int frozen_clock(clockid_t clock, struct timespec *now)
{
    (void)clock;
    *now = (struct timespec){frozen_ns / WORLD_SECOND, frozen_ns % WORLD_SECOND};
    return 0;
}

static void until_then_calls_fail_at_once(void **state)
{
    struct fake_policyd *f = *state;

    frozen_ns = 100 * WORLD_SECOND;
    pil_real_libc.clock_gettime = frozen_clock;
    fake_greets(f, FAKE_WELCOME_NO_FDS);
    assert_err(ask(), PIL_E_MALFORMED);
    assert_int_equal(atomic_load(&pil_process.retry_ns), frozen_ns + 50 * 1000000);
    fake_greets(f, FAKE_WELCOME);
    frozen_ns += 50 * 1000000 - 1;
    assert_err(ask(), PIL_E_MALFORMED); /* the cause of the attempt that failed */
    assert_int_equal(fake_seen(f).connections, 1);
    frozen_ns += 1;
    assert_err(ask(), PIL_OK);
    assert_int_equal(fake_seen(f).connections, 2);
}

static void an_eof_finds_the_restarted_policyd(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_verdict v;

    assert_err(ask(), PIL_OK);
    fake_die(f);
    fake_live(f);
    assert_err(ask_port(80, &v), PIL_OK);
    assert_int_equal(v.generation, 2000);
    assert_int_equal(pil_genpage_word(atomic_load(&pil_process.page)), UINT64_C(2000) << 16);
    assert_int_equal(fake_seen(f).hellos, 2);
    assert_int_equal(fake_seen(f).frames, 2);
}

static void an_eof_instead_of_the_answer_asks_again_once(void **state)
{
    struct fake_policyd *f = *state;

    fake_once(f, FAKE_CLOSE);
    assert_err(ask(), PIL_OK);
    assert_int_equal(fake_seen(f).frames, 2);
    assert_int_equal(fake_seen(f).hellos, 2);
    fake_once(f, FAKE_CLOSE);
    fake_once(f, FAKE_CLOSE);
    assert_err(ask(), PIL_E_UNREACHABLE);
    assert_int_equal(fake_seen(f).frames, 4);
}

static void gone_is_unreachable_until_it_is_back(void **state)
{
    struct fake_policyd *f = *state;

    waits_take_no_time();
    assert_err(ask(), PIL_OK);
    fake_die(f);
    assert_err(ask(), PIL_E_UNREACHABLE);
    fake_live(f);
    world_later(51);
    assert_err(ask(), PIL_OK);
    assert_int_equal(pil_genpage_word(atomic_load(&pil_process.page)), UINT64_C(2000) << 16);
}

static void *ask_in_a_thread(void *arg)
{
    int *err = arg;

    *err = ask();
    return NULL;
}

static void who_asks_during_a_restart_waits_for_its_end(void **state)
{
    struct fake_policyd *f = *state;
    int err = PIL_E_INTERNAL;
    pthread_t thread;

    assert_err(ask(), PIL_OK);
    fake_die(f);
    assert_int_equal(pthread_create(&thread, NULL, ask_in_a_thread, &err), 0);
    while (atomic_load(&pil_process.gone_ns) == 0)
        sched_yield();
    fake_live(f);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_err(err, PIL_OK);
    assert_int_equal(pil_genpage_word(atomic_load(&pil_process.page)), UINT64_C(2000) << 16);
}

/* The clock goes with the waits, so their number is exact: 10 ms each, an eighth is spared. */
static void it_waits_within_the_deadline_and_no_longer(void **state)
{
    struct fake_policyd *f = *state;

    waits_take_no_time();
    assert_err(ask(), PIL_OK);
    fake_die(f);
    world_deadline(400);
    assert_err(ask(), PIL_E_UNREACHABLE);
    assert_in_range(waits, 30, 34);
}

static void one_that_stays_away_is_waited_for_five_seconds(void **state)
{
    struct fake_policyd *f = *state;

    waits_take_no_time();
    assert_err(ask(), PIL_OK);
    fake_die(f);
    assert_err(ask(), PIL_E_UNREACHABLE);
    assert_true(waits > 0);
    world_later(5001);
    waits = 0;
    assert_err(ask(), PIL_E_UNREACHABLE);
    assert_int_equal(waits, 0);
}

static void one_that_never_was_there_is_not_waited_for(void **state)
{
    struct fake_policyd *f = *state;

    waits_take_no_time();
    fake_die(f);
    assert_err(ask(), PIL_E_UNREACHABLE);
    assert_int_equal(waits, 0);
}

/* A cached verdict may serve. */
static void looking_for_another_one_does_not_wait(void **state)
{
    struct fake_policyd *f = *state;

    waits_take_no_time();
    assert_err(ask(), PIL_OK);
    fake_die(f);
    assert_false(pil_link_alive());
    assert_err(pil_link_renew(pil_link_deadline()), PIL_E_UNREACHABLE);
    assert_int_equal(waits, 0);
}

/* It did not answer, and then it was another one that did: the page must be the new one's. */
static void timed_out_and_then_restarted(void **state)
{
    struct fake_policyd *f = *state;

    assert_err(ask(), PIL_OK);
    world_deadline(WORLD_SHORT_MS);
    fake_once(f, FAKE_HOLD);
    assert_err(ask(), PIL_E_TIMEOUT);
    world_deadline(WORLD_LONG_MS);
    fake_die(f);
    fake_live(f);
    world_later(51);
    assert_err(ask(), PIL_OK);
    assert_int_equal(pil_genpage_word(atomic_load(&pil_process.page)), UINT64_C(2000) << 16);
}

/* The same policyd after the last link went: it has another ring for us now. */
static void timed_out_and_then_the_same(void **state)
{
    struct fake_policyd *f = *state;

    assert_err(ask(), PIL_OK);
    world_deadline(WORLD_SHORT_MS);
    fake_once(f, FAKE_HOLD);
    assert_err(ask(), PIL_E_TIMEOUT);
    world_deadline(WORLD_LONG_MS);
    fake_wait_ended(f, 1);
    world_later(51);
    assert_err(ask(), PIL_OK);
    atomic_fetch_add(&atomic_load(&pil_process.ring)->counters.reconnects, 5);
    assert_int_equal(atomic_load(&fake_ring(f, 0)->counters.reconnects), 0);
    assert_int_equal(atomic_load(&fake_ring(f, 1)->counters.reconnects), 5);
}

/* While one link stays, others come and go without a new mapping. */
static void a_second_link_maps_nothing(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_genpage *page;
    struct pil_ring *ring;

    assert_err(ask(), PIL_OK);
    page = atomic_load(&pil_process.page);
    ring = atomic_load(&pil_process.ring);
    atomic_store(&pil_process.link[0].busy, UINT64_C(1) << 62); /* held by nobody who ends */
    assert_err(ask(), PIL_OK);
    assert_int_equal(fake_seen(f).hellos, 2);
    assert_true(atomic_load(&pil_process.page) == page);
    assert_true(atomic_load(&pil_process.ring) == ring);
    atomic_store(&pil_process.link[0].busy, 0);
}

static void alive_tells_what_the_link_tells(void **state)
{
    struct fake_policyd *f = *state;

    assert_false(pil_link_alive()); /* never welcomed */
    assert_err(pil_link_welcome(pil_link_deadline()), PIL_OK);
    assert_true(pil_link_alive());
    assert_true(pil_link_alive());
    fake_die(f);
    assert_false(pil_link_alive());
    assert_false(pil_link_alive());
    fake_live(f);
    assert_err(pil_link_welcome(pil_link_deadline()), PIL_OK);
    assert_true(pil_link_alive());
}

static void a_retired_page_leads_to_a_new_hello(void **state)
{
    struct fake_policyd *f = *state;

    assert_err(pil_link_welcome(pil_link_deadline()), PIL_OK);
    pil_genpage_retire(fake_page(f));
    assert_false(pil_link_alive());
    fake_die(f);
    fake_live(f);
    assert_err(pil_link_welcome(pil_link_deadline()), PIL_OK);
    assert_int_equal(fake_seen(f).hellos, 2);
    assert_int_equal(pil_genpage_word(atomic_load(&pil_process.page)), UINT64_C(2000) << 16);
    assert_true(pil_link_alive());
}

/* ---- many threads ---------------------------------------------------------------------------- */

struct asker {
    pthread_t thread;
    uint16_t port;
    int err;
    struct pil_verdict v;
};

static void *ask_once(void *arg)
{
    struct asker *a = arg;

    a->err = ask_port(a->port, &a->v);
    return NULL;
}

static void start_askers(struct asker *a, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        a[i] = (struct asker){.port = (uint16_t)(1 + i)};
        assert_int_equal(pthread_create(&a[i].thread, NULL, ask_once, &a[i]), 0);
    }
}

static void join_askers(struct asker *a, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(pthread_join(a[i].thread, NULL), 0);
}

/* The rule tells which question was answered, whoever reads it. */
static void rule_is_port(const struct pil_query *q, struct pil_verdict *v)
{
    v->rule = q->port;
}

static void eight_wait_each_with_a_link_and_a_ninth_waits_for_one(void **state)
{
    struct fake_policyd *f = *state;
    struct asker a[PIL_LINKS], ninth;

    fake_says(f, 0, 10000);
    fake_judge(f, rule_is_port);
    assert_err(pil_link_welcome(pil_link_deadline()), PIL_OK);
    fake_always(f, FAKE_HOLD);
    start_askers(a, PIL_LINKS);
    fake_wait_frames(f, PIL_LINKS);
    assert_int_equal(links_up(), PIL_LINKS);
    start_askers(&ninth, 1);
    while (atomic_load(&pil_process.waiters) == 0)
        sched_yield();
    fake_always(f, FAKE_VERDICT);
    fake_release(f);
    join_askers(a, PIL_LINKS);
    join_askers(&ninth, 1);
    for (unsigned i = 0; i < PIL_LINKS; i++) {
        assert_err(a[i].err, PIL_OK);
        assert_int_equal(a[i].v.rule, a[i].port);
    }
    assert_err(ninth.err, PIL_OK);
    assert_int_equal(fake_seen(f).connections, PIL_LINKS);
    assert_int_equal(fake_seen(f).frames, PIL_LINKS + 1);
    assert_int_equal(atomic_load(&pil_process.waiters), 0);
}

/* Eight threads that time out at once have seen one failure. */
static void links_that_fail_together_back_off_once(void **state)
{
    struct fake_policyd *f = *state;
    struct asker a[PIL_LINKS];

    frozen_ns = 100 * WORLD_SECOND;
    pil_real_libc.clock_gettime = frozen_clock;
    world_deadline(WORLD_SHORT_MS);
    fake_always(f, FAKE_HOLD);
    start_askers(a, PIL_LINKS);
    join_askers(a, PIL_LINKS);
    for (unsigned i = 0; i < PIL_LINKS; i++)
        assert_err(a[i].err, PIL_E_TIMEOUT);
    assert_int_equal(atomic_load(&pil_process.backoff_ms), 50);
    assert_int_equal(atomic_load(&pil_process.retry_ns), frozen_ns + 50 * 1000000);
}

/* The ninth gives up by itself, whatever the eight do. */
static void no_free_link_is_timed_out(void **state)
{
    struct fake_policyd *f = *state;
    struct timespec now;
    uint64_t busy;

    assert_err(pil_link_welcome(pil_link_deadline()), PIL_OK);
    world_clock(CLOCK_MONOTONIC, &now);
    busy = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    for (unsigned i = 0; i < PIL_LINKS; i++)
        atomic_store(&pil_process.link[i].busy, busy);
    world_deadline(WORLD_SHORT_MS);
    assert_err(ask(), PIL_E_TIMEOUT);
    assert_int_equal(fake_seen(f).frames, 0);
    assert_int_equal(atomic_load(&pil_process.waiters), 0);
    for (unsigned i = 0; i < PIL_LINKS; i++)
        assert_int_equal(atomic_load(&pil_process.link[i].busy), busy);
}

/* A thread that died (a killed vfork child) had asked and not read: its link is taken after five
 * seconds, and nobody reads the answer that was meant for it. */
static void a_dead_holders_link_is_taken_but_not_its_answer(void **state)
{
    struct fake_policyd *f = *state;
    struct pil_link *link = &pil_process.link[0];
    struct pil_verdict v;
    struct timespec now;
    uint64_t busy;

    fake_judge(f, rule_is_port);
    assert_err(ask(), PIL_OK);
    world_clock(CLOCK_MONOTONIC, &now);
    busy = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    {
        struct pil_query q = question(666);
        struct pil_writer w;
        struct iovec iov;
        uint8_t frame[256];

        pil_wire_begin(&w, frame, sizeof(frame), PIL_WIRE_DECIDE, ++link->sequence);
        pil_wire_put_queries(&w, &q, 1);
        assert_err(pil_wire_finish(&w), PIL_OK);
        iov = (struct iovec){frame, w.len};
        assert_int_equal(writev((int)atomic_load(&link->fd) - 1, &iov, 1), w.len);
    }
    fake_wait_frames(f, 2);
    for (unsigned i = 0; i < PIL_LINKS; i++)
        atomic_store(&pil_process.link[i].busy, busy);
    world_later(5001);
    assert_err(ask_port(77, &v), PIL_OK);
    assert_int_equal(v.rule, 77);
    assert_int_equal(atomic_load(&link->busy), 0);
}

static void *ask_many(void *arg)
{
    struct asker *a = arg;

    for (int i = 0; i < 500 && a->err == PIL_OK; i++) {
        a->err = ask_port(a->port, &a->v);
        if (!a->err && a->v.rule != a->port)
            a->err = PIL_E_INTERNAL;
    }
    return NULL;
}

static void twelve_threads_each_get_their_own_answers(void **state)
{
    struct fake_policyd *f = *state;
    struct asker a[12];

    fake_judge(f, rule_is_port);
    fake_says(f, 0, 10000);
    assert_err(pil_link_welcome(pil_link_deadline()), PIL_OK);
    for (unsigned i = 0; i < PIL_NELEM(a); i++) {
        a[i] = (struct asker){.port = (uint16_t)(1 + i)};
        assert_int_equal(pthread_create(&a[i].thread, NULL, ask_many, &a[i]), 0);
    }
    join_askers(a, PIL_NELEM(a));
    for (unsigned i = 0; i < PIL_NELEM(a); i++)
        assert_err(a[i].err, PIL_OK);
    assert_true(links_up() <= PIL_LINKS);
    assert_int_equal(fake_seen(f).frames, 6000);
    assert_int_equal(fake_seen(f).illegal, 0);
}

/* ---- evict ----------------------------------------------------------------------------------- */

static void evict_frees_the_number_and_the_next_call_has_another(void **state)
{
    struct fake_policyd *f = *state;
    int fd;

    assert_err(ask(), PIL_OK);
    fd = (int)atomic_load(&pil_process.link[0].fd) - 1;
    assert_true(pil_link_evict(fd));
    assert_false(pil_ownfd_has(fd));
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    fake_wait_ended(f, 1);
    assert_int_equal(dup2(2, fd), fd); /* now it is the program's */
    assert_err(ask(), PIL_OK);
    assert_true((int)atomic_load(&pil_process.link[0].fd) - 1 != fd);
    close(fd);
}

static void evict_of_a_link_in_use_gives_up_at_the_deadline(void **state)
{
    struct timespec now;
    int fd;

    (void)state;
    assert_err(ask(), PIL_OK);
    fd = (int)atomic_load(&pil_process.link[0].fd) - 1;
    world_clock(CLOCK_MONOTONIC, &now);
    atomic_store(&pil_process.link[0].busy, (uint64_t)now.tv_sec * 1000000000u);
    world_deadline(WORLD_SHORT_MS);
    assert_false(pil_link_evict(fd));
    assert_true(pil_ownfd_has(fd));
    atomic_store(&pil_process.link[0].busy, 0);
}

/* ---- children ---------------------------------------------------------------------------------
 */

/* Nobody can say whether an exec may leave Pillion's reach: then it may not. */
static void children_are_covered_when_nobody_can_tell(void **state)
{
    struct fake_policyd *f = *state;

    fake_die(f);
    assert_true(pil_link_cover_children());
}

static void children_are_asked_about_when_it_is_not_known(void **state)
{
    struct fake_policyd *f = *state;

    fake_says(f, PIL_WELCOME_COVER_CHILDREN, 0);
    assert_true(pil_link_cover_children());
    assert_int_equal(fake_seen(f).connections, 1);
}

/* A policy that asks for it reaches programs that run; and without policyd its last word counts. */
static void children_follow_the_policy_in_force(void **state)
{
    struct fake_policyd *f = *state;

    assert_err(ask(), PIL_OK);
    assert_false(pil_link_cover_children());
    assert_int_equal(fake_seen(f).connections, 1);
    fake_says(f, PIL_WELCOME_COVER_CHILDREN, 0);
    pil_genpage_publish(fake_page(f), 1001, 0);
    assert_true(pil_link_cover_children());
    assert_int_equal(fake_seen(f).connections, 2);
    assert_true(pil_link_cover_children());
    assert_int_equal(fake_seen(f).connections, 2);
    fake_die(f);
    assert_true(pil_link_cover_children());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(hello_question_and_verdict),
        world_test(a_batch_keeps_its_order),
        world_test(one_link_serves_one_thread_for_ever),
        world_test(greet_says_hello_and_reads_later),
        world_test(the_first_welcome_has_longer),
        world_test(after_a_failure_a_welcome_has_no_longer),
        world_test(a_first_welcome_that_never_comes_times_out),
        world_test(the_link_is_high_and_close_on_exec),
        world_test(the_deadline_is_the_documented_one),
        world_test(the_deadline_that_policyd_gives_holds_at_once),
        world_test(a_call_has_one_deadline),
        world_test(children_are_covered_when_nobody_can_tell),
        world_test(children_are_asked_about_when_it_is_not_known),
        world_test(children_follow_the_policy_in_force),
        world_test(a_silly_deadline_is_not_taken),
        world_test(the_other_place_is_tried),
        world_test(signals_wait_while_a_link_is_held),
        world_test(nobody_there_is_unreachable),
        world_test(no_descriptor_is_unreachable),
        world_test(a_full_backlog_is_timed_out),
        world_test(no_room_for_the_pages_is_unreachable),
        world_test(no_answer_is_timed_out),
        world_test(no_welcome_is_timed_out),
        world_test(a_welcome_with_a_no_is_refused),
        world_test(a_peer_of_another_user_is_refused_unheard),
        world_test(root_and_the_own_user_are_trusted),
        world_test(in_secure_mode_only_root_is_trusted),
        world_test(a_peer_that_cannot_be_told_is_refused),
        world_test(every_broken_answer_is_malformed),
        world_test(every_broken_welcome_is_malformed),
        world_test(attempts_back_off_and_the_cause_is_kept),
        world_test(a_welcome_alone_does_not_end_the_back_off),
        world_test(until_then_calls_fail_at_once),
        world_test(an_eof_finds_the_restarted_policyd),
        world_test(an_eof_instead_of_the_answer_asks_again_once),
        world_test(gone_is_unreachable_until_it_is_back),
        world_test(who_asks_during_a_restart_waits_for_its_end),
        world_test(it_waits_within_the_deadline_and_no_longer),
        world_test(one_that_stays_away_is_waited_for_five_seconds),
        world_test(one_that_never_was_there_is_not_waited_for),
        world_test(looking_for_another_one_does_not_wait),
        world_test(timed_out_and_then_restarted),
        world_test(timed_out_and_then_the_same),
        world_test(a_second_link_maps_nothing),
        world_test(alive_tells_what_the_link_tells),
        world_test(a_retired_page_leads_to_a_new_hello),
        world_test(eight_wait_each_with_a_link_and_a_ninth_waits_for_one),
        world_test(links_that_fail_together_back_off_once),
        world_test(no_free_link_is_timed_out),
        world_test(a_dead_holders_link_is_taken_but_not_its_answer),
        world_test(twelve_threads_each_get_their_own_answers),
        world_test(evict_frees_the_number_and_the_next_call_has_another),
        world_test(evict_of_a_link_in_use_gives_up_at_the_deadline),
    };

    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
