/*
 * core/chan: whole frames or an error; descriptors never leak, whatever the peer does. Real
 * sockets where the kernel decides, fakes where it has to fail on demand.
 */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/chan.h"

static const struct pil_sysops *const kernel = &pil_sysops_kernel;

static void make_pair(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

static void drop_pair(const int pair[2])
{
    close(pair[0]);
    close(pair[1]);
}

static struct iovec text(const char *s)
{
    return (struct iovec){(void *)s, strlen(s)};
}

/* How many descriptors this process has: the measure of a leak. */
static unsigned open_fds(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void a_gathered_frame_arrives_whole(void **state)
{
    struct iovec iov[3] = {text("one "), text(""), text("frame")};
    char buf[64];
    size_t len = 0;
    int pair[2];

    (void)state;
    make_pair(pair);
    assert_err(pil_chan_send(kernel, pair[0], iov, 3, NULL, 0, true), PIL_OK);
    assert_err(pil_chan_send(kernel, pair[0], iov, 1, NULL, 0, true), PIL_OK);
    assert_err(pil_chan_recv(kernel, pair[1], buf, sizeof(buf), &len, NULL, NULL, true), PIL_OK);
    assert_int_equal(len, 9);
    assert_memory_equal(buf, "one frame", 9);
    assert_err(pil_chan_recv(kernel, pair[1], buf, 4, &len, NULL, NULL, true), PIL_OK);
    assert_int_equal(len, 4);
    drop_pair(pair);
}

static void descriptors_arrive_close_on_exec(void **state)
{
    struct iovec iov = text("x");
    int pair[2], fds[PIL_CHAN_FDS], got[PIL_CHAN_FDS];
    unsigned before, count = PIL_CHAN_FDS;
    char buf[8];
    size_t len;

    (void)state;
    make_pair(pair);
    for (unsigned i = 0; i < PIL_CHAN_FDS; i++)
        assert_true((fds[i] = open("/dev/null", O_RDONLY)) >= 0);
    before = open_fds();
    assert_err(pil_chan_send(kernel, pair[0], &iov, 1, fds, PIL_CHAN_FDS, true), PIL_OK);
    assert_int_equal(open_fds(), before); /* lent, not given */
    assert_err(pil_chan_recv(kernel, pair[1], buf, sizeof(buf), &len, got, &count, true), PIL_OK);
    assert_int_equal(count, PIL_CHAN_FDS);
    for (unsigned i = 0; i < PIL_CHAN_FDS; i++) {
        assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
        close(got[i]);
        close(fds[i]);
    }
    drop_pair(pair);
}

static void too_many_to_send_is_refused(void **state)
{
    int fds[PIL_CHAN_FDS + 1] = {0};
    struct iovec iov = text("x");

    (void)state;
    assert_err(pil_chan_send(kernel, -1, &iov, 1, fds, PIL_CHAN_FDS + 1, true), PIL_E_RANGE);
}

/* Sends `sent` descriptors with `data` and receives with room for `room`. */
static int pass(unsigned sent, unsigned room, size_t data, size_t cap, unsigned *leak)
{
    int pair[2], fds[PIL_CHAN_FDS] = {0, 0, 0, 0}, got[PIL_CHAN_FDS] = {-1, -1, -1, -1};
    struct iovec iov = {(char[]){"0123456789"}, data};
    unsigned before, count = room;
    char buf[16];
    size_t len;
    int err;

    make_pair(pair);
    before = open_fds();
    assert_err(pil_chan_send(kernel, pair[0], &iov, 1, fds, sent, true), PIL_OK);
    err = pil_chan_recv(kernel, pair[1], buf, cap, &len, room ? got : NULL, room ? &count : NULL,
                        true);
    for (unsigned i = 0; i < count && !err; i++)
        close(got[i]);
    if (err && room)
        assert_int_equal(count, 0);
    *leak = open_fds() - before;
    drop_pair(pair);
    return err;
}

static void a_refused_frame_leaks_no_descriptor(void **state)
{
    unsigned leak;

    (void)state;
    for (unsigned sent = 1; sent <= PIL_CHAN_FDS; sent++) {
        for (unsigned room = 0; room <= PIL_CHAN_FDS; room++) {
            assert_err(pass(sent, room, 4, 16, &leak), sent > room ? PIL_E_MALFORMED : PIL_OK);
            assert_int_equal(leak, 0);
            /* Cut by the kernel: refused, whatever came along. */
            assert_err(pass(sent, room, 10, 9, &leak), PIL_E_MALFORMED);
            assert_int_equal(leak, 0);
            /* An empty frame cannot be told from the end, and keeps nothing open. */
            assert_err(pass(sent, room, 0, 16, &leak),
                       sent > room ? PIL_E_MALFORMED : PIL_E_CLOSED);
            assert_int_equal(leak, 0);
        }
    }
}

/* A hostile peer may send more than fits into the control buffer. */
static void a_cut_control_message_is_refused(void **state)
{
    union {
        char room[CMSG_SPACE(sizeof(int) * 32)];
        struct cmsghdr head;
    } control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int) * 32),
                          .cmsg_level = SOL_SOCKET,
                          .cmsg_type = SCM_RIGHTS}};
    struct iovec iov = text("x");
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.room,
                         .msg_controllen = sizeof(control.room)};
    int pair[2], got[PIL_CHAN_FDS];
    unsigned before, count = PIL_CHAN_FDS;
    char buf[8];
    size_t len;

    (void)state;
    make_pair(pair);
    before = open_fds();
    assert_int_equal(sendmsg(pair[0], &msg, 0), 1); /* 32 times descriptor 0 */
    assert_err(pil_chan_recv(kernel, pair[1], buf, sizeof(buf), &len, got, &count, true),
               PIL_E_MALFORMED);
    assert_int_equal(count, 0);
    assert_int_equal(open_fds(), before);
    drop_pair(pair);
}

