/*
 * shim/conn_demote: what is handed to policyd is all of the connection, and the relay's socket
 * takes its place; where policyd says no, the connection stays what it was.
 */
#include "tests/support/shimworld.h"
#include "tests/support/tlspair.h"

#include <pthread.h>
#include <spawn.h>
#include <sys/wait.h>

#include "core/chan.h"
#include "shim/link.h"
#include "shim/shim.h"

/* What the fake was given last. Written in its thread before it answers. */
static struct {
    struct pil_demote ask;
    uint8_t bytes[3 * PIL_DEMOTE_MAX];
    int socket; /* a copy of the connection's */
    int relay;  /* policyd's end */
    unsigned asked;
    uint32_t status;
} given;

/* How a recheck is answered, and how often one came. */
static struct {
    bool goes_on;
    unsigned asked;
    uint64_t id;
} checked;

static bool take_recheck(int conn, const struct pil_wire_head *head, struct pil_reader *r)
{
    struct pil_recheck ask;
    struct pil_rechecked answer = {.count = 1, .goes_on = {checked.goes_on}};
    uint8_t frame[64];
    struct pil_writer w;
    struct iovec iov = {frame, 0};

    if (pil_wire_get_recheck(r, &ask) || ask.count != 1)
        return false;
    checked.asked++;
    checked.id = ask.id[0];
    pil_wire_begin(&w, frame, sizeof(frame), PIL_WIRE_RECHECKED, head->sequence);
    pil_wire_put_rechecked(&w, &answer);
    if (pil_wire_finish(&w))
        return false;
    iov.iov_len = w.len;
    return !pil_chan_send(&pil_sysops_kernel, conn, &iov, 1, NULL, 0, true);
}

static bool take_demote(int conn, const struct pil_wire_head *head, struct pil_reader *r,
                        const int *fds, unsigned count)
{
    uint8_t frame[64];
    struct pil_writer w;
    int pair[2] = {-1, -1};
    struct iovec iov = {frame, 0};

    if (head->type == PIL_WIRE_RECHECK)
        return take_recheck(conn, head, r);
    if (head->type != PIL_WIRE_DEMOTE || count != 2 || pil_wire_get_demote(r, &given.ask))
        return false;
    given.asked++;
    given.socket = fds[0];
    (void)!pread(fds[1], given.bytes, sizeof(given.bytes), 0);
    close(fds[1]);
    if (given.status == PIL_OK)
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
    given.relay = pair[0];
    pil_wire_begin(&w, frame, sizeof(frame), PIL_WIRE_DEMOTED, head->sequence);
    pil_wire_put_demoted(&w, given.status);
    if (pil_wire_finish(&w))
        return false;
    iov.iov_len = w.len;
    (void)!pil_chan_send(&pil_sysops_kernel, conn, &iov, 1, &pair[1], pair[1] >= 0, true);
    close(pair[1]);
    return true;
}

static void begin(void **state, struct tlspair *p)
{
    memset(&given, 0, sizeof(given));
    given.relay = given.socket = -1;
    checked.goes_on = true;
    checked.asked = 0;
    fake_answers(*state, take_demote);
    tlspair_open(p, PIL_SUITE_AES_128_GCM, true, 0);
}

static void end(struct tlspair *p)
{
    close(given.relay);
    close(given.socket);
    tlspair_close(p);
}

/* The relay's socket is under that number, and works. */
static void is_relay(int fd)
{
    char buf[8];

    assert_false(pil_conn_maybe(fd));
    assert_int_equal(pil_shim_write(fd, "out", 3), 3);
    assert_int_equal(read(given.relay, buf, sizeof(buf)), 3);
    assert_int_equal(write(given.relay, "in", 2), 2);
    assert_int_equal(pil_shim_read(fd, buf, sizeof(buf)), 2);
}

static void all_of_it_goes_along(void **state)
{
    uint8_t big[300], got[100], half[20];
    struct tlspair p;

    begin(state, &p);
    memset(big, 'x', sizeof(big));
    assert_int_equal(pil_shim_write(p.fd, "one", 3), 3);
    assert_int_equal(SSL_read(p.ssl, got, 100), 3);
    assert_int_equal(SSL_write(p.ssl, big, sizeof(big)), sizeof(big));
    assert_int_equal(pil_shim_read(p.fd, got, 100), 100);
    assert_int_equal(pil_conn_demote(p.fd), 0);

    assert_int_equal(given.ask.id, 7);
    assert_int_equal(given.ask.suite, PIL_SUITE_AES_128_GCM);
    assert_int_equal(given.ask.ended, 0);
    assert_int_equal(given.ask.in.seq, 1);
    assert_int_equal(given.ask.out.seq, 1);
    assert_memory_equal(given.ask.in.key, p.in.key, 16);
    assert_memory_equal(given.ask.out.secret, p.out.secret, 32);
    assert_int_equal(given.ask.plain_len, 200);
    assert_memory_equal(given.bytes, big, 200);
    assert_int_equal(given.ask.cipher_in_len, 0);
    assert_int_equal(given.ask.cipher_out_len, 0);
    /* The byte that lay in the kernel is not there for policyd to stumble over. */
    assert_int_equal(recv(given.socket, half, 1, MSG_PEEK | MSG_DONTWAIT), -1);
    is_relay(p.fd);
    end(&p);
}

