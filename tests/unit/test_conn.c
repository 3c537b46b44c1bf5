/*
 * shim/conn against OpenSSL, and against itself: what is written arrives, what arrives is read, in
 * whatever pieces; poll knows; ends, errors and keys are those of the protocol.
 */
#include "tests/support/shimworld.h"
#include "tests/support/tlspair.h"

#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "shim/shim.h"

static const unsigned suites[] = {PIL_SUITE_AES_128_GCM, PIL_SUITE_AES_256_GCM, PIL_SUITE_CHACHA20};

/* Byte number i of every stream. */
static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 31 + i / 255 + (i >> 16));
}

static void fill_pattern(uint8_t *to, size_t from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = pattern(from + i);
}

static void check_pattern(const uint8_t *at, size_t from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (at[i] != pattern(from + i))
            fail_msg("byte %zu is %02x, not %02x", from + i, at[i], pattern(from + i));
}

static void read_exactly(int fd, void *buf, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pil_shim_read(fd, (char *)buf + done, len - done);

        assert_true(n > 0);
        done += (size_t)n;
    }
}

static bool readable(int fd)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};

    return poll(&pfd, 1, 0) == 1;
}

static void wait_readable(int fd)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};

    assert_int_equal(poll(&pfd, 1, 10000), 1);
}

#define FAILS(call, code)                                                                          \
    do {                                                                                           \
        errno = 0;                                                                                 \
        assert_int_equal(call, -1);                                                                \
        assert_int_equal(errno, code);                                                             \
    } while (0)

/* ---- both ways ------------------------------------------------------------------------------- */

static void words_go_both_ways(void **state)
{
    char buf[64];

    (void)state;
    for (unsigned i = 0; i < PIL_NELEM(suites); i++)
        for (int serves = 0; serves < 2; serves++) {
            struct tlspair p;

            tlspair_open(&p, suites[i], serves, 2);
            for (int round = 0; round < 3; round++) {
                assert_int_equal(pil_shim_write(p.fd, "hello", 5), 5);
                assert_int_equal(SSL_read(p.ssl, buf, sizeof(buf)), 5);
                assert_memory_equal(buf, "hello", 5);
                assert_int_equal(SSL_write(p.ssl, "hello yourself", 14), 14);
                read_exactly(p.fd, buf, 14);
                assert_memory_equal(buf, "hello yourself", 14);
            }
            tlspair_close(&p);
        }
}

#define MIB    (size_t)1048576
#define STREAM (20 * MIB)

/* OpenSSL's end of a long stream, in a thread: sends all, or receives and checks all. */
static void *ssl_sends(void *cookie)
{
    SSL *ssl = cookie;
    uint8_t buf[5000];

    for (size_t at = 0; at < STREAM;) {
        size_t len = 1 + at % 4999 < STREAM - at ? 1 + at % 4999 : STREAM - at;

        fill_pattern(buf, at, len);
        assert_int_equal(SSL_write(ssl, buf, (int)len), (int)len);
        at += len;
    }
    return NULL;
}

static void *ssl_receives(void *cookie)
{
    SSL *ssl = cookie;
    static uint8_t buf[20000];

    for (size_t at = 0; at < STREAM;) {
        int n = SSL_read(ssl, buf, sizeof(buf));

        assert_true(n > 0);
        check_pattern(buf, at, (size_t)n);
        at += (size_t)n;
    }
    return NULL;
}

static void long_streams(void **state)
{
    static uint8_t buf[70000];

    (void)state;
    for (unsigned i = 0; i < PIL_NELEM(suites); i++) {
        struct tlspair p;
        pthread_t thread;

        tlspair_open(&p, suites[i], false, 2);
        assert_int_equal(pthread_create(&thread, NULL, ssl_receives, p.ssl), 0);
        for (size_t at = 0; at < STREAM;) {
            size_t len = sizeof(buf) < STREAM - at ? sizeof(buf) : STREAM - at;

            fill_pattern(buf, at, len);
            assert_int_equal(pil_shim_write(p.fd, buf, len), (ssize_t)len);
            at += len;
        }
        pthread_join(thread, NULL);
        assert_int_equal(pthread_create(&thread, NULL, ssl_sends, p.ssl), 0);
        for (size_t at = 0, step = 1; at < STREAM; step = step * 7 % 65537) {
            ssize_t n = pil_shim_read(p.fd, buf, step % sizeof(buf) + 1);

            assert_true(n > 0);
            check_pattern(buf, at, (size_t)n);
            at += (size_t)n;
        }
        pthread_join(thread, NULL);
        tlspair_close(&p);
    }
}

