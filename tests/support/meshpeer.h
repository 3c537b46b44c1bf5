/*
 * One end of a secured connection, as a program under Pillion has it: what policyd hands out is
 * taken, and what is said on it is sealed and opened with the keys that came along.
 *
 * Tests only. Every call fails the test by itself when something is not as it has to be.
 */
#ifndef PIL_TESTS_MESHPEER_H
#define PIL_TESTS_MESHPEER_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/chan.h"
#include "core/wire_tls.h"
#include "policyd/tls/aead.h"
#include "tests/support/daemon.h"

#define MESH_WAIT_MS 20000
#define MESH_USE     __attribute__((unused)) static

struct mesh_end {
    struct pil_secured got; /* peer points to `peer` */
    char peer[PIL_PEER_MAX + 1];
    int fd; /* the connection, or the program's end of a relay */
};

static struct sockaddr_in loopback(unsigned port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* A listening TCP socket on 127.0.0.1 and its port. */
MESH_USE int mesh_listen(unsigned *port)
{
    struct sockaddr_in at = loopback(0);
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

/* A connection to it. */
MESH_USE int mesh_dial(unsigned port)
{
    struct sockaddr_in at = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}

/* Whether there is something to take, within so many milliseconds. */
MESH_USE bool mesh_ready(int fd, int ms)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};

    return poll(&pfd, 1, ms) == 1;
}

static void send_with(int link, struct pil_writer *w, const int *fds, unsigned count)
{
    struct iovec iov = {w->start, 0};

    assert_err(pil_wire_finish(w), PIL_OK);
    iov.iov_len = w->len;
    assert_err(pil_chan_send(&pil_sysops_kernel, link, &iov, 1, fds, count, true), PIL_OK);
}

static struct pil_query query(unsigned action, unsigned port)
{
    struct pil_query q = test_daemon_query("127.0.0.1", port);

    q.action = (uint8_t)action;
    return q;
}

/* Sends DELEGATE and reads the answer; *standin is -1 unless status is PIL_OK. */
MESH_USE struct pil_delegated mesh_delegate(int link, int listening, unsigned port, int *standin)
{
    struct pil_delegate ask = {.query = query(PIL_ACTION_LISTEN, port), .backlog = 64};
    struct pil_delegated answer;
    struct pil_wire_head head;
    uint8_t room[256];
    struct pil_writer w;
    struct pil_reader r;
    unsigned count = 1;
    size_t len;

    pil_wire_begin(&w, room, sizeof(room), PIL_WIRE_DELEGATE, 8);
    pil_wire_put_delegate(&w, &ask);
    send_with(link, &w, &listening, 1);
    assert_true(mesh_ready(link, MESH_WAIT_MS));
    *standin = -1;
    assert_err(
        pil_chan_recv(&pil_sysops_kernel, link, room, sizeof(room), &len, standin, &count, true),
        PIL_OK);
    assert_err(pil_wire_open(room, len, &head, &r), PIL_OK);
    assert_int_equal(head.type, PIL_WIRE_DELEGATED);
    assert_int_equal(head.sequence, 8);
    assert_err(pil_wire_get_delegated(&r, &answer), PIL_OK);
    assert_int_equal(count, answer.status == PIL_OK ? 1 : 0);
    return answer;
}

/* Sends SECURE for a socket; the end of the channel on which the answer comes. */
MESH_USE int mesh_secure(int link, int fd, unsigned port, uint32_t flags)
{
    struct pil_secure ask = {.query = query(PIL_ACTION_CONNECT, port), .flags = flags};
    uint8_t room[256];
    struct pil_writer w;
    int ends[2], fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    fds[0] = fd, fds[1] = ends[1];
    pil_wire_begin(&w, room, sizeof(room), PIL_WIRE_SECURE, 0);
    pil_wire_put_secure(&w, &ask);
    send_with(link, &w, fds, 2);
    close(ends[1]);
    return ends[0];
}