static void half_a_record_goes_along(void **state)
{
    uint8_t record[64], buf[16];
    uint8_t ctx[PIL_AEAD_ROOM] __attribute__((aligned(16)));
    struct tlspair p;
    struct pil_traffic t;

    begin(state, &p);
    t = p.in;
    assert_int_equal(pil_aead_host()->init(ctx, PIL_SUITE_AES_128_GCM, t.key), PIL_OK);
    assert_int_equal(pil_record_seal(pil_aead_host(), ctx, PIL_SUITE_AES_128_GCM, &t,
                                     PIL_CONTENT_DATA, (const uint8_t *)"0123456789", 10, record),
                     PIL_OK);
    assert_int_equal(write(p.other, record, 20), 20);
    while (recv(p.fd, buf, 16, MSG_PEEK | MSG_DONTWAIT) < 16)
        usleep(1000);
    errno = 0;
    assert_int_equal(pil_shim_recv(p.fd, buf, 16, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(pil_conn_demote(p.fd), 0);
    assert_int_equal(given.ask.in.seq, 0);
    assert_int_equal(given.ask.cipher_in_len, 20);
    assert_memory_equal(given.bytes, record, 20);
    end(&p);
}

/* Opens what was under way and what policyd got: together it is what the program thinks it wrote,
 * and one byte. */
static void what_is_unsent_goes_along(void **state)
{
    static uint8_t out[30000], in[4000000];
    ssize_t n, sent = 0;
    size_t have = 0;
    struct tlspair p;
    int small = 5000;

    begin(state, &p);
    setsockopt(p.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    tlspair_blocking(p.fd, false);
    memset(out, 'y', sizeof(out));
    while ((n = pil_shim_write(p.fd, out, sizeof(out))) > 0)
        sent += n;
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(pil_conn_demote(p.fd), 0);
    assert_true(given.ask.cipher_out_len > 0);
    assert_true(fcntl(p.fd, F_GETFL) & O_NONBLOCK);
    tlspair_blocking(p.other, false);
    for (unsigned at = 0; at < given.ask.cipher_out_len || (ssize_t)have <= sent;) {
        n = send(given.socket, given.bytes + at, given.ask.cipher_out_len - at, MSG_DONTWAIT);
        at += n > 0 ? (unsigned)n : 0;
        n = SSL_read(p.ssl, in + have, (int)(sizeof(in) - have));
        have += n > 0 ? (size_t)n : 0;
        assert_true(n > 0 || SSL_get_error(p.ssl, (int)n) == SSL_ERROR_WANT_READ);
    }
    assert_int_equal(have, sent + 1);
    assert_int_equal(in[0] + in[have - 1], 2 * 'y');
    end(&p);
}

static void where_policyd_says_no_it_stays(void **state)
{
    struct tlspair p;
    char buf[16];

    begin(state, &p);
    given.status = PIL_E_REFUSED;
    assert_int_equal(pil_conn_demote(p.fd), -EIO);
    assert_int_equal(given.asked, 1);
    assert_null(pil_shim_fdopen(p.fd, "r+"));
    assert_int_equal(errno, EIO);
    assert_int_equal(pil_shim_write(p.fd, "still", 5), 5);
    assert_int_equal(SSL_read(p.ssl, buf, 16), 5);
    end(&p);
}

static void all_numbers_become_the_relays(void **state)
{
    struct tlspair p;
    int copy, kept;

    begin(state, &p);
    copy = pil_shim_dup(p.fd);
    kept = pil_shim_fcntl(p.fd, F_DUPFD_CLOEXEC, 0);
    assert_int_equal(pil_conn_demote(copy), 0);
    is_relay(p.fd);
    is_relay(copy);
    is_relay(kept);
    assert_true(fcntl(kept, F_GETFD) & FD_CLOEXEC);
    assert_false(fcntl(copy, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(given.asked, 1);
    close(copy);
    close(kept);
    end(&p);
}

/* ---- what demotes --------------------------------------------------------------------------- */

static void streams_of_libc(void **state)
{
    struct tlspair p;
    char line[16];
    FILE *stream;

    begin(state, &p);
    stream = pil_shim_fdopen(p.fd, "r+");
    assert_non_null(stream);
    setvbuf(stream, NULL, _IONBF, 0);
    assert_int_equal(fputs("line\n", stream) >= 0, 1);
    assert_int_equal(read(given.relay, line, sizeof(line)), 5);
    fclose(stream);
    p.fd = -1;
    end(&p);
}

static void being_passed(void **state)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {
        {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
    struct iovec iov = {(char[]){"x"}, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};
    struct tlspair p;
    int pair[2], passed;

    begin(state, &p);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    memcpy(CMSG_DATA(&control.head), &p.fd, sizeof(int));
    given.status = PIL_E_REFUSED;
    assert_int_equal(pil_shim_sendmsg(pair[0], &msg, 0, NULL), -1);
    assert_int_equal(errno, EIO);
    given.status = PIL_OK;
    assert_int_equal(pil_shim_sendmsg(pair[0], &msg, 0, NULL), 1);
    assert_int_equal(recvmsg(pair[1], &msg, 0), 1);
    memcpy(&passed, CMSG_DATA(&control.head), sizeof(int));
    is_relay(passed);
    close(passed);
    close(pair[0]);
    close(pair[1]);
    end(&p);
}

/* The number 0 is what the next program calls its input. */
static void standing_for_input(void **state)
{
    struct tlspair p;
    int kept = dup(0);

    begin(state, &p);
    assert_int_equal(pil_shim_dup2(p.fd, 0), 0);
    is_relay(0);
    is_relay(p.fd);
    assert_int_equal(dup2(kept, 0), 0);
    close(kept);
    end(&p);
}

static void being_spawned_with(void **state)
{
    char *argv[] = {(char[]){"cat"}, NULL};
    posix_spawn_file_actions_t actions;
    struct tlspair p;
    char buf[16];
    pid_t pid;

    begin(state, &p);
    fcntl(p.fd, F_SETFD, 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, p.fd, 0);
    posix_spawn_file_actions_adddup2(&actions, p.fd, 1);
    posix_spawn_file_actions_addclose(&actions, p.fd);
    assert_int_equal(pil_shim_posix_spawn(&pid, "/bin/cat", &actions, NULL, argv, environ, 0), 0);
    posix_spawn_file_actions_destroy(&actions);
    assert_int_equal(given.asked, 1);
    assert_int_equal(write(given.relay, "echo", 4), 4);
    assert_int_equal(read(given.relay, buf, sizeof(buf)), 4);
    shutdown(given.relay, SHUT_WR);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    end(&p);
}

/* In a child of vfork, which has its parent's memory and descriptors of its own. */
static void standing_for_input_of_a_vfork_child(void **state)
{
    char *argv[] = {(char[]){"cat"}, NULL};
    struct tlspair p;
    char buf[16];
    pid_t pid;

    begin(state, &p);
    pid = vfork();
    if (pid == 0) {
        if (pil_shim_dup2(p.fd, 0) == 0 && pil_shim_dup2(p.fd, 1) == 1)
            pil_shim_execve("/bin/cat", argv, environ);
        _exit(9);
    }
    assert_int_equal(given.asked, 1);
    assert_int_equal(write(given.relay, "echo", 4), 4);
    assert_int_equal(read(given.relay, buf, sizeof(buf)), 4);
    shutdown(given.relay, SHUT_WR);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    /* The parent's number is what it was, and of no use any more. */
    assert_true(pil_conn_maybe(p.fd));
    assert_int_equal(pil_shim_read(p.fd, buf, 1), -1);
    assert_int_equal(pil_shim_close(p.fd), 0);
    assert_false(pil_conn_maybe(p.fd));
    p.fd = -1;
    end(&p);
}

/* What a child of vfork closes, its parent keeps. */
static void closing_in_a_vfork_child(void **state)
{
    struct tlspair p;
    char buf[16];
    pid_t pid;

    begin(state, &p);
    pid = vfork();
    if (pid == 0) {
        pil_shim_close(p.fd);
        pil_shim_close_range(3, ~0u, 0);
        pil_conn_farewell();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(pil_shim_write(p.fd, "mine", 4), 4);
    assert_int_equal(SSL_read(p.ssl, buf, 16), 4);
    end(&p);
}

/* A connection that a spawned child would get by accident: it does not, and the parent's stays. */
static void not_being_spawned_with(void **state)
{
    char script[64];
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, script, NULL};
    struct tlspair p;
    char buf[16];
    int status;
    pid_t pid;

    begin(state, &p);
    fcntl(p.fd, F_SETFD, 0);
    snprintf(script, sizeof(script), "[ ! -e /proc/self/fd/%d ]", p.fd);
    assert_int_equal(pil_shim_posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ, 0), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(fcntl(p.fd, F_GETFD), 0);
    assert_int_equal(pil_shim_write(p.fd, "mine", 4), 4);
    assert_int_equal(SSL_read(p.ssl, buf, 16), 4);
    assert_int_equal(given.asked, 0);
    end(&p);
}

/* A child's exec: what it shares with its parent is the parent's. */
static void sharing_over_an_exec(void **state)
{
    char script[64], buf[16];
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, script, NULL};
    struct tlspair p;
    int status;
    pid_t pid;

    begin(state, &p);
    fcntl(p.fd, F_SETFD, 0);
    snprintf(script, sizeof(script), "[ ! -e /proc/self/fd/%d ]", p.fd);
    pid = fork();
    if (pid == 0) {
        pil_shim_execve("/bin/sh", argv, environ);
        _exit(9);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(pil_shim_write(p.fd, "mine", 4), 4);
    assert_int_equal(SSL_read(p.ssl, buf, 16), 4);
    end(&p);
}

/* Closed while the kernel is full: policyd brings the rest, and the end. */
static void closing_with_much_unsent(void **state)
{
    static uint8_t out[30000];
    struct tlspair p;
    int small = 5000;

    begin(state, &p);
    setsockopt(p.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    tlspair_blocking(p.fd, false);
    while (pil_shim_write(p.fd, out, sizeof(out)) > 0)
        ;
    assert_int_equal(pil_shim_close(p.fd), 0);
    assert_int_equal(given.asked, 1);
    assert_int_equal(given.ask.ended, PIL_ENDED_ALL);
    assert_true(given.ask.cipher_out_len > PIL_RECORD_ALERT);
    assert_int_equal(given.ask.plain_len + given.ask.cipher_in_len, 0);
    p.fd = -1;
    end(&p);
}

/* ---- a change of policy ---------------------------------------------------------------------- */

static void a_new_policy_is_asked_once(void **state)
{
    struct tlspair p;
    char buf[16];

    begin(state, &p);
    assert_int_equal(pil_shim_write(p.fd, "one", 3), 3); /* no page yet */
    assert_int_equal(checked.asked, 0);
    assert_int_equal(pil_link_welcome(pil_link_deadline()), PIL_OK);
    for (unsigned generation = 1; generation < 3; generation++) {
        for (int i = 0; i < 3; i++)
            assert_int_equal(pil_shim_write(p.fd, "two", 3), 3);
        assert_int_equal(checked.asked, generation);
        pil_genpage_publish(fake_page(*state), 1000 + generation, 0);
    }
    assert_int_equal(checked.id, 7);
    assert_int_equal(SSL_write(p.ssl, "secret", 6), 6);
    assert_int_equal(pil_shim_recv(p.fd, buf, 2, MSG_PEEK), 2); /* and keeps what it has seen */
    checked.goes_on = false;
    pil_genpage_publish(fake_page(*state), 2000, 0);
    errno = 0;
    assert_int_equal(pil_shim_read(p.fd, buf, sizeof(buf)), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(pil_shim_send(p.fd, "x", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(errno, EPIPE);
    end(&p);
}

static void without_an_answer_it_goes_on(void **state)
{
    struct tlspair p;
    char buf[16];

    begin(state, &p);
    assert_int_equal(pil_link_welcome(pil_link_deadline()), PIL_OK);
    pil_genpage_publish(fake_page(*state), 3000, 0);
    fake_die(*state);
    assert_int_equal(pil_shim_write(p.fd, "still", 5), 5);
    assert_int_equal(SSL_read(p.ssl, buf, 16), 5);
    fake_live(*state);
    end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(all_of_it_goes_along),
        world_test(half_a_record_goes_along),
        world_test(what_is_unsent_goes_along),
        world_test(where_policyd_says_no_it_stays),
        world_test(all_numbers_become_the_relays),
        world_test(streams_of_libc),
        world_test(being_passed),
        world_test(standing_for_input),
        world_test(being_spawned_with),
        world_test(standing_for_input_of_a_vfork_child),
        world_test(closing_in_a_vfork_child),
        world_test(not_being_spawned_with),
        world_test(sharing_over_an_exec),
        world_test(closing_with_much_unsent),
        world_test(a_new_policy_is_asked_once),
        world_test(without_an_answer_it_goes_on),
    };

    return cmocka_run_group_tests_name("conn_demote", tests, NULL, NULL);
}