/* ---- reading ------------------------------------------------------------------------------- */

/* A record larger than each read: poll says so until the last byte was taken, and then no more. */
static void poll_knows_of_what_is_kept(void **state)
{
    static uint8_t big[10000];
    struct tlspair p;
    uint8_t buf[700];
    size_t at = 0;

    (void)state;
    fill_pattern(big, 0, sizeof(big));
    tlspair_open(&p, PIL_SUITE_AES_128_GCM, true, 0);
    assert_int_equal(SSL_write(p.ssl, big, sizeof(big)), sizeof(big));
    wait_readable(p.fd);
    while (at < sizeof(big)) {
        ssize_t n;

        assert_true(readable(p.fd));
        n = pil_shim_recv(p.fd, buf, sizeof(buf), MSG_DONTWAIT);
        assert_true(n > 0);
        assert_true(n == sizeof(buf) || at + (size_t)n == sizeof(big));
        check_pattern(buf, at, (size_t)n);
        at += (size_t)n;
    }
    assert_false(readable(p.fd));
    FAILS(pil_shim_recv(p.fd, buf, 1, MSG_DONTWAIT), EAGAIN);
    tlspair_close(&p);
}

/* Waits until the kernel has that many bytes. */
static void wait_queued(int fd, int bytes)
{
    int queued = 0;

    for (int i = 0; i < 10000 && queued < bytes; i++) {
        assert_int_equal(ioctl(fd, FIONREAD, &queued), 0);
        if (queued < bytes)
            usleep(1000);
    }
    assert_true(queued >= bytes);
}

