/* shim/fresh: a note is good for one question, and gone when its number may be something else. */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/call.h"
#include "shim/fresh.h"
#include "shim/shim.h"
#include "tests/support/shimworld.h"

static unsigned questions; /* SO_TYPE asked from the kernel */

static int counting_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    questions += name == SO_TYPE;
    return pil_sysops_kernel.getsockopt(fd, level, name, value, len);
}

static int set_up(void **state)
{
    (void)state;
    world_fresh("/nowhere");
    pil_real_sys.getsockopt = counting_getsockopt;
    questions = 0;
    return 0;
}

static void a_note_is_taken_once(void **state)
{
    (void)state;
    pil_fresh_note(7, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_int_equal(pil_fresh_take(7), SOCK_DGRAM);
    assert_int_equal(pil_fresh_take(7), 0);
}

static void numbers_out_of_range_have_no_note(void **state)
{
    (void)state;
    pil_fresh_note(-1, SOCK_STREAM);
    pil_fresh_note(1 << 20, SOCK_STREAM);
    assert_int_equal(pil_fresh_take(-1), 0);
    assert_int_equal(pil_fresh_take(1 << 20), 0);
}

static void a_range_is_wiped_and_no_more(void **state)
{
    (void)state;
    for (int fd = 10; fd < 14; fd++)
        pil_fresh_note(fd, SOCK_STREAM);
    pil_fresh_wipe(11, 12);
    pil_fresh_wipe(4000, ~0u);
    assert_int_equal(pil_fresh_take(10), SOCK_STREAM);
    assert_int_equal(pil_fresh_take(11), 0);
    assert_int_equal(pil_fresh_take(12), 0);
    assert_int_equal(pil_fresh_take(13), SOCK_STREAM);
}

static void a_fresh_socket_spares_one_question(void **state)
{
    int fd = pil_shim_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(pil_call_connect_type(fd), SOCK_DGRAM);
    assert_int_equal(questions, 0);
    assert_int_equal(pil_call_connect_type(fd), SOCK_DGRAM);
    assert_int_equal(questions, 1);
    close(fd);
    errno = 0;
    assert_int_equal(pil_shim_socket(AF_INET, 99, 0), -1);
    assert_int_equal(errno, EINVAL);
}

/* The trap: a note of a stream socket must not outlive it under another socket's number. */
static void other_sockets_under_the_number_are_asked_about(void **state)
{
    int udp = socket(AF_INET, SOCK_DGRAM, 0), number = pil_shim_socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    assert_int_equal(pil_shim_close(number), 0);
    assert_int_equal(fcntl(udp, F_DUPFD, number), number);
    assert_int_equal(pil_call_connect_type(number), SOCK_DGRAM);
    close(number);

    assert_int_equal(pil_shim_socket(AF_INET, SOCK_STREAM, 0), number);
    assert_int_equal(pil_shim_dup2(udp, number), number);
    assert_int_equal(pil_call_connect_type(number), SOCK_DGRAM);
    close(number);

    pil_fresh_note(number, SOCK_STREAM); /* closed behind the hooks */
    assert_int_equal(pil_shim_dup(udp), number);
    assert_int_equal(pil_call_connect_type(number), SOCK_DGRAM);
    close(number);

    pil_fresh_note(number, SOCK_STREAM);
    assert_int_equal(pil_shim_fcntl(udp, F_DUPFD_CLOEXEC, number), number);
    assert_int_equal(pil_call_connect_type(number), SOCK_DGRAM);
    assert_int_equal(pil_shim_close_range((unsigned)number, (unsigned)number, 0), 0);
    close(udp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_note_is_taken_once, set_up),
        cmocka_unit_test_setup(numbers_out_of_range_have_no_note, set_up),
        cmocka_unit_test_setup(a_range_is_wiped_and_no_more, set_up),
        cmocka_unit_test_setup(a_fresh_socket_spares_one_question, set_up),
        cmocka_unit_test_setup(other_sockets_under_the_number_are_asked_about, set_up),
    };

    return cmocka_run_group_tests_name("fresh", tests, NULL, NULL);
}