/* A child sends a frame with so many descriptors on the inherited end; its pid. */
static pid_t sent_by_a_child(int fd, unsigned count)
{
    int fds[PIL_CHAN_FDS] = {0, 0, 0, 0};
    struct iovec iov = text("child");
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(pil_chan_send(kernel, fd, &iov, 1, fds, count, true));
    assert_int_equal(waitpid(child, NULL, 0), child);
    return child;
}

static void ask_for_senders(int fd)
{
    int one = 1;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)), 0);
}

static void the_sender_is_told_and_not_who_connected(void **state)
{
    struct iovec iov = text("x");
    struct ucred sender;
    char buf[8];
    size_t len;
    int pair[2];
    pid_t child;

    (void)state;
    make_pair(pair);
    ask_for_senders(pair[1]);
    assert_err(pil_chan_send(kernel, pair[0], &iov, 1, NULL, 0, true), PIL_OK);
    assert_err(
        pil_chan_recv_from(kernel, pair[1], buf, sizeof(buf), &len, NULL, NULL, &sender, true),
        PIL_OK);
    assert_int_equal(sender.pid, getpid());
    assert_int_equal(sender.uid, getuid());
    assert_int_equal(sender.gid, getgid());
    child = sent_by_a_child(pair[0], 0);
    assert_err(
        pil_chan_recv_from(kernel, pair[1], buf, sizeof(buf), &len, NULL, NULL, &sender, true),
        PIL_OK);
    assert_int_equal(sender.pid, child);
    /* Who does not want to know gets the frame all the same. */
    sent_by_a_child(pair[0], 0);
    assert_err(pil_chan_recv(kernel, pair[1], buf, sizeof(buf), &len, NULL, NULL, true), PIL_OK);
    assert_int_equal(len, 5);
    drop_pair(pair);
}