static void a_read_takes_all_that_fits(void **state)
{
    struct tlspair p;
    char buf[64];

    (void)state;
    tlspair_open(&p, PIL_SUITE_AES_128_GCM, true, 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(SSL_write(p.ssl, "ten bytes.", 10), 10);
    wait_queued(p.fd, 4 * 32);
    assert_int_equal(pil_shim_read(p.fd, buf, 35), 35);
    assert_memory_equal(buf, "ten bytes.ten bytes.ten bytes.ten b", 35);
    assert_true(readable(p.fd));
    assert_int_equal(pil_shim_read(p.fd, buf, 64), 5);
    assert_memory_equal(buf, "ytes.", 5);
    assert_false(readable(p.fd));
    tlspair_close(&p);
}

static void looking_takes_nothing(void **state)
{
    struct tlspair p;
    char buf[64] = {0};
    int bytes;

    (void)state;
    tlspair_open(&p, PIL_SUITE_CHACHA20, false, 2);
    FAILS(pil_shim_recv(p.fd, buf, 4, MSG_PEEK | MSG_DONTWAIT), EAGAIN);
    assert_int_equal(pil_shim_ioctl(p.fd, FIONREAD, &bytes), 0);
    assert_int_equal(bytes, 0);
    assert_int_equal(SSL_write(p.ssl, "one", 3), 3);
    assert_int_equal(pil_shim_recv(p.fd, buf, 60, MSG_PEEK), 3);
    assert_true(readable(p.fd));
    assert_int_equal(SSL_write(p.ssl, "twenty", 6), 6);
    wait_queued(p.fd, 29);
    assert_int_equal(pil_shim_ioctl(p.fd, FIONREAD, &bytes), 0);
    assert_int_equal(bytes, 9);
    assert_int_equal(pil_shim_recv(p.fd, buf, 2, MSG_PEEK), 2);
    assert_int_equal(pil_shim_recv(p.fd, buf, 60, MSG_PEEK), 9);
    assert_memory_equal(buf, "onetwenty", 9);
    assert_true(readable(p.fd));
    memset(buf, 0, sizeof(buf));
    assert_int_equal(pil_shim_recv(p.fd, buf, 60, 0), 9);
    assert_memory_equal(buf, "onetwenty", 9);
    assert_false(readable(p.fd));
    tlspair_close(&p);
}

/* What a peer with the keys may send: content, its type, and zeroes behind. */
static void send_padded(struct tlspair *p, struct pil_traffic *t, size_t len, uint8_t type,
                        size_t padding)
{
    static uint8_t inner[PIL_RECORD_MAX + 256], record[PIL_RECORD_WIRE_MAX];
    uint8_t ctx[PIL_AEAD_ROOM] __attribute__((aligned(16)));

    memset(inner, 0, sizeof(inner));
    fill_pattern(inner, 0, len);
    inner[len] = type;
    /* The codec puts a type behind: the last zero of the padding, or the type itself. */
    assert_int_equal(pil_aead_host()->init(ctx, PIL_SUITE_AES_128_GCM, t->key), PIL_OK);
    assert_int_equal(pil_record_seal(pil_aead_host(), ctx, PIL_SUITE_AES_128_GCM, t,
                                     padding ? 0 : type, inner, len + padding, record),
                     PIL_OK);
    assert_int_equal(write(p->other, record, len + padding + PIL_RECORD_OVERHEAD),
                     len + padding + PIL_RECORD_OVERHEAD);
}

static void padding_is_not_read(void **state)
{
    static const size_t room[] = {10000, 3500, 3000, 2999, 700};
    static uint8_t buf[10000];
    struct tlspair p;
    struct pil_traffic t;

    (void)state;
    tlspair_open(&p, PIL_SUITE_AES_128_GCM, true, 0);
    t = p.in;
    for (unsigned i = 0; i < PIL_NELEM(room); i++) {
        send_padded(&p, &t, 3000, PIL_CONTENT_DATA, 500);
        send_padded(&p, &t, 3000, PIL_CONTENT_DATA, 0);
        send_padded(&p, &t, 0, PIL_CONTENT_DATA, 3000);
        for (size_t at = 0; at < 6000;) {
            ssize_t n = pil_shim_read(p.fd, buf, room[i] < 6000 - at ? room[i] : 6000 - at);

            assert_true(n > 0);
            for (ssize_t b = 0; b < n; b++)
                assert_int_equal(buf[b], pattern((at + (size_t)b) % 3000));
            at += (size_t)n;
        }
        assert_int_equal(pil_shim_recv(p.fd, buf, room[i], MSG_DONTWAIT), -1);
    }
    tlspair_close(&p);
}

static void *says_more_later(void *cookie)
{
    SSL *ssl = cookie;

    for (int i = 0; i < 5; i++) {
        usleep(2000);
        assert_int_equal(SSL_write(ssl, "0123456789", 10), 10);
    }
    return NULL;
}

static void reads_wait_as_they_are_told(void **state)
{
    struct timeval limit = {.tv_usec = 20000};
    struct tlspair p;
    pthread_t thread;
    char buf[64];

    (void)state;
    tlspair_open(&p, PIL_SUITE_AES_128_GCM, true, 0);
    assert_int_equal(pthread_create(&thread, NULL, says_more_later, p.ssl), 0);
    assert_int_equal(pil_shim_recv(p.fd, buf, 45, MSG_WAITALL), 45);
    assert_memory_equal(buf + 40, "01234", 5);
    pthread_join(thread, NULL);
    assert_int_equal(pil_shim_read(p.fd, buf, sizeof(buf)), 5);
    setsockopt(p.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    FAILS(pil_shim_read(p.fd, buf, sizeof(buf)), EAGAIN);
    tlspair_blocking(p.fd, false);
    FAILS(pil_shim_read(p.fd, buf, sizeof(buf)), EAGAIN);
    assert_int_equal(pil_shim_read(p.fd, buf, 0), 0);
    FAILS(pil_shim_recv(p.fd, buf, 1, MSG_OOB), EINVAL);
    tlspair_close(&p);
}

static void messages_and_vectors(void **state)
{
    struct sockaddr_storage from;
    socklen_t from_len = sizeof(from);
    char a[3], b[4], c[64], control[64];
    struct iovec iov[] = {{a, 3}, {NULL, 0}, {b, 4}, {c, sizeof(c)}};
    struct msghdr msg = {.msg_iov = iov,
                         .msg_iovlen = 4,
                         .msg_name = &from,
                         .msg_namelen = sizeof(from),
                         .msg_control = control,
                         .msg_controllen = sizeof(control),
                         .msg_flags = -1};
    struct mmsghdr vec[3] = {{.msg_hdr = {.msg_iov = iov, .msg_iovlen = 1}},
                             {.msg_hdr = {.msg_iov = iov + 2, .msg_iovlen = 1}},
                             {.msg_hdr = {.msg_iov = iov + 3, .msg_iovlen = 1}}};
    struct tlspair p;

    (void)state;
    tlspair_open(&p, PIL_SUITE_AES_256_GCM, true, 0);
    assert_int_equal(SSL_write(p.ssl, "abcdefghijkl", 12), 12);
    assert_int_equal(pil_shim_recvmsg(p.fd, &msg, 0), 12);
    assert_memory_equal(a, "abc", 3);
    assert_memory_equal(b, "defg", 4);
    assert_memory_equal(c, "hijkl", 5);
    assert_int_equal(msg.msg_namelen + msg.msg_controllen + (unsigned)msg.msg_flags, 0);

    assert_int_equal(SSL_write(p.ssl, "abcdefghijkl", 12), 12);
    assert_int_equal(pil_shim_recvfrom(p.fd, c, 5, 0, (struct sockaddr *)&from, &from_len), 5);
    assert_int_equal(from_len, 0);
    assert_int_equal(pil_shim_readv(p.fd, iov, 2), 3);
    assert_memory_equal(a, "fgh", 3);
    assert_int_equal(pil_shim_recv(p.fd, NULL, 2, MSG_TRUNC), 2);
    assert_int_equal(pil_shim_preadv2(p.fd, iov + 2, 1, -1, 0), 2);
    assert_memory_equal(b, "kl", 2);
    FAILS(pil_shim_preadv2(p.fd, iov, 1, -1, RWF_NOWAIT), EAGAIN);
    FAILS(pil_shim_preadv2(p.fd, iov, 1, 7, 0), ESPIPE);

    assert_int_equal(SSL_write(p.ssl, "123456789", 9), 9);
    assert_int_equal(pil_shim_recvmmsg(p.fd, vec, 3, MSG_WAITFORONE, NULL), 3);
    assert_int_equal(vec[0].msg_len * 100 + vec[1].msg_len * 10 + vec[2].msg_len, 342);
    tlspair_close(&p);
}

/* ---- writing ------------------------------------------------------------------------------- */

static void writes_of_every_kind(void **state)
{
    char ab[] = "ab", cde[] = "cde";
    struct iovec iov[] = {{ab, 2}, {NULL, 0}, {cde, 3}};
    struct mmsghdr vec[] = {{.msg_hdr = {.msg_iov = iov, .msg_iovlen = 3}},
                            {.msg_hdr = {.msg_iov = iov + 2, .msg_iovlen = 1}}};
    struct tlspair p;
    char buf[64];
    int done = 0;

    (void)state;
    tlspair_open(&p, PIL_SUITE_CHACHA20, false, 0);
    assert_int_equal(pil_shim_writev(p.fd, iov, 3), 5);
    assert_int_equal(pil_shim_send(p.fd, "fg", 2, MSG_NOSIGNAL | MSG_MORE), 2);
    assert_int_equal(pil_shim_sendto(p.fd, "hi", 2, 0, NULL, 0, NULL), 2);
    assert_int_equal(pil_shim_sendmsg(p.fd, &vec[1].msg_hdr, 0, NULL), 3);
    assert_int_equal(pil_shim_sendmmsg(p.fd, vec, 2, 0, NULL), 2);
    assert_int_equal(vec[0].msg_len * 10 + vec[1].msg_len, 53);
    assert_int_equal(pil_shim_pwritev2(p.fd, iov, 1, -1, 0), 2);
    assert_int_equal(pil_shim_write(p.fd, "", 0), 0);
    FAILS(pil_shim_send(p.fd, "x", 1, MSG_OOB), EOPNOTSUPP);
    while (done < 22) {
        int n = SSL_read(p.ssl, buf + done, (int)sizeof(buf) - done);

        assert_true(n > 0);
        done += n;
    }
    assert_int_equal(done, 22);
    assert_memory_equal(buf, "abcdefghicdeabcdecdeab", 22);
    tlspair_close(&p);
}

static void files_are_sent(void **state)
{
    static uint8_t want[100000], got[100000];
    int file = memfd_create("file", MFD_CLOEXEC), pipes[2];
    off_t offset = 1000;
    struct tlspair p;

    (void)state;
    fill_pattern(want, 0, sizeof(want));
    assert_int_equal(write(file, want, sizeof(want)), sizeof(want));
    lseek(file, 99000, SEEK_SET);
    tlspair_open_both(&p, PIL_SUITE_AES_128_GCM);
    assert_int_equal(pil_shim_sendfile(p.fd, file, &offset, 50000), 50000);
    assert_int_equal(offset, 51000);
    assert_int_equal(lseek(file, 0, SEEK_CUR), 99000);
    read_exactly(p.other, got, 50000);
    check_pattern(got, 1000, 50000);
    assert_int_equal(pil_shim_sendfile(p.fd, file, NULL, 5000), 1000);
    assert_int_equal(lseek(file, 0, SEEK_CUR), 100000);
    assert_int_equal(pil_shim_sendfile(p.fd, file, NULL, 5000), 0);
    read_exactly(p.other, got, 1000);
    check_pattern(got, 99000, 1000);
    assert_int_equal(pipe(pipes), 0);
    FAILS(pil_shim_sendfile(p.fd, pipes[0], NULL, 10), EINVAL);
    FAILS(pil_shim_sendfile(p.fd, -1, NULL, 10), EBADF);
    close(file);
    close(pipes[0]);
    close(pipes[1]);
    tlspair_close(&p);
}

/* A stream through sockets with small buffers that never block, in pieces of odd sizes. */
static void nothing_is_lost_where_nothing_waits(void **state)
{
    static uint8_t out[40000], in[40000];
    size_t sent = 0, got = 0, step = 1;
    const size_t all = 4 * MIB;
    unsigned full = 0, cut = 0;
    struct tlspair p;
    int small = 20000;

    (void)state;
    tlspair_open_both(&p, PIL_SUITE_AES_128_GCM);
    setsockopt(p.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    tlspair_blocking(p.fd, false);
    tlspair_blocking(p.other, false);
    while (got < all) {
        size_t want = step % sizeof(out) + 1;
        ssize_t n;

        step = step * 7919 % 1000003;
        if (want > all - sent)
            want = all - sent;
        fill_pattern(out, sent, want);
        n = want ? pil_shim_write(p.fd, out, want) : 0;
        full += n < 0;
        cut += n > 0 && (size_t)n < want;
        assert_true(n >= 0 || errno == EAGAIN);
        sent += n > 0 ? (size_t)n : 0;
        if (sent < all && n > 0 && step % 5)
            continue; /* mostly ahead, so that it fills */
        n = pil_shim_read(p.other, in, step % sizeof(in) + 1);
        assert_true(n > 0 || errno == EAGAIN);
        if (n > 0)
            check_pattern(in, got, (size_t)n);
        got += n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(sent, all);
    assert_int_equal(got, all);
    assert_true(full > 0 && cut > 0);
    FAILS(pil_shim_read(p.other, in, 1), EAGAIN);
    tlspair_close(&p);
}

/* ---- ends ---------------------------------------------------------------------------------- */

static void ends_in_order(void **state)
{
    struct tlspair p;
    char buf[16];

    (void)state;
    tlspair_open(&p, PIL_SUITE_AES_128_GCM, true, 0);
    assert_int_equal(SSL_write(p.ssl, "last", 4), 4);
    assert_int_equal(SSL_shutdown(p.ssl), 0);
    wait_queued(p.fd, 26 + 24);
    assert_int_equal(pil_shim_read(p.fd, buf, 16), 4);
    assert_true(readable(p.fd)); /* although the socket stays open */
    for (int i = 0; i < 3; i++)
        assert_int_equal(pil_shim_read(p.fd, buf, 16), 0);
    assert_int_equal(pil_shim_write(p.fd, "answer", 6), 6);
    assert_int_equal(pil_shim_shutdown(p.fd, SHUT_WR), 0);
    assert_int_equal(SSL_read(p.ssl, buf, 16), 6);
    assert_int_equal(SSL_read(p.ssl, buf, 16), 0);
    assert_int_equal(SSL_get_error(p.ssl, 0), SSL_ERROR_ZERO_RETURN);
    signal(SIGPIPE, SIG_IGN);
    FAILS(pil_shim_write(p.fd, "x", 1), EPIPE);
    FAILS(pil_shim_send(p.fd, "x", 1, MSG_NOSIGNAL), EPIPE);
    signal(SIGPIPE, SIG_DFL);
    tlspair_close(&p);
}

static void closing_says_so(void **state)
{
    struct tlspair p;
    char buf[16];

    (void)state;
    tlspair_open(&p, PIL_SUITE_AES_128_GCM, false, 2);
    assert_int_equal(pil_shim_write(p.fd, "bye", 3), 3);
    assert_int_equal(pil_shim_close(p.fd), 0);
    assert_false(pil_conn_maybe(p.fd));
    assert_int_equal(SSL_read(p.ssl, buf, 16), 3);
    assert_int_equal(SSL_read(p.ssl, buf, 16), 0);
    assert_int_equal(SSL_get_error(p.ssl, 0), SSL_ERROR_ZERO_RETURN);
    p.fd = -1;
    tlspair_close(&p);
}

static _Atomic int sigpipes;

static void count_sigpipe(int number)
{
    (void)number;
    sigpipes++;
}

static void a_broken_pipe_is_signalled(void **state)
{
    struct tlspair p;

    (void)state;
    signal(SIGPIPE, count_sigpipe);
    tlspair_open(&p, PIL_SUITE_AES_128_GCM, false, 0);
    assert_int_equal(pil_shim_shutdown(p.fd, SHUT_RDWR), 0);
    assert_int_equal(pil_shim_read(p.fd, &p, 1), 0);
    FAILS(pil_shim_write(p.fd, "x", 1), EPIPE);
    assert_int_equal(sigpipes, 1);
    FAILS(pil_shim_send(p.fd, "x", 1, MSG_NOSIGNAL), EPIPE);
    assert_int_equal(sigpipes, 1);
    signal(SIGPIPE, SIG_DFL);
    tlspair_close(&p);
}

static void a_cut_stream_is_no_end(void **state)
{
    struct tlspair p;
    char buf[16];

    (void)state;
    tlspair_open(&p, PIL_SUITE_AES_128_GCM, true, 0);
    assert_int_equal(SSL_write(p.ssl, "last", 4), 4);
    assert_int_equal(shutdown(p.other, SHUT_WR), 0);
    assert_int_equal(pil_shim_read(p.fd, buf, 16), 4);
    FAILS(pil_shim_read(p.fd, buf, 16), ECONNRESET);
    FAILS(pil_shim_read(p.fd, buf, 16), ECONNRESET);
    tlspair_close(&p);
}

static void a_forged_record_ends_it(void **state)
{
    uint8_t forged[40] = {23, 3, 3, 0, 35, 1, 2, 3};
    struct tlspair p;
    char buf[16];

    (void)state;
    tlspair_open(&p, PIL_SUITE_AES_128_GCM, true, 0);
    assert_int_equal(SSL_write(p.ssl, "last", 4), 4);
    assert_int_equal(write(p.other, forged, sizeof(forged)), sizeof(forged));
    wait_queued(p.fd, 26 + 40);
    assert_int_equal(pil_shim_read(p.fd, buf, 16), 4);
    assert_true(readable(p.fd));
    FAILS(pil_shim_read(p.fd, buf, 18), ECONNRESET);
    FAILS(pil_shim_read(p.fd, buf, 16), ECONNRESET);
    FAILS(pil_shim_send(p.fd, "x", 1, MSG_NOSIGNAL), EPIPE);
    assert_true(SSL_read(p.ssl, buf, 16) <= 0);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
    ERR_clear_error();
    tlspair_close(&p);
}

static void plaintext_ends_it(void **state)
{
    struct tlspair p;
    char buf[16];

    (void)state;
    tlspair_open(&p, PIL_SUITE_AES_128_GCM, true, 0);
    assert_int_equal(write(p.other, "GET", 3), 3);
    FAILS(pil_shim_read(p.fd, buf, 16), ECONNRESET);
    assert_true(SSL_read(p.ssl, buf, 16) <= 0);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_SSLV3_ALERT_UNEXPECTED_MESSAGE);
    ERR_clear_error();
    tlspair_close(&p);
}

/* ---- keys ---------------------------------------------------------------------------------- */

static void keys_are_changed(void **state)
{
    struct tlspair p;
    char buf[16];

    (void)state;
    for (unsigned i = 0; i < PIL_NELEM(suites); i++) {
        tlspair_open(&p, suites[i], true, 0);
        for (int round = 0; round < 4; round++) {
            int kind = round % 2 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;

            assert_int_equal(SSL_key_update(p.ssl, kind), 1);
            assert_int_equal(SSL_write(p.ssl, "after", 5), 5);
            read_exactly(p.fd, buf, 5);
            assert_memory_equal(buf, "after", 5);
            assert_int_equal(pil_shim_write(p.fd, "answer", 6), 6);
            assert_int_equal(SSL_read(p.ssl, buf, 16), 6);
            assert_memory_equal(buf, "answer", 6);
        }
        tlspair_close(&p);
    }
}

/* One record before the last that a key may seal: it is changed, and goes on. */
static void a_worn_key_is_changed(void **state)
{
    struct tlspair p;
    char buf[8];
    int fd[2];

    (void)state;
    tlspair_open(&p, PIL_SUITE_AES_128_GCM, true, 0);
    tlspair_sockets(fd);
    p.out.seq = 23726565;
    assert_int_equal(tlspair_install(fd[0], PIL_SUITE_AES_128_GCM, &p.in, &p.out), PIL_OK);
    assert_int_equal(tlspair_install(fd[1], PIL_SUITE_AES_128_GCM, &p.out, &p.in), PIL_OK);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(pil_shim_write(fd[0], "word", 4), 4);
        read_exactly(fd[1], buf, 4);
        assert_memory_equal(buf, "word", 4);
    }
    assert_int_equal(pil_shim_close(fd[0]), 0);
    assert_int_equal(pil_shim_read(fd[1], buf, 4), 0);
    assert_int_equal(pil_shim_close(fd[1]), 0);
    tlspair_close(&p);
}

/* ---- holders ------------------------------------------------------------------------------- */

static void copies_are_one_connection(void **state)
{
    struct tlspair p;
    char buf[16];
    int copy, second;

    (void)state;
    tlspair_open(&p, PIL_SUITE_AES_128_GCM, true, 0);
    copy = pil_shim_dup(p.fd);
    second = pil_shim_fcntl(p.fd, F_DUPFD_CLOEXEC, 50);
    assert_true(pil_conn_maybe(copy) && second >= 50 && pil_conn_maybe(second));
    assert_int_equal(pil_shim_close(p.fd), 0);
    assert_int_equal(pil_shim_write(copy, "one", 3), 3);
    assert_int_equal(pil_shim_write(second, "two", 3), 3);
    assert_int_equal(SSL_read(p.ssl, buf, 16), 3);
    assert_int_equal(SSL_read(p.ssl, buf, 16), 3);
    assert_memory_equal(buf, "two", 3);
    assert_int_equal(pil_shim_dup2(copy, second), second);
    assert_int_equal(pil_shim_close(copy), 0);
    assert_int_equal(SSL_write(p.ssl, "still", 5), 5);
    assert_int_equal(pil_shim_read(second, buf, 16), 5);
    assert_int_equal(pil_shim_close_range((unsigned)second, (unsigned)second, 0), 0);
    assert_int_equal(SSL_read(p.ssl, buf, 16), 0);
    assert_int_equal(SSL_get_error(p.ssl, 0), SSL_ERROR_ZERO_RETURN);
    p.fd = -1;
    tlspair_close(&p);
}

static void a_number_that_went_elsewhere_is_let_go(void **state)
{
    struct tlspair p;
    char buf[16];
    int pipes[2];

    (void)state;
    tlspair_open(&p, PIL_SUITE_AES_128_GCM, true, 0);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(syscall(SYS_dup2, pipes[0], p.fd), p.fd);
    assert_int_equal(write(pipes[1], "pipe", 4), 4);
    assert_int_equal(pil_shim_read(p.fd, buf, 16), 4);
    assert_false(pil_conn_maybe(p.fd));
    close(pipes[0]);
    close(pipes[1]);
    tlspair_close(&p);
}

#define CHILDREN 4
#define LINES    500

static void write_lines(int fd, char who)
{
    char line[16];

    for (int i = 0; i < LINES; i++) {
        memset(line, who, sizeof(line));
        assert_int_equal(pil_shim_write(fd, line, sizeof(line)), sizeof(line));
    }
}

/* Every line arrives whole, whoever wrote it; the end comes with the last. */
static void read_lines(SSL *ssl, unsigned writers)
{
    unsigned count[256] = {0}, done = 0;
    char line[16];

    while (done < writers * LINES) {
        assert_int_equal(SSL_read(ssl, line, sizeof(line)), sizeof(line));
        for (unsigned i = 1; i < sizeof(line); i++)
            assert_int_equal(line[i], line[0]);
        count[(unsigned char)line[0]]++;
        done++;
    }
    for (unsigned i = 0; i < writers; i++)
        assert_int_equal(count['a' + i], LINES);
    assert_int_equal(SSL_read(ssl, line, sizeof(line)), 0);
    assert_int_equal(SSL_get_error(ssl, 0), SSL_ERROR_ZERO_RETURN);
}

static void children_share_it(void **state)
{
    struct tlspair p;
    pid_t child[CHILDREN];
    int status;

    (void)state;
    tlspair_open(&p, PIL_SUITE_AES_128_GCM, true, 0);
    for (int i = 0; i < CHILDREN; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            write_lines(p.fd, (char)('a' + i));
            pil_conn_farewell();
            _exit(0);
        }
    }
    assert_int_equal(pil_shim_close(p.fd), 0);
    read_lines(p.ssl, CHILDREN);
    for (int i = 0; i < CHILDREN; i++) {
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_int_equal(status, 0);
    }
    p.fd = -1;
    tlspair_close(&p);
}

static int shared_fd;

static void *thread_writes(void *cookie)
{
    write_lines(shared_fd, (char)(intptr_t)cookie);
    return NULL;
}

static void *closes_when_told(void *cookie)
{
    pthread_t *thread = cookie;

    for (int i = 0; i < CHILDREN; i++)
        pthread_join(thread[i], NULL);
    pil_shim_close(shared_fd);
    return NULL;
}

static void threads_share_it(void **state)
{
    pthread_t thread[CHILDREN], closer;
    struct tlspair p;

    (void)state;
    tlspair_open(&p, PIL_SUITE_CHACHA20, true, 0);
    shared_fd = p.fd;
    for (intptr_t i = 0; i < CHILDREN; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, thread_writes, (void *)('a' + i)), 0);
    assert_int_equal(pthread_create(&closer, NULL, closes_when_told, thread), 0);
    read_lines(p.ssl, CHILDREN);
    pthread_join(closer, NULL);
    p.fd = -1;
    tlspair_close(&p);
}

