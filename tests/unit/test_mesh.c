/* Secured connections of a real policyd, with this program as both ends: what it is handed keeps
 * what is said secret and whole, and what may not be is refused with its reason. */
#include "tests/support/support.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/standin.h"
#include "policyd/tls/aead.h"
#include "tests/support/meshworld.h"

/* ---- delegating ----------------------------------------------------------------------------- */

static void a_stand_in_says_what_it_stands_for(void **state)
{
    struct pollfd pfd = {.events = POLLIN | POLLOUT};
    struct sockaddr_un un;
    socklen_t len = sizeof(un);
    struct pil_standin name;
    struct world w;

    (void)state;
    start(&w, "required", ALL_RULES, "");
    delegate(&w);
    assert_int_equal(w.delegated.status, PIL_OK);
    assert_int_equal(getsockname(w.standin, (struct sockaddr *)&un, &len), 0);
    assert_true(pil_standin_read((struct sockaddr *)&un, len, &name));
    assert_int_equal(name.kind, PIL_STANDIN_LISTEN);
    assert_int_equal(ntohs(name.own.v4.sin_port), w.port);
    assert_true(name.id == w.delegated.id);
    pfd.fd = w.standin;
    assert_int_equal(poll(&pfd, 1, 0), 0); /* neither readable nor writable */
    assert_true(send(w.standin, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN);
    stop(&w);
}

static void what_is_not_as_said_is_not_taken(void **state)
{
    struct world w;
    unsigned other;
    int fd, standin;

    (void)state;
    start(&w, "required", ALL_RULES, "");
    fd = mesh_dial(w.port); /* no listening socket */
    assert_int_equal(mesh_delegate(w.link, fd, w.port, &standin).status, PIL_E_MALFORMED);
    close(fd);
    fd = mesh_listen(&other); /* another one than the question is about */
    assert_int_equal(mesh_delegate(w.link, fd, w.port, &standin).status, PIL_E_PEER);
    /* One that policy does not encrypt. */
    assert_int_equal(mesh_delegate(w.link, fd, other, &standin).status, PIL_E_REFUSED);
    close(fd);
    assert_int_equal(number(&w, "listeners"), -1);
    stop(&w);
}

static void without_an_identity_nothing_is_secured(void **state)
{
    char policy[1024];
    struct world w;
    uint32_t status;
    struct mesh_end client;
    int fd;

    (void)state;
    start(&w, "required", ALL_RULES, "");
    snprintf(policy, sizeof(policy),
             "schema = 1\ndefault = allow\ntrust_domain = \"corp.example\"\n"
             "service \"s\" { endpoints = {\"127.0.0.1:%u\"} encrypt = required }\n",
             w.port);
    test_daemon_policy(&w.d, policy);
    json_decref(test_daemon_control(&w.d, "reload", NULL, &status));
    delegate(&w);
    assert_int_equal(w.delegated.status, PIL_E_NOTFOUND);
    fd = mesh_dial(w.port);
    client = mesh_take_answer(mesh_secure(w.link, fd, w.port, 0), fd);
    assert_int_equal(client.got.status, PIL_E_NOTFOUND);
    assert_int_equal(client.got.reason, PIL_TLS_NO_IDENTITY);
    assert_int_equal(client.got.error, EACCES);
    close(fd);
    stop(&w);
}

/* ---- both ends ------------------------------------------------------------------------------ */

static void both_ends_have_the_same_keys(void **state)
{
    struct mesh_end client, server;
    struct world w;

    (void)state;
    start(&w, "required", PEER_RULES, "");
    delegate(&w);
    for (unsigned i = 0; i < 3; i++) {
        connect_both(&w, &client, &server);
        assert_int_equal(client.got.path, PIL_PATH_PROCESS);
        assert_int_equal(server.got.path, PIL_PATH_PROCESS);
        assert_string_equal(client.peer, SELF);
        assert_string_equal(server.peer, SELF);
        assert_int_equal(client.got.mesh, 1);
        assert_int_equal(server.got.mesh, 1);
        mesh_say(&client, "ping");
        mesh_hear(&server, "ping");
        mesh_say(&server, "pong");
        mesh_hear(&client, "pong");
        close(client.fd), close(server.fd);
    }
    await_number(&w, "accept/good", 3);
    await_number(&w, "connect/good", 3);
    await_number(&w, "paths/process/opened", 6);
    stop(&w);
}

static void a_non_blocking_connect_is_waited_for(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    struct mesh_end client, server;
    struct world w;
    int fd;

    (void)state;
    start(&w, "required", ALL_RULES, "");
    delegate(&w);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    at.sin_port = htons((uint16_t)w.port), at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)!connect(fd, (struct sockaddr *)&at, sizeof(at));
    client = mesh_take_answer(mesh_secure(w.link, fd, w.port, PIL_SECURE_NONBLOCK), fd);
    assert_int_equal(client.got.status, PIL_OK);
    server = mesh_take(w.standin);
    mesh_say(&client, "late");
    mesh_hear(&server, "late");
    close(client.fd), close(server.fd);
    stop(&w);
}

