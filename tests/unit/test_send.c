/*
 * sendto, sendmsg, sendmmsg: over real datagram sockets. What names a destination is judged by the
 * copy that is sent; what does not is the data path and costs no question.
 */
#include "tests/support/support.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/shim.h"
#include "tests/support/shimworld.h"

#define LOOPBACK INADDR_LOOPBACK

/* Two receivers on loopback; `bad` is the one that policy denies. */
struct peers {
    int out, good, bad;
    struct sockaddr_in to_good, to_bad;
};

static uint16_t bad_port;

static void deny_bad_port(const struct pil_query *q, struct pil_verdict *v)
{
    if (q->port != bad_port)
        return;
    v->effect = PIL_DENY;
    v->reason = PIL_REASON_RULE_DENY;
    v->error = ECONNREFUSED;
}

static int receiver(struct sockaddr_in *in)
{
    socklen_t len = sizeof(*in);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    *in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)in, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)in, &len), 0);
    return fd;
}

static struct peers make_peers(struct fake_policyd *f)
{
    struct peers p;

    p.out = socket(AF_INET, SOCK_DGRAM, 0);
    p.good = receiver(&p.to_good);
    p.bad = receiver(&p.to_bad);
    bad_port = ntohs(p.to_bad.sin_port);
    fake_judge(f, deny_bad_port);
    return p;
}

static void drop_peers(const struct peers *p)
{
    close(p->out), close(p->good), close(p->bad);
}

/* What has arrived, as one text; loopback delivers before send returns. */
static const char *arrived(int fd)
{
    static char text[256];
    size_t at = 0;
    ssize_t got;

    while ((got = recv(fd, text + at, sizeof(text) - 1 - at, 0)) > 0)
        at += (size_t)got;
    text[at] = '\0';
    return text;
}

static ssize_t send_to(int fd, const char *text, const struct sockaddr_in *to)
{
    return pil_shim_sendto(fd, text, strlen(text), 0, (const struct sockaddr *)to, sizeof(*to),
                           NULL);
}