/* A child that is killed in the middle of it: its parent goes on, and is the last. */
static void a_killed_child_holds_nothing(void **state)
{
    struct tlspair p;
    char buf[16];
    pid_t child;
    int there[2];

    (void)state;
    tlspair_open(&p, PIL_SUITE_AES_128_GCM, true, 0);
    assert_int_equal(pipe(there), 0);
    child = fork();
    if (child == 0) {
        assert_int_equal(write(there[1], "x", 1), 1);
        for (;;)
            pause();
    }
    assert_int_equal(read(there[0], buf, 1), 1);
    close(there[0]);
    close(there[1]);
    assert_int_equal(pil_shim_write(p.fd, "on", 2), 2);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(pil_shim_close(p.fd), 0);
    assert_int_equal(SSL_read(p.ssl, buf, 16), 2);
    assert_int_equal(SSL_read(p.ssl, buf, 16), 0);
    assert_int_equal(SSL_get_error(p.ssl, 0), SSL_ERROR_ZERO_RETURN);
    p.fd = -1;
    tlspair_close(&p);
}

static void what_cannot_be_is_refused(void **state)
{
    struct pil_traffic t = {.secret_len = 32};
    struct pil_secured s = {
        .path = PIL_PATH_PROCESS, .suite = PIL_SUITE_AES_128_GCM, .in = t, .out = t};
    int fd[2];

    (void)state;
    tlspair_sockets(fd);
    assert_int_equal(pil_conn_install(-1, &s), PIL_E_MALFORMED);
    s.suite = 0x1304;
    assert_int_equal(pil_conn_install(fd[0], &s), PIL_E_MALFORMED);
    s.suite = PIL_SUITE_AES_256_GCM; /* whose secrets are longer */
    assert_int_equal(pil_conn_install(fd[0], &s), PIL_E_MALFORMED);
    s.suite = PIL_SUITE_AES_128_GCM;
    s.path = PIL_PATH_RELAY;
    assert_int_equal(pil_conn_install(fd[0], &s), PIL_E_MALFORMED);
    assert_false(pil_conn_maybe(fd[0]));
    assert_false(pil_conn_maybe(-1));
    assert_int_equal(pil_conn_demote(fd[0]), PIL_CONN_NOT);
    close(fd[0]);
    close(fd[1]);
}