static void a_filled_channel_wakes_with_its_answer(void **state)
{
    struct pollfd pfd = {.events = POLLIN | POLLOUT};
    struct mesh_end client, server;
    int fd, channel, least = 1;
    struct world w;

    (void)state;
    start(&w, "required", ALL_RULES, "");
    delegate(&w);
    fd = mesh_dial(w.port);
    kill(w.d.pid, SIGSTOP);
    channel = mesh_secure(w.link, fd, w.port, 0);
    setsockopt(channel, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
    while (send(channel, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
        continue;
    pfd.fd = channel;
    assert_int_equal(poll(&pfd, 1, 0), 0);
    kill(w.d.pid, SIGCONT);
    assert_int_equal(poll(&pfd, 1, 20000), 1);
    assert_true(pfd.revents & POLLIN);
    pfd.events = POLLOUT;
    assert_int_equal(poll(&pfd, 1, 20000), 1);
    client = mesh_take_answer(channel, fd);
    assert_int_equal(client.got.status, PIL_OK);
    server = mesh_take(w.standin);
    close(client.fd), close(server.fd);
    stop(&w);
}

/* ---- refused -------------------------------------------------------------------------------- */

static void who_may_not_connect_is_refused_at_both_ends(void **state)
{
    struct mesh_end client;
    struct world w;
    int fd;

    (void)state;
    start(&w, "required",
          "rule \"listen\" { effect = allow actions = {listen} resources = {\"service:s\"} }\n"
          "rule \"accept\" { effect = allow actions = {accept} resources = {\"service:s\"}\n"
          "    when { peer = {\"spiffe://corp.example/somebody-else\"} } }\n"
          "rule \"connect\" { effect = allow actions = {connect} resources = {\"service:s\"} }\n",
          "");
    delegate(&w);
    fd = mesh_dial(w.port);
    client = mesh_take_answer(mesh_secure(w.link, fd, w.port, 0), fd);
    assert_int_not_equal(client.got.status, PIL_OK);
    assert_int_equal(client.got.reason, PIL_TLS_PEER_DENIED);
    assert_int_equal(client.got.error, EACCES);
    assert_false(mesh_ready(w.standin, 0));
    await_number(&w, "accept/refused/denied", 1);
    await_number(&w, "connect/refused/peer-denied", 1);
    close(fd);
    stop(&w);
}

static void plaintext_never_reaches_who_requires_tls(void **state)
{
    static const char hello[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    struct world w;
    char byte;
    int fd;

    (void)state;
    start(&w, "required", ALL_RULES, "");
    delegate(&w);
    fd = mesh_dial(w.port);
    assert_int_equal(send(fd, hello, sizeof(hello) - 1, 0), (ssize_t)sizeof(hello) - 1);
    assert_true(recv(fd, &byte, 1, 0) <= 0);
    close(fd);
    await_number(&w, "accept/refused/plaintext", 1);
    assert_false(mesh_ready(w.standin, 0));
    stop(&w);
}

static void permissive_takes_both(void **state)
{
    struct mesh_end client, server = {.fd = -1};
    struct world w;

    (void)state;
    start(&w, "permissive", ALL_RULES, "");
    delegate(&w);
    client.fd = mesh_dial(w.port);
    mesh_say_plain(&client, "in the clear");
    server = mesh_take(w.standin);
    assert_int_equal(server.got.path, PIL_PATH_PLAIN);
    assert_int_equal(server.got.peer.len, 0);
    mesh_hear_plain(&server, "in the clear");
    close(client.fd), close(server.fd);
    connect_both(&w, &client, &server);
    assert_int_equal(server.got.path, PIL_PATH_PROCESS);
    mesh_say(&client, "not");
    mesh_hear(&server, "not");
    close(client.fd), close(server.fd);
    await_number(&w, "accept/plain", 1);
    stop(&w);
}

static void who_stalls_occupies_nobody(void **state)
{
    struct mesh_end client, server;
    int stalled[20];
    struct world w;
    char byte;

    (void)state;
    start(&w, "required", ALL_RULES, "handshake_timeout = 1s\n");
    delegate(&w);
    for (unsigned i = 0; i < PIL_NELEM(stalled); i++) {
        stalled[i] = mesh_dial(w.port);
        assert_int_equal(send(stalled[i], "\x16\x03\x01\x02", i % 5, 0), i % 5);
    }
    connect_both(&w, &client, &server);
    mesh_say(&client, "through");
    mesh_hear(&server, "through");
    for (unsigned i = 0; i < PIL_NELEM(stalled); i++) {
        assert_true(recv(stalled[i], &byte, 1, 0) <= 0); /* when its time is over */
        close(stalled[i]);
    }
    await_number(&w, "accept/refused/timeout", 20);
    assert_false(mesh_ready(w.standin, 0));
    close(client.fd), close(server.fd);
    stop(&w);
}

static void a_killed_policyd_is_a_failed_connection(void **state)
{
    struct mesh_end client;
    struct world w;
    int fd;

    (void)state;
    start(&w, "required", ALL_RULES, "");
    fd = mesh_dial(w.port); /* where nobody makes a handshake */
    client.fd = mesh_secure(w.link, fd, w.port, 0);
    json_decref(mesh_status(&w)); /* it has been taken up */
    kill(w.d.pid, SIGKILL);
    client = mesh_take_answer(client.fd, fd);
    assert_int_equal(client.got.status, PIL_E_CLOSED);
    close(fd);
    bury(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stand_in_says_what_it_stands_for),
        cmocka_unit_test(what_is_not_as_said_is_not_taken),
        cmocka_unit_test(without_an_identity_nothing_is_secured),
        cmocka_unit_test(both_ends_have_the_same_keys),
        cmocka_unit_test(a_non_blocking_connect_is_waited_for),
        cmocka_unit_test(a_filled_channel_wakes_with_its_answer),
        cmocka_unit_test(who_may_not_connect_is_refused_at_both_ends),
        cmocka_unit_test(plaintext_never_reaches_who_requires_tls),
        cmocka_unit_test(permissive_takes_both),
        cmocka_unit_test(who_stalls_occupies_nobody),
        cmocka_unit_test(a_killed_policyd_is_a_failed_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
