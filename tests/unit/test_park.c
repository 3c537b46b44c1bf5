/* shim/park and shim/wait: a connection that is being secured is ready when it is secure, once. */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/err.h"
#include "core/wire_tls.h"
#include "shim/io.h"
#include "shim/ownfd.h"
#include "shim/park.h"
#include "shim/real.h"
#include "shim/shim.h"
#include "shim/state.h"
#include "shim/watched.h"

/* The program's socket, its peer, and policyd's end of the gate. */
static int fd, peer, answers;

static void connect_pair(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listener, (struct sockaddr *)&in, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&in, &len), 0);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&in, len), 0);
    peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    close(listener);
}

static int set_up(void **state)
{
    (void)state;
    pil_state_boot(environ);
    pil_state_ready();
    connect_pair();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pil_shim_close(fd);
    close(peer);
    close(answers);
    assert_false(pil_park_any());
    assert_int_equal(pil_ownfd_from(0), -1);
    return 0;
}

static void park(bool watched)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(pil_park_begin(fd, pair[0], watched), 0);
    answers = pair[1];
}

static void answer(uint32_t status, uint16_t error)
{
    struct pil_secured secured = {.status = status, .error = error};
    uint8_t frame[1024];
    struct pil_writer w;

    secured.path = status == PIL_OK ? PIL_PATH_PLAIN : PIL_PATH_NONE;
    secured.reason = status == PIL_OK ? PIL_TLS_NONE : PIL_TLS_DENIED;
    pil_wire_begin(&w, frame, sizeof(frame), PIL_WIRE_SECURED, 0);
    pil_wire_put_secured(&w, &secured);
    assert_int_equal(pil_wire_finish(&w), PIL_OK);
    assert_int_equal(send(answers, frame, w.len, 0), (ssize_t)w.len);
}