static int set_up(void **state)
{
    (void)state;
    world_fresh("/nowhere");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_go_both_ways),
        cmocka_unit_test(long_streams),
        cmocka_unit_test(poll_knows_of_what_is_kept),
        cmocka_unit_test(a_read_takes_all_that_fits),
        cmocka_unit_test(looking_takes_nothing),
        cmocka_unit_test(padding_is_not_read),
        cmocka_unit_test(reads_wait_as_they_are_told),
        cmocka_unit_test(messages_and_vectors),
        cmocka_unit_test(writes_of_every_kind),
        cmocka_unit_test(files_are_sent),
        cmocka_unit_test(nothing_is_lost_where_nothing_waits),
        cmocka_unit_test(ends_in_order),
        cmocka_unit_test(closing_says_so),
        cmocka_unit_test(a_broken_pipe_is_signalled),
        cmocka_unit_test(a_cut_stream_is_no_end),
        cmocka_unit_test(a_forged_record_ends_it),
        cmocka_unit_test(plaintext_ends_it),
        cmocka_unit_test(keys_are_changed),
        cmocka_unit_test(a_worn_key_is_changed),
        cmocka_unit_test(copies_are_one_connection),
        cmocka_unit_test(a_number_that_went_elsewhere_is_let_go),
        cmocka_unit_test(children_share_it),
        cmocka_unit_test(threads_share_it),
        cmocka_unit_test(a_killed_child_holds_nothing),
        cmocka_unit_test(what_cannot_be_is_refused),
    };

    return cmocka_run_group_tests_name("conn", tests, set_up, NULL);
}