static void a_sender_comes_beside_all_descriptors(void **state)
{
    int pair[2], got[PIL_CHAN_FDS];
    unsigned before, count = PIL_CHAN_FDS;
    struct ucred sender;
    char buf[8];
    size_t len;
    pid_t child;

    (void)state;
    make_pair(pair);
    ask_for_senders(pair[1]);
    before = open_fds();
    child = sent_by_a_child(pair[0], PIL_CHAN_FDS);
    assert_err(
        pil_chan_recv_from(kernel, pair[1], buf, sizeof(buf), &len, got, &count, &sender, true),
        PIL_OK);
    assert_int_equal(count, PIL_CHAN_FDS);
    assert_int_equal(sender.pid, child);
    for (unsigned i = 0; i < count; i++)
        close(got[i]);
    /* ... and makes no room for one that was not asked for. */
    sent_by_a_child(pair[0], 1);
    assert_err(
        pil_chan_recv_from(kernel, pair[1], buf, sizeof(buf), &len, NULL, NULL, &sender, true),
        PIL_E_MALFORMED);
    assert_int_equal(open_fds(), before);
    drop_pair(pair);
}

static void a_sender_that_was_not_told_is_nobody(void **state)
{
    struct ucred sender = {.pid = getpid()};
    struct iovec iov = text("x");
    char buf[8];
    size_t len;
    int pair[2];

    (void)state;
    make_pair(pair);
    assert_err(pil_chan_send(kernel, pair[0], &iov, 1, NULL, 0, true), PIL_OK);
    assert_err(
        pil_chan_recv_from(kernel, pair[1], buf, sizeof(buf), &len, NULL, NULL, &sender, true),
        PIL_OK);
    assert_int_equal(sender.pid, 0);
    assert_true(sender.uid == (uid_t)-1 && sender.gid == (gid_t)-1);
    drop_pair(pair);
}

static void an_empty_channel_is_told_without_waiting(void **state)
{
    char buf[8];
    size_t len;
    int pair[2];

    (void)state;
    make_pair(pair);
    assert_err(pil_chan_recv(kernel, pair[1], buf, sizeof(buf), &len, NULL, NULL, false),
               PIL_E_AGAIN);
    drop_pair(pair);
}

static void a_full_channel_is_told_without_waiting(void **state)
{
    static char block[1024];
    struct iovec iov = {block, sizeof(block)};
    int pair[2], err;
    unsigned sent = 0;

    (void)state;
    make_pair(pair);
    while ((err = pil_chan_send(kernel, pair[0], &iov, 1, NULL, 0, false)) == PIL_OK)
        assert_true(++sent < 100000);
    assert_err(err, PIL_E_AGAIN);
    assert_true(sent > 0);
    drop_pair(pair);
}

static void a_vanished_peer_is_closed_and_raises_no_signal(void **state)
{
    struct iovec iov = text("x");
    char buf[8];
    size_t len;
    int pair[2];

    (void)state;
    assert_ptr_not_equal(signal(SIGPIPE, SIG_DFL), SIG_ERR);
    make_pair(pair);
    assert_err(pil_chan_send(kernel, pair[0], &iov, 1, NULL, 0, true), PIL_OK);
    close(pair[0]);
    /* What was sent before is still there, then the end. */
    assert_err(pil_chan_recv(kernel, pair[1], buf, sizeof(buf), &len, NULL, NULL, true), PIL_OK);
    assert_err(pil_chan_recv(kernel, pair[1], buf, sizeof(buf), &len, NULL, NULL, true),
               PIL_E_CLOSED);
    assert_err(pil_chan_send(kernel, pair[1], &iov, 1, NULL, 0, true), PIL_E_CLOSED);
    close(pair[1]);
    assert_err(pil_chan_send(kernel, pair[1], &iov, 1, NULL, 0, true), PIL_E_SYSTEM);
    assert_err(pil_chan_recv(kernel, pair[1], buf, sizeof(buf), &len, NULL, NULL, true),
               PIL_E_SYSTEM);
}

/* ---- on demand ------------------------------------------------------------------------------ */