/* One frame into end; how many descriptors came, the last one in *fd. */
static unsigned take(int from, struct mesh_end *end, int *fd)
{
    uint8_t room[1024];
    struct pil_wire_head head;
    struct pil_reader r;
    unsigned count = 1;
    size_t len;
    int err;

    if (!mesh_ready(from, MESH_WAIT_MS))
        fail_msg("policyd did not hand anything out");
    err = pil_chan_recv(&pil_sysops_kernel, from, room, sizeof(room), &len, fd, &count, true);
    if (err == PIL_E_CLOSED) {
        end->got.status = PIL_E_CLOSED;
        return 0;
    }
    assert_err(err, PIL_OK);
    assert_err(pil_wire_open(room, len, &head, &r), PIL_OK);
    assert_int_equal(head.type, PIL_WIRE_SECURED);
    assert_err(pil_wire_get_secured(&r, &end->got), PIL_OK);
    memcpy(end->peer, end->got.peer.at, end->got.peer.len);
    end->peer[end->got.peer.len] = '\0';
    end->got.peer.at = end->peer;
    return count;
}

/* Takes one SECURED: from a stand-in, or from the channel of `fd`, which is closed then. A channel
 * that ends without one is status PIL_E_CLOSED. */
MESH_USE struct mesh_end mesh_take(int standin)
{
    struct mesh_end end = {.fd = -1};

    assert_int_equal(take(standin, &end, &end.fd), 1);
    assert_int_equal(end.got.status, PIL_OK);
    return end;
}

MESH_USE struct mesh_end mesh_take_answer(int channel, int fd)
{
    struct mesh_end end = {.fd = fd};
    int relay = -1;
    unsigned count = take(channel, &end, &relay);

    close(channel);
    assert_int_equal(count, end.got.path == PIL_PATH_RELAY ? 1 : 0);
    if (count == 1) {
        close(fd);
        end.fd = relay;
    }
    return end;
}

/* ---- records -------------------------------------------------------------------------------- */

static void send_all(int fd, const void *bytes, size_t len)
{
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void receive_all(int fd, void *room, size_t len)
{
    for (size_t have = 0; have < len;) {
        ssize_t got;

        if (!mesh_ready(fd, MESH_WAIT_MS))
            fail_msg("the other end says nothing");
        got = recv(fd, (char *)room + have, len - have, 0);
        if (got <= 0)
            fail_msg("the connection ended: %s", got ? strerror(errno) : "end of stream");
        have += (size_t)got;
    }
}

/* Path process: one record with this text, and what the next record says. */
MESH_USE void mesh_say(struct mesh_end *end, const char *text)
{
    void *ctx = calloc(1, pil_aead_evp.room);
    size_t len = strlen(text);
    uint8_t *record = malloc(len + PIL_RECORD_OVERHEAD);

    assert_err(pil_aead_evp.init(ctx, end->got.suite, end->got.out.key), PIL_OK);
    assert_err(pil_record_seal(&pil_aead_evp, ctx, end->got.suite, &end->got.out, PIL_CONTENT_DATA,
                               (const uint8_t *)text, len, record),
               PIL_OK);
    send_all(end->fd, record, len + PIL_RECORD_OVERHEAD);
    pil_aead_drop(ctx);
    free(ctx);
    free(record);
}

MESH_USE void mesh_hear(struct mesh_end *end, const char *text)
{
    uint8_t record[PIL_RECORD_WIRE_MAX];
    void *ctx = calloc(1, pil_aead_evp.room);
    struct pil_opened got;
    size_t total;

    assert_err(pil_aead_evp.init(ctx, end->got.suite, end->got.in.key), PIL_OK);
    do { /* tickets of a foreign server are passed over */
        receive_all(end->fd, record, PIL_RECORD_HEAD);
        assert_err(pil_record_length(record, PIL_RECORD_HEAD, &total), PIL_OK);
        receive_all(end->fd, record + PIL_RECORD_HEAD, total - PIL_RECORD_HEAD);
        assert_err(pil_record_open(&pil_aead_evp, ctx, &end->got.in, record, total, &got), PIL_OK);
    } while (got.type == PIL_CONTENT_HANDSHAKE);
    assert_int_equal(got.type, PIL_CONTENT_DATA);
    assert_int_equal(got.len, strlen(text));
    assert_memory_equal(record + PIL_RECORD_HEAD, text, got.len);
    pil_aead_drop(ctx);
    free(ctx);
}

/* Path plain and relay: the same without records. */
MESH_USE void mesh_say_plain(const struct mesh_end *end, const char *text)
{
    send_all(end->fd, text, strlen(text));
}

MESH_USE void mesh_hear_plain(const struct mesh_end *end, const char *text)
{
    char room[4096];
    size_t len = strlen(text);

    assert_true(len <= sizeof(room));
    receive_all(end->fd, room, len);
    assert_memory_equal(room, text, len);
}

#endif
