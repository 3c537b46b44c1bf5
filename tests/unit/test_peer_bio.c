/* policyd/tls/peer_bio: never waits, reads no more than it is asked, remembers how it began and
 * ended. */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policyd/tls/peer_bio.h"

struct line {
    BIO_METHOD *method;
    struct pil_peer peer;
    BIO *bio;
    int other;
};

static int set_up(void **state)
{
    struct line *l = calloc(1, sizeof(*l));
    int fd[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    l->peer.fd = fd[0];
    l->other = fd[1];
    l->method = pil_peer_bio_method();
    l->bio = pil_peer_bio_new(l->method, &l->peer);
    assert_non_null(l->bio);
    *state = l;
    return 0;
}

static int tear_down(void **state)
{
    struct line *l = *state;

    BIO_free(l->bio);
    BIO_meth_free(l->method);
    close(l->peer.fd);
    if (l->other >= 0)
        close(l->other);
    free(l);
    return 0;
}

static void it_never_waits(void **state)
{
    struct line *l = *state;
    static char much[1 << 20];
    int flags = fcntl(l->peer.fd, F_GETFL);
    char c;

    assert_int_equal(flags & O_NONBLOCK, 0);
    assert_true(BIO_read(l->bio, &c, 1) <= 0);
    assert_true(BIO_should_read(l->bio) && BIO_should_retry(l->bio));
    while (BIO_write(l->bio, much, sizeof(much)) > 0)
        ;
    assert_true(BIO_should_write(l->bio) && BIO_should_retry(l->bio));
    assert_int_equal(fcntl(l->peer.fd, F_GETFL), flags);
    assert_int_equal(l->peer.error, 0);
}

static void it_reads_what_is_asked(void **state)
{
    struct line *l = *state;
    char got[16];

    assert_int_equal(write(l->other, "0123456789", 10), 10);
    assert_int_equal(BIO_read(l->bio, got, 2), 2);
    assert_int_equal(l->peer.head_len, 2);
    assert_int_equal(BIO_read(l->bio, got, 5), 5);
    assert_int_equal(l->peer.head_len, 3);
    assert_memory_equal(l->peer.head, "012", 3);
    assert_int_equal(recv(l->peer.fd, got, sizeof(got), MSG_DONTWAIT), 3);
    assert_memory_equal(got, "789", 3);
}

static void ends_are_told_apart(void **state)
{
    struct line *l = *state;
    char c;

    assert_int_equal(BIO_eof(l->bio), 0);
    close(l->other);
    l->other = -1;
    assert_true(BIO_read(l->bio, &c, 1) <= 0);
    assert_false(BIO_should_retry(l->bio));
    assert_true(l->peer.eof);
    assert_int_equal(BIO_eof(l->bio), 1);
    assert_true(BIO_write(l->bio, "x", 1) <= 0); /* no SIGPIPE either */
    assert_int_equal(l->peer.error, EPIPE);
}

static void beginnings(void **state)
{
    (void)state;
    assert_true(pil_peer_is_tls((const uint8_t *)"", 0));
    assert_true(pil_peer_is_tls((const uint8_t *)"\x16", 1));
    assert_true(pil_peer_is_tls((const uint8_t *)"\x16\x03", 2));
    assert_false(pil_peer_is_tls((const uint8_t *)"\x15", 1));
    assert_false(pil_peer_is_tls((const uint8_t *)"\x16\x02", 2));
    assert_false(pil_peer_is_tls((const uint8_t *)"GE", 2));
}

#define with_line(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_line(it_never_waits),
        with_line(it_reads_what_is_asked),
        with_line(ends_are_told_apart),
        cmocka_unit_test(beginnings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