static void sendto_is_judged_as_send(void **state)
{
    struct fake_policyd *f = *state;
    struct peers p = make_peers(f);
    struct pil_ip localhost = world_ip(127, 0, 0, 1);
    struct fake_seen seen;

    errno = 4711;
    assert_int_equal(send_to(p.out, "hello", &p.to_good), 5);
    assert_int_equal(errno, 4711);
    assert_string_equal(arrived(p.good), "hello");
    seen = fake_seen(f);
    assert_int_equal(seen.last[0].action, PIL_ACTION_SEND);
    assert_int_equal(seen.last[0].kind, PIL_KIND_INET);
    assert_int_equal(seen.last[0].port, ntohs(p.to_good.sin_port));
    assert_memory_equal(&seen.last[0].ip, &localhost, sizeof(localhost));
    assert_int_equal(send_to(p.out, "hello", &p.to_bad), -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_string_equal(arrived(p.bad), "");
    drop_peers(&p);
}

static void without_a_destination_nobody_is_asked(void **state)
{
    struct fake_policyd *f = *state;
    struct peers p = make_peers(f);
    struct iovec iov = {(char[]){"x"}, 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    struct mmsghdr vec[2] = {{.msg_hdr = msg}, {.msg_hdr = msg}};

    assert_int_equal(connect(p.out, (struct sockaddr *)&p.to_good, sizeof(p.to_good)), 0);
    fake_die(f);
    assert_int_equal(pil_shim_sendto(p.out, "x", 1, 0, NULL, 0, NULL), 1);
    assert_int_equal(pil_shim_sendmsg(p.out, &msg, 0, NULL), 1);
    assert_int_equal(pil_shim_sendmmsg(p.out, vec, 2, 0, NULL), 2);
    assert_string_equal(arrived(p.good), "xxxx");
    assert_int_equal(fake_seen(f).connections, 0);
    drop_peers(&p);
}

static struct msghdr message(struct iovec *iov, struct sockaddr_in *to, socklen_t len)
{
    return (struct msghdr){.msg_name = to, .msg_namelen = len, .msg_iov = iov, .msg_iovlen = 1};
}

static void sendmsg_is_judged_and_leaves_the_header_alone(void **state)
{
    struct fake_policyd *f = *state;
    struct peers p = make_peers(f);
    struct iovec iov = {(char[]){"abc"}, 3};
    struct msghdr msg = message(&iov, &p.to_good, sizeof(p.to_good)), before = msg;

    assert_int_equal(pil_shim_sendmsg(p.out, &msg, 0, NULL), 3);
    assert_memory_equal(&msg, &before, sizeof(msg));
    assert_string_equal(arrived(p.good), "abc");
    assert_int_equal(fake_seen(f).last[0].action, PIL_ACTION_SEND);
    msg.msg_name = &p.to_bad;
    assert_int_equal(pil_shim_sendmsg(p.out, &msg, 0, NULL), -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_string_equal(arrived(p.bad), "");
    drop_peers(&p);
}

/* The program changes the address after it was judged: what was judged is what is sent. */
static struct sockaddr_in *moving, moves_to;

static ssize_t sendmsg_after_a_change(int fd, const struct msghdr *msg, int flags)
{
    *moving = moves_to;
    return pil_sysops_kernel.sendmsg(fd, msg, flags);
}

static ssize_t sendto_after_a_change(int fd, const void *buf, size_t len, int flags,
                                     const struct sockaddr *sa, socklen_t salen)
{
    *moving = moves_to;
    return pil_sysops_kernel.sendto(fd, buf, len, flags, sa, salen);
}

static int sendmmsg_after_a_change(int fd, struct mmsghdr *vec, unsigned count, int flags)
{
    *moving = moves_to;
    return pil_sysops_kernel.sendmmsg(fd, vec, count, flags);
}

static void what_was_judged_is_what_is_sent(void **state)
{
    struct fake_policyd *f = *state;
    struct peers p = make_peers(f);
    struct iovec iov = {(char[]){"abc"}, 3};
    struct sockaddr_in to = p.to_good;
    struct msghdr msg = message(&iov, &to, sizeof(to));
    struct mmsghdr vec = {.msg_hdr = msg};

    moving = &to;
    moves_to = p.to_bad;
    pil_real_host.sendmsg = sendmsg_after_a_change;
    pil_real_host.sendto = sendto_after_a_change;
    pil_real_host.sendmmsg = sendmmsg_after_a_change;
    assert_int_equal(pil_shim_sendmsg(p.out, &msg, 0, NULL), 3);
    to = p.to_good;
    assert_int_equal(send_to(p.out, "def", &to), 3);
    to = p.to_good;
    assert_int_equal(pil_shim_sendmmsg(p.out, &vec, 1, 0, NULL), 1);
    assert_string_equal(arrived(p.good), "abcdefabc");
    assert_string_equal(arrived(p.bad), "");
    drop_peers(&p);
}

/* The kernel takes the beginning of a destination that is too long; it must not go unjudged. */
static void a_destination_that_is_too_long_is_judged(void **state)
{
    struct fake_policyd *f = *state;
    struct peers p = make_peers(f);
    union {
        struct sockaddr_in in;
        char room[512];
    } to = {.room = {0}};
    struct iovec iov = {(char[]){"abc"}, 3};
    struct msghdr msg = message(&iov, &to.in, 300);
    struct mmsghdr vec = {.msg_hdr = msg};

    to.in = p.to_bad;
    assert_int_equal(pil_sysops_kernel.sendmsg(p.out, &msg, 0), 3); /* indeed it does */
    assert_string_equal(arrived(p.bad), "abc");
    assert_int_equal(pil_shim_sendmsg(p.out, &msg, 0, NULL), -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_int_equal(pil_shim_sendmmsg(p.out, &vec, 1, 0, NULL), -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_string_equal(arrived(p.bad), "");
    to.in = p.to_good;
    assert_int_equal(pil_shim_sendmsg(p.out, &msg, 0, NULL), 3);
    assert_int_equal(pil_shim_sendmmsg(p.out, &vec, 1, 0, NULL), 1);
    assert_int_equal(pil_shim_sendto(p.out, "x", 1, 0, (struct sockaddr *)&to, 300, NULL), -1);
    assert_int_equal(errno, EINVAL); /* sendto, the kernel refuses */
    drop_peers(&p);
}

static void a_name_of_no_length_is_no_destination(void **state)
{
    struct fake_policyd *f = *state;
    struct peers p = make_peers(f);
    struct iovec iov = {(char[]){"abc"}, 3};
    struct msghdr msg = message(&iov, &p.to_bad, 0);
    struct mmsghdr vec = {.msg_hdr = msg};

    assert_int_equal(connect(p.out, (struct sockaddr *)&p.to_good, sizeof(p.to_good)), 0);
    assert_int_equal(pil_shim_sendmsg(p.out, &msg, 0, NULL), 3);
    assert_int_equal(pil_shim_sendmmsg(p.out, &vec, 1, 0, NULL), 1);
    assert_string_equal(arrived(p.good), "abcabc");
    assert_int_equal(fake_seen(f).frames, 0);
    drop_peers(&p);
}

static void a_negative_length_is_einval(void **state)
{
    struct fake_policyd *f = *state;
    struct peers p = make_peers(f);
    struct iovec iov = {(char[]){"abc"}, 3};
    struct msghdr msg = message(&iov, &p.to_bad, (socklen_t)-1);
    struct mmsghdr vec = {.msg_hdr = msg};

    assert_int_equal(pil_sysops_kernel.sendmsg(p.out, &msg, 0), -EINVAL);
    assert_int_equal(pil_shim_sendmsg(p.out, &msg, 0, NULL), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(pil_shim_sendmmsg(p.out, &vec, 1, 0, NULL), -1);
    assert_int_equal(errno, EINVAL);
    drop_peers(&p);
}

static void bad_pointers_are_efault(void **state)
{
    void *nothing = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct peers p = make_peers(*state);
    struct iovec iov = {(char[]){"abc"}, 3};
    struct msghdr msg = message(&iov, nothing, sizeof(struct sockaddr_in));
    struct mmsghdr vec = {.msg_hdr = msg};

    assert_true(nothing != MAP_FAILED);
    assert_int_equal(pil_shim_sendmsg(p.out, &msg, 0, NULL), -1);
    assert_int_equal(errno, EFAULT);
    assert_int_equal(pil_shim_sendmmsg(p.out, &vec, 1, 0, NULL), -1);
    assert_int_equal(errno, EFAULT);
    assert_int_equal(pil_shim_sendmsg(p.out, nothing, 0, NULL), -1);
    assert_int_equal(errno, EFAULT);
    assert_int_equal(pil_shim_sendmmsg(p.out, nothing, 1, 0, NULL), -1);
    assert_int_equal(errno, EFAULT);
    assert_int_equal(pil_shim_sendmsg(p.out, NULL, 0, NULL), -1);
    assert_int_equal(errno, EFAULT);
    assert_int_equal(pil_shim_sendmmsg(p.out, NULL, 1, 0, NULL), -1);
    assert_int_equal(errno, EFAULT);
    assert_int_equal(pil_shim_sendto(p.out, "x", 1, 0, nothing, 16, NULL), -1);
    assert_int_equal(errno, EFAULT);
    munmap(nothing, 8192);
    drop_peers(&p);
}

/* ---- sendmmsg -------------------------------------------------------------------------------- */

#define MANY 20u

struct many {
    struct mmsghdr vec[MANY];
    struct iovec iov[MANY];
    char text[MANY];
};

static void fill(struct many *m, struct sockaddr_in *to)
{
    for (unsigned i = 0; i < MANY; i++) {
        m->text[i] = (char)('a' + i);
        m->iov[i] = (struct iovec){&m->text[i], 1};
        m->vec[i] =
            (struct mmsghdr){.msg_hdr = message(&m->iov[i], to, sizeof(*to)), .msg_len = 99};
    }
}

static void all_of_many_are_sent(void **state)
{
    struct fake_policyd *f = *state;
    struct peers p = make_peers(f);
    struct many m;

    fill(&m, &p.to_good);
    assert_int_equal(pil_shim_sendmmsg(p.out, m.vec, MANY, 0, NULL), MANY);
    assert_string_equal(arrived(p.good), "abcdefghijklmnopqrst");
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(m.vec[i].msg_len, 1);
    assert_int_equal(fake_seen(f).frames, 1);
    drop_peers(&p);
}

/* Whatever place the refused one has, what stands before it goes out and nothing behind it. */
static void a_refused_one_ends_it_where_it_stands(void **state)
{
    struct peers p = make_peers(*state);

    for (unsigned at = 0; at < MANY; at++) {
        struct many m;
        int got;

        fill(&m, &p.to_good);
        m.vec[at].msg_hdr.msg_name = &p.to_bad;
        errno = 0;
        got = pil_shim_sendmmsg(p.out, m.vec, MANY, 0, NULL);
        assert_int_equal(got, at == 0 ? -1 : (int)at);
        assert_int_equal(errno, at == 0 ? ECONNREFUSED : 0);
        assert_int_equal(strlen(arrived(p.good)), at);
        for (unsigned i = 0; i < MANY; i++)
            assert_int_equal(m.vec[i].msg_len, i < at ? 1 : 99);
    }
    assert_string_equal(arrived(p.bad), "");
    drop_peers(&p);
}

static unsigned chunks, stop_in_chunk;

static int short_sendmmsg(int fd, struct mmsghdr *vec, unsigned count, int flags)
{
    if (++chunks == stop_in_chunk)
        count = 2;
    else if (chunks > stop_in_chunk)
        return -ENOBUFS;
    return pil_sysops_kernel.sendmmsg(fd, vec, count, flags);
}

static void what_the_kernel_did_not_take_is_not_counted(void **state)
{
    struct peers p = make_peers(*state);
    struct many m;

    pil_real_host.sendmmsg = short_sendmmsg;
    chunks = 0;
    stop_in_chunk = 2;
    fill(&m, &p.to_good);
    assert_int_equal(pil_shim_sendmmsg(p.out, m.vec, MANY, 0, NULL), 8); /* six and two */
    assert_int_equal(chunks, 2);
    assert_string_equal(arrived(p.good), "abcdefgh");
    assert_int_equal(pil_shim_sendmmsg(p.out, m.vec, MANY, 0, NULL), -1);
    assert_int_equal(errno, ENOBUFS);
    drop_peers(&p);
}

static void none_and_too_many_are_as_the_kernel_has_it(void **state)
{
    struct peers p = make_peers(*state);
    static struct mmsghdr vec[1100];
    struct iovec iov = {(char[]){"x"}, 1};

    for (unsigned i = 0; i < PIL_NELEM(vec); i++)
        vec[i].msg_hdr = message(&iov, &p.to_good, sizeof(p.to_good));
    assert_int_equal(pil_shim_sendmmsg(p.out, vec, 0, 0, NULL), 0);
    assert_int_equal(pil_shim_sendmmsg(p.out, vec, PIL_NELEM(vec), 0, NULL), 1024);
    assert_int_equal(pil_shim_sendmmsg(-1, vec, 1, 0, NULL), -1);
    assert_int_equal(errno, EBADF);
    drop_peers(&p);
}

/* ---- other sockets --------------------------------------------------------------------------- */

static void on_a_stream_only_fast_open_is_judged(void **state)
{
    struct fake_policyd *f = *state;
    struct peers p = make_peers(f);
    int pair[2], fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(pil_shim_sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
                                     (struct sockaddr *)&p.to_bad, sizeof(p.to_bad), NULL),
                     -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_int_equal(fake_seen(f).frames, 1);
    assert_int_equal(fake_seen(f).last[0].action, PIL_ACTION_CONNECT);
    assert_int_equal(pil_shim_sendto(fd, "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&p.to_bad,
                                     sizeof(p.to_bad), NULL),
                     -1);
    assert_int_equal(errno, EPIPE); /* the kernel's word: it is not connected */
    assert_int_equal(fake_seen(f).frames, 1);
    close(fd), close(pair[0]), close(pair[1]);
    drop_peers(&p);
}

/* The kernel sends AF_UNSPEC on an IPv4 socket to the address in it. */
static void an_unspecified_family_is_judged_as_ipv4(void **state)
{
    struct fake_policyd *f = *state;
    struct peers p = make_peers(f);
    struct sockaddr_in to = p.to_bad;

    to.sin_family = AF_UNSPEC;
    assert_int_equal(send_to(p.out, "x", &to), -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_int_equal(fake_seen(f).last[0].port, bad_port);
    to = p.to_good;
    to.sin_family = AF_UNSPEC;
    assert_int_equal(send_to(p.out, "x", &to), 1);
    assert_string_equal(arrived(p.good), "x");
    drop_peers(&p);
}

static void no_socket_is_the_kernels_error(void **state)
{
    struct fake_policyd *f = *state;
    struct peers p = make_peers(f);

    assert_int_equal(send_to(-1, "x", &p.to_good), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(send_to(1, "x", &p.to_good), -1);
    assert_int_equal(errno, ENOTSOCK);
    assert_int_equal(fake_seen(f).frames, 0);
    drop_peers(&p);
}

/* What its modules send to daemons of this host passes, and nothing else. */
static void the_name_service_reaches_its_daemons(void **state)
{
    struct fake_policyd *f = *state;
    struct peers p = make_peers(f);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    strcpy(un.sun_path, "/nowhere/nscd");
    assert_int_equal(
        pil_shim_sendto(fd, "x", 1, 0, (struct sockaddr *)&un, sizeof(un), world_name_service()),
        -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(fake_seen(f).frames, 0);
    assert_int_equal(send_to(p.out, "x", &p.to_bad), -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_int_equal(pil_shim_sendto(fd, "x", 1, 0, (struct sockaddr *)&un, sizeof(un), NULL), -1);
    assert_int_equal(fake_seen(f).frames, 2);
    assert_string_equal(fake_seen(f).text[0][0], "/nowhere/nscd");
    close(fd);
    drop_peers(&p);
}

static void without_policyd_nothing_is_sent(void **state)
{
    struct fake_policyd *f = *state;
    struct peers p = make_peers(f);
    struct many m;

    fake_die(f);
    fill(&m, &p.to_good);
    assert_int_equal(send_to(p.out, "x", &p.to_good), -1);
    assert_int_equal(errno, EACCES);
    assert_int_equal(pil_shim_sendmsg(p.out, &m.vec[0].msg_hdr, 0, NULL), -1);
    assert_int_equal(errno, EACCES);
    assert_int_equal(pil_shim_sendmmsg(p.out, m.vec, MANY, 0, NULL), -1);
    assert_int_equal(errno, EACCES);
    assert_string_equal(arrived(p.good), "");
    drop_peers(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(sendto_is_judged_as_send),
        world_test(without_a_destination_nobody_is_asked),
        world_test(sendmsg_is_judged_and_leaves_the_header_alone),
        world_test(what_was_judged_is_what_is_sent),
        world_test(a_destination_that_is_too_long_is_judged),
        world_test(a_name_of_no_length_is_no_destination),
        world_test(a_negative_length_is_einval),
        world_test(bad_pointers_are_efault),
        world_test(all_of_many_are_sent),
        world_test(a_refused_one_ends_it_where_it_stands),
        world_test(what_the_kernel_did_not_take_is_not_counted),
        world_test(none_and_too_many_are_as_the_kernel_has_it),
        world_test(on_a_stream_only_fast_open_is_judged),
        world_test(an_unspecified_family_is_judged_as_ipv4),
        world_test(no_socket_is_the_kernels_error),
        world_test(the_name_service_reaches_its_daemons),
        world_test(without_policyd_nothing_is_sent),
    };

    return cmocka_run_group_tests_name("send", tests, NULL, NULL);
}