static void nothing_moves_before_the_answer(void **state)
{
    char byte;

    (void)state;
    park(false);
    assert_true(pil_park_has(fd));
    assert_true(pil_ownfd_has(pil_park_gate(fd)));
    assert_int_equal(pil_park_settle(fd), -EAGAIN);
    assert_int_equal(pil_shim_write(fd, "x", 1), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(pil_shim_send(fd, "x", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(pil_shim_read(fd, &byte, 1), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(pil_shim_getpeername(fd, NULL, NULL), -1);
    assert_int_equal(errno, ENOTCONN);
    assert_int_equal(recv(peer, &byte, 1, MSG_DONTWAIT), -1);
    answer(PIL_OK, 0);
    assert_int_equal(pil_shim_write(fd, "x", 1), 1);
    assert_int_equal(recv(peer, &byte, 1, 0), 1);
    assert_false(pil_park_has(fd));
}

static void a_refusal_is_told_once(void **state)
{
    int error = -1;
    socklen_t len = sizeof(error);
    char byte;

    (void)state;
    park(false);
    assert_int_equal(pil_shim_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
    assert_int_equal(error, 0);
    answer(PIL_E_REFUSED, ETIMEDOUT);
    assert_int_equal(pil_shim_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
    assert_int_equal(error, ETIMEDOUT);
    assert_int_equal(pil_shim_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
    assert_int_equal(error, 0);
    assert_int_equal(pil_shim_send(fd, "x", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(recv(peer, &byte, 1, 0), 0);
}

static void policyd_that_goes_away_is_a_refusal(void **state)
{
    (void)state;
    park(false);
    close(answers);
    assert_int_equal(pil_shim_send(fd, "x", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(errno, ECONNREFUSED);
}

static void poll_waits_for_the_answer(void **state)
{
    struct pollfd pfd = {fd, POLLOUT, 0};

    (void)state;
    park(false);
    assert_int_equal(pil_shim_poll(&pfd, 1, 0), 0);
    assert_int_equal(pil_shim_ppoll(&pfd, 1, &(struct timespec){0, 1000000}, NULL), 0);
    assert_int_equal(pfd.revents, 0);
    answer(PIL_OK, 0);
    assert_int_equal(pil_shim_poll(&pfd, 1, -1), 1);
    assert_int_equal(pfd.revents, POLLOUT);
}

static void select_waits_for_the_answer(void **state)
{
    struct timeval none = {0};
    fd_set in, out;

    (void)state;
    park(false);
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(fd, &in);
    FD_SET(fd, &out);
    assert_int_equal(pil_shim_select(fd + 1, &in, &out, NULL, &none), 0);
    assert_false(FD_ISSET(fd, &out));
    FD_SET(fd, &in);
    FD_SET(fd, &out);
    answer(PIL_OK, 0);
    assert_int_equal(pil_shim_select(fd + 1, &in, &out, NULL, NULL), 1);
    assert_true(FD_ISSET(fd, &out));
    assert_false(FD_ISSET(fd, &in));
}

/* How a set that has fd in it as `events` sees the answer; before is when it was put there. */
static void epoll_sees(uint32_t events, bool before)
{
    struct epoll_event event = {.events = events, .data.u64 = 0xabcdef12345}, got = {0};
    int set = epoll_create1(EPOLL_CLOEXEC), count;

    if (before)
        assert_int_equal(pil_shim_epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
    park(before);
    if (!before)
        assert_int_equal(pil_shim_epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
    assert_int_equal(pil_shim_epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), -1);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(pil_shim_epoll_wait(set, &got, 1, 0), 0);
    answer(PIL_OK, 0);
    assert_int_equal(pil_shim_epoll_wait(set, &got, 1, -1), 1);
    assert_int_equal(got.events, EPOLLOUT);
    assert_true(got.data.u64 == 0xabcdef12345);
    count = pil_shim_epoll_wait(set, &got, 1, 0);
    assert_int_equal(count, events & (EPOLLET | EPOLLONESHOT) ? 0 : 1);
    assert_int_equal(pil_shim_epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL), 0);
    close(set);
}

static void epoll_level(void **state)
{
    (void)state;
    epoll_sees(EPOLLIN | EPOLLOUT, false);
}

static void epoll_edge(void **state)
{
    (void)state;
    epoll_sees(EPOLLIN | EPOLLOUT | EPOLLET, false);
}

static void epoll_one_shot(void **state)
{
    (void)state;
    epoll_sees(EPOLLOUT | EPOLLONESHOT, false);
}

static void epoll_registered_before(void **state)
{
    (void)state;
    epoll_sees(EPOLLOUT | EPOLLET, true);
}

static void epoll_changes_while_parked(void **state)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 1}, got = {0};
    int set = epoll_create1(EPOLL_CLOEXEC);

    (void)state;
    park(false);
    assert_int_equal(pil_shim_epoll_ctl(set, EPOLL_CTL_MOD, fd, &event), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(pil_shim_epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
    event = (struct epoll_event){.events = EPOLLOUT, .data.u64 = 2};
    assert_int_equal(pil_shim_epoll_ctl(set, EPOLL_CTL_MOD, fd, &event), 0);
    answer(PIL_OK, 0);
    assert_int_equal(pil_shim_epoll_pwait(set, &got, 1, -1, NULL), 1);
    assert_int_equal(got.events, EPOLLOUT);
    assert_true(got.data.u64 == 2);
    close(set);
}

static void closing_ends_the_handshake(void **state)
{
    char byte;

    (void)state;
    park(false);
    assert_int_equal(pil_shim_close(fd), 0);
    assert_int_equal(recv(answers, &byte, 1, 0), 0);
    assert_false(pil_park_any());
}

/* The number went to another socket behind the hooks. */
static void a_number_that_is_another_socket_is_not_parked(void **state)
{
    char byte;

    (void)state;
    park(false);
    assert_int_equal(pil_sysops_kernel.dup2(peer, fd), fd);
    assert_int_equal(pil_park_settle(fd), 0);
    assert_int_equal(recv(answers, &byte, 1, 0), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nothing_moves_before_the_answer),
        TEST(a_refusal_is_told_once),
        TEST(policyd_that_goes_away_is_a_refusal),
        TEST(poll_waits_for_the_answer),
        TEST(select_waits_for_the_answer),
        TEST(epoll_level),
        TEST(epoll_edge),
        TEST(epoll_one_shot),
        TEST(epoll_registered_before),
        TEST(epoll_changes_while_parked),
        TEST(closing_ends_the_handshake),
        TEST(a_number_that_is_another_socket_is_not_parked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