static struct {
    int interrupts; /* this many EINTR first */
    long then;      /* then this */
    int calls;
    int timeouts[8]; /* what poll was given */
    uint64_t clock;  /* what the clock says; */
    uint64_t step;   /* and by how much it moves at each reading */
} fake;

static long next(void)
{
    fake.calls++;
    return fake.interrupts-- > 0 ? -EINTR : fake.then;
}

static ssize_t fake_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    (void)fd, (void)msg;
    assert_true(flags & MSG_NOSIGNAL);
    return next();
}

static ssize_t fake_recvmsg(int fd, struct msghdr *msg, int flags)
{
    (void)fd;
    assert_true(flags & MSG_CMSG_CLOEXEC);
    msg->msg_controllen = 0;
    msg->msg_flags = 0;
    return next();
}

static int fake_poll(struct pollfd *fds, unsigned count, int timeout_ms)
{
    (void)fds, (void)count;
    if (fake.calls < (int)PIL_NELEM(fake.timeouts))
        fake.timeouts[fake.calls] = timeout_ms;
    return (int)next();
}

static int fake_clock(clockid_t clock, struct timespec *now)
{
    assert_int_equal(clock, CLOCK_MONOTONIC);
    now->tv_sec = (time_t)(fake.clock / 1000000000u);
    now->tv_nsec = (long)(fake.clock % 1000000000u);
    fake.clock += fake.step;
    return 0;
}

static int broken_clock(clockid_t clock, struct timespec *now)
{
    (void)clock, (void)now;
    return -EINVAL;
}

static struct pil_sysops faked(int interrupts, long then)
{
    struct pil_sysops sys = pil_sysops_kernel;

    memset(&fake, 0, sizeof(fake));
    fake.interrupts = interrupts;
    fake.then = then;
    sys.sendmsg = fake_sendmsg;
    sys.recvmsg = fake_recvmsg;
    sys.poll = fake_poll;
    sys.clock_gettime = fake_clock;
    return sys;
}

static void signals_are_waited_out(void **state)
{
    struct pil_sysops sys = faked(3, 1);
    struct iovec iov = text("x");
    char buf[8];
    size_t len;

    (void)state;
    assert_err(pil_chan_send(&sys, 9, &iov, 1, NULL, 0, true), PIL_OK);
    assert_int_equal(fake.calls, 4);
    sys = faked(3, 5);
    assert_err(pil_chan_recv(&sys, 9, buf, sizeof(buf), &len, NULL, NULL, true), PIL_OK);
    assert_int_equal(fake.calls, 4);
    assert_int_equal(len, 5);
}

static void kernel_errors_become_ours(void **state)
{
    static const struct {
        int error;
        int want;
    } rows[] = {
        {EAGAIN, PIL_E_AGAIN},    {EPIPE, PIL_E_CLOSED},        {ECONNRESET, PIL_E_CLOSED},
        {ENOTCONN, PIL_E_CLOSED}, {EBADF, PIL_E_SYSTEM},        {ENOMEM, PIL_E_SYSTEM},
        {EMSGSIZE, PIL_E_SYSTEM}, {ETOOMANYREFS, PIL_E_SYSTEM},
    };
    struct iovec iov = text("x");
    char buf[8];
    size_t len = 77;
    int fds[2];

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        struct pil_sysops sys = faked(0, -rows[i].error);
        unsigned count = 2;

        assert_err(pil_chan_send(&sys, 9, &iov, 1, NULL, 0, true), rows[i].want);
        assert_err(pil_chan_recv(&sys, 9, buf, sizeof(buf), &len, fds, &count, true), rows[i].want);
        assert_int_equal(count, 0);
    }
    assert_int_equal(len, 77);
}

/* A signal neither shortens the wait nor starts it over. */
static void waiting_keeps_its_deadline_over_signals(void **state)
{
    struct pil_sysops sys = faked(2, 1);

    (void)state;
    fake.clock = 5000000000u;
    fake.step = 40000000;
    assert_err(pil_chan_wait(&sys, 9, 5250000000u), PIL_OK);
    assert_int_equal(fake.timeouts[0], 250);
    assert_int_equal(fake.timeouts[1], 210);
    assert_int_equal(fake.timeouts[2], 170);
    /* A part of a millisecond is rounded up, so that the wait never ends early. */
    sys = faked(0, 0);
    fake.clock = 1;
    assert_err(pil_chan_wait(&sys, 9, 1000001), PIL_E_TIMEOUT);
    assert_int_equal(fake.timeouts[0], 1);
    sys = faked(0, 0);
    fake.clock = 1;
    assert_err(pil_chan_wait(&sys, 9, 1000002), PIL_E_TIMEOUT);
    assert_int_equal(fake.timeouts[0], 2);
}

static void a_deadline_that_is_past_still_looks_once(void **state)
{
    struct pil_sysops sys = faked(1, 1);

    (void)state;
    fake.clock = 9000;
    assert_err(pil_chan_wait(&sys, 9, 8000), PIL_OK);
    assert_int_equal(fake.timeouts[0], 0);
    assert_int_equal(fake.timeouts[1], 0);
}

static void a_far_deadline_never_becomes_an_endless_or_negative_wait(void **state)
{
    static const uint64_t deadlines[] = {UINT64_MAX, UINT64_MAX - 999999, UINT64_MAX / 2,
                                         3000000000000000u};

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(deadlines); i++) {
        struct pil_sysops sys = faked(0, 1);

        fake.clock = 1000;
        assert_err(pil_chan_wait(&sys, 9, deadlines[i]), PIL_OK);
        assert_true(fake.timeouts[0] > 1000000);
    }
}

static void a_wait_that_cannot_be_measured_fails(void **state)
{
    struct pil_sysops sys = faked(0, -EINVAL);

    (void)state;
    fake.clock = 1;
    assert_err(pil_chan_wait(&sys, 9, 1000000), PIL_E_SYSTEM);
    sys.clock_gettime = broken_clock;
    assert_true(pil_chan_now(&sys) == 0);
    fake.then = 0;
    assert_err(pil_chan_wait(&sys, 9, 1000000), PIL_E_SYSTEM);
}

static void the_clock_is_the_monotonic_one(void **state)
{
    struct pil_sysops sys = faked(0, 0);

    (void)state;
    fake.clock = 12345678901u;
    assert_true(pil_chan_now(&sys) == 12345678901u);
    assert_true(pil_chan_now(kernel) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gathered_frame_arrives_whole),
        cmocka_unit_test(descriptors_arrive_close_on_exec),
        cmocka_unit_test(too_many_to_send_is_refused),
        cmocka_unit_test(a_refused_frame_leaks_no_descriptor),
        cmocka_unit_test(a_cut_control_message_is_refused),
        cmocka_unit_test(the_sender_is_told_and_not_who_connected),
        cmocka_unit_test(a_sender_comes_beside_all_descriptors),
        cmocka_unit_test(a_sender_that_was_not_told_is_nobody),
        cmocka_unit_test(an_empty_channel_is_told_without_waiting),
        cmocka_unit_test(a_full_channel_is_told_without_waiting),
        cmocka_unit_test(a_vanished_peer_is_closed_and_raises_no_signal),
        cmocka_unit_test(signals_are_waited_out),
        cmocka_unit_test(kernel_errors_become_ours),
        cmocka_unit_test(waiting_keeps_its_deadline_over_signals),
        cmocka_unit_test(a_deadline_that_is_past_still_looks_once),
        cmocka_unit_test(a_far_deadline_never_becomes_an_endless_or_negative_wait),
        cmocka_unit_test(a_wait_that_cannot_be_measured_fails),
        cmocka_unit_test(the_clock_is_the_monotonic_one),
    };

    return cmocka_run_group_tests_name("chan", tests, NULL, NULL);
}
