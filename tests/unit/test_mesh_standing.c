/* Connections that stand: relayed ones, those that become relays, those that are cut, and what
 * outlives a policyd. */
#include "tests/support/support.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/standin.h"
#include "policyd/tls/aead.h"
#include "tests/support/meshworld.h"

/* ---- relays --------------------------------------------------------------------------------- */

static bool ends(int fd, int *error)
{
    char byte;
    ssize_t got;

    if (!mesh_ready(fd, 20000))
        fail_msg("the connection goes on");
    got = recv(fd, &byte, 1, 0);
    *error = got < 0 ? errno : 0;
    return got <= 0;
}

static void a_relay_carries_both_ways(void **state)
{
    struct sockaddr_un un;
    socklen_t len = sizeof(un);
    struct mesh_end client, server;
    struct pil_standin name;
    struct world w;
    int error;

    (void)state;
    start(&w, "required", PEER_RULES, "record_path = relay\n");
    delegate(&w);
    connect_both(&w, &client, &server);
    assert_int_equal(client.got.path, PIL_PATH_RELAY);
    assert_int_equal(server.got.path, PIL_PATH_RELAY);
    assert_int_equal(client.got.out.secret_len, 0); /* keys stay with policyd */
    assert_int_equal(getsockname(client.fd, (struct sockaddr *)&un, &len), 0);
    assert_true(pil_standin_read((struct sockaddr *)&un, len, &name));
    assert_int_equal(name.kind, PIL_STANDIN_RELAY);
    assert_int_equal(ntohs(name.other.v4.sin_port), w.port);
    mesh_say_plain(&client, "question");
    mesh_hear_plain(&server, "question");
    mesh_say_plain(&server, "answer");
    mesh_hear_plain(&client, "answer");
    /* Half a close is one at the other end, and the other half still carries. */
    shutdown(client.fd, SHUT_WR);
    assert_true(ends(server.fd, &error));
    assert_int_equal(error, 0);
    mesh_say_plain(&server, "last words");
    close(server.fd);
    mesh_hear_plain(&client, "last words");
    assert_true(ends(client.fd, &error));
    assert_int_equal(error, 0);
    close(client.fd);
    await_number(&w, "paths/relay/standing", 0);
    stop(&w);
}

/* More than any buffer holds, in pieces of all sizes, with a slow reader. */
static void a_relay_loses_no_byte(void **state)
{
    enum { TOTAL = 8 << 20 };
    struct mesh_end client, server;
    struct world w;
    uint8_t *room = malloc(70000);
    unsigned long sum = 0, want = 0;
    int status;
    pid_t child;

    (void)state;
    start(&w, "required", ALL_RULES, "record_path = relay\n");
    delegate(&w);
    connect_both(&w, &client, &server);
    child = fork();
    if (child == 0) {
        size_t at = 0;

        close(server.fd);
        for (size_t size = 1; at < TOTAL; size = size * 7 % 65521 + 1) {
            size_t part = size < TOTAL - at ? size : TOTAL - at;

            for (size_t i = 0; i < part; i++)
                room[i] = (uint8_t)((at + i) * 2654435761u >> 24);
            if (send(client.fd, room, part, 0) != (ssize_t)part)
                _exit(1);
            at += part;
        }
        _exit(0);
    }
    close(client.fd);
    for (size_t at = 0;;) {
        ssize_t got = recv(server.fd, room, at % 7 ? 70000 : 100, 0);

        assert_true(got >= 0);
        if (got == 0) {
            assert_int_equal(at, TOTAL);
            break;
        }
        for (ssize_t i = 0; i < got; i++, at++) {
            sum += room[i];
            want += (uint8_t)(at * 2654435761u >> 24);
        }
        assert_true(sum == want);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(server.fd);
    free(room);
    stop(&w);
}

/* An end that nobody has spoken is not one of order: both programs see a reset. */
static void a_killed_policyd_resets_its_relays(void **state)
{
    struct mesh_end client, server;
    struct world w;
    int error;

    (void)state;
    start(&w, "required", ALL_RULES, "record_path = relay\n");
    delegate(&w);
    connect_both(&w, &client, &server);
    mesh_say_plain(&client, "x");
    mesh_hear_plain(&server, "x");
    kill(w.d.pid, SIGKILL);
    assert_true(ends(client.fd, &error));
    assert_int_equal(error, ECONNRESET);
    assert_true(ends(server.fd, &error));
    assert_int_equal(error, ECONNRESET);
    close(client.fd), close(server.fd);
    bury(&w);
}

/* ---- demotion ------------------------------------------------------------------------------- */

/* Hands back a connection with these bytes under way. */
static struct mesh_end demote(struct world *w, struct mesh_end *end, const char *plain,
                              const void *cipher_in, size_t in_len, const void *cipher_out,
                              size_t out_len)
{
    struct pil_demote ask = {.id = end->got.id,
                             .suite = end->got.suite,
                             .in = end->got.in,
                             .out = end->got.out,
                             .plain_len = (uint32_t)strlen(plain),
                             .cipher_in_len = (uint32_t)in_len,
                             .cipher_out_len = (uint32_t)out_len};
    int memfd = memfd_create("demote", MFD_CLOEXEC), relay = -1;
    struct mesh_end out = *end;
    struct pil_wire_head head;
    uint8_t room[512];
    struct pil_writer wr;
    struct pil_reader r;
    uint32_t status;
    unsigned count = 1;
    size_t len;

    assert_int_equal(write(memfd, plain, strlen(plain)), (ssize_t)strlen(plain));
    assert_int_equal(write(memfd, cipher_in, in_len), (ssize_t)in_len);
    assert_int_equal(write(memfd, cipher_out, out_len), (ssize_t)out_len);
    pil_wire_begin(&wr, room, sizeof(room), PIL_WIRE_DEMOTE, 5);
    pil_wire_put_demote(&wr, &ask);
    send_with(w->link, &wr, (int[]){end->fd, memfd}, 2);
    close(memfd);
    assert_true(mesh_ready(w->link, 20000));
    assert_err(
        pil_chan_recv(&pil_sysops_kernel, w->link, room, sizeof(room), &len, &relay, &count, true),
        PIL_OK);
    assert_err(pil_wire_open(room, len, &head, &r), PIL_OK);
    assert_int_equal(head.type, PIL_WIRE_DEMOTED);
    assert_err(pil_wire_get_demoted(&r, &status), PIL_OK);
    assert_int_equal(status, PIL_OK);
    assert_int_equal(count, 1);
    close(end->fd);
    out.fd = relay;
    return out;
}

static size_t seal(struct mesh_end *end, const char *text, uint8_t *record)
{
    void *ctx = calloc(1, pil_aead_evp.room);

    assert_err(pil_aead_evp.init(ctx, end->got.suite, end->got.out.key), PIL_OK);
    assert_err(pil_record_seal(&pil_aead_evp, ctx, end->got.suite, &end->got.out, PIL_CONTENT_DATA,
                               (const uint8_t *)text, strlen(text), record),
               PIL_OK);
    pil_aead_drop(ctx);
    free(ctx);
    return strlen(text) + PIL_RECORD_OVERHEAD;
}

/* With something of each kind under way: nothing is lost, doubled or out of order. */
static void a_standing_connection_becomes_a_relay(void **state)
{
    struct mesh_end client, server, relay;
    uint8_t in[128], out[128];
    size_t in_len, out_len;
    struct world w;

    (void)state;
    start(&w, "required", ALL_RULES, "");
    delegate(&w);
    connect_both(&w, &client, &server);
    mesh_say(&client, "one");
    mesh_hear(&server, "one");
    in_len = seal(&client, "three", in);        /* the client sends it in two pieces */
    out_len = seal(&server, "answer one", out); /* the server's is not yet sent */
    assert_int_equal(send(client.fd, in + 7, in_len - 7, 0), (ssize_t)in_len - 7);
    relay = demote(&w, &server, "two, ", in, 7, out, out_len);
    mesh_hear_plain(&relay, "two, three");
    mesh_hear(&client, "answer one");
    mesh_say(&client, "four");
    mesh_hear_plain(&relay, "four");
    mesh_say_plain(&relay, "answer two");
    mesh_hear(&client, "answer two");
    await_number(&w, "paths/relay/standing", 1);
    await_number(&w, "paths/process/standing", 1);
    await_number(&w, "demoted", 1);
    close(client.fd), close(relay.fd);
    stop(&w);
}

/* ---- shown ---------------------------------------------------------------------------------- */

static void the_command_shows_them(void **state)
{
    const char *build = getenv("BUILD");
    char command[600], text[8192] = "", want[64];
    struct mesh_end client, server;
    struct world w;
    FILE *pipe;

    (void)state;
    start(&w, "required", ALL_RULES, "");
    delegate(&w);
    connect_both(&w, &client, &server);
    snprintf(command, sizeof(command), "%s/pillion status --connections -s %s",
             build ? build : "build", w.d.socket);
    pipe = popen(command, "re");
    assert_non_null(pipe);
    assert_true(fread(text, 1, sizeof(text) - 1, pipe) > 0);
    assert_int_equal(pclose(pipe), 0);
    assert_non_null(strstr(text, "2 process; 1 listeners, 0 handshakes under way"));
    snprintf(want, sizeof(want), "%llx", (unsigned long long)client.got.id);
    assert_non_null(strstr(text, want));
    snprintf(want, sizeof(want), "%llx", (unsigned long long)server.got.id);
    assert_non_null(strstr(text, want));
    assert_non_null(strstr(text, SELF "  process"));
    close(client.fd), close(server.fd);
    stop(&w);
}

/* ---- cutting -------------------------------------------------------------------------------- */

/* The log once this stands in it: a thread of policyd's own writes it. */
static char *log_with(struct world *w, const char *text)
{
    char *log = test_daemon_read(w->d.log);

    for (unsigned i = 0; !strstr(log, text) && i < 2000; i++) {
        free(log);
        poll(NULL, 0, 10);
        log = test_daemon_read(w->d.log);
    }
    if (!strstr(log, text))
        fail_msg("%s does not come into the log: %s", text, log);
    return log;
}

static void expect_cut(struct world *w, const char *cause)
{
    struct mesh_end client, server;
    char want[64], *log;
    int error;

    connect_both(w, &client, &server);
    mesh_say(&client, "still");
    mesh_hear(&server, "still");
    snprintf(want, sizeof(want), "\"cause\":\"%s\"", cause);
    if (strcmp(cause, "revoked") == 0) {
        uint32_t status;

        json_decref(
            test_daemon_control(&w->d, "identity-revoke", "{\"what\":\"" SELF "\"}", &status));
        assert_int_equal(status, PIL_OK);
    } else {
        char *policy = policy_text(w->port, "required",
                                   "rule \"gone\" { effect = deny actions = {connect, accept} "
                                   "resources = {\"service:s\"} }\n");
        uint32_t status;

        test_daemon_policy(&w->d, policy);
        json_decref(test_daemon_control(&w->d, "reload", NULL, &status));
        free(policy);
    }
    assert_true(ends(client.fd, &error));
    assert_true(ends(server.fd, &error));
    await_number(w, "paths/process/standing", 0);
    log = log_with(w, want);
    assert_non_null(strstr(log, "\"event\":\"connection-cut\""));
    if (strcmp(cause, "policy") == 0)
        assert_non_null(strstr(log, "\"rule\":\"gone\""));
    free(log);
    close(client.fd), close(server.fd);
}

static void a_new_policy_cuts_what_it_denies(void **state)
{
    struct world w;

    (void)state;
    start(&w, "required", ALL_RULES, "");
    delegate(&w);
    expect_cut(&w, "policy");
    stop(&w);
}

static void who_is_revoked_is_cut(void **state)
{
    struct world w;

    (void)state;
    start(&w, "required", ALL_RULES, "");
    delegate(&w);
    expect_cut(&w, "revoked");
    stop(&w);
}

static void what_has_ended_is_forgotten(void **state)
{
    struct mesh_end client, server;
    struct world w;

    (void)state;
    start(&w, "required", ALL_RULES, "");
    delegate(&w);
    connect_both(&w, &client, &server);
    await_number(&w, "paths/process/standing", 2);
    close(client.fd), close(server.fd);
    await_number(&w, "paths/process/standing", 0);
    stop(&w);
}

/* A relay of a program that is forbidden by and by is reset at both ends. */
static void relays_are_cut_too(void **state)
{
    struct mesh_end client, server;
    struct world w;
    char *policy;
    uint32_t status;
    int error;

    (void)state;
    start(&w, "required", ALL_RULES, "record_path = relay\n");
    delegate(&w);
    connect_both(&w, &client, &server);
    policy = policy_text(w.port, "required", "");
    test_daemon_policy(&w.d, policy);
    json_decref(test_daemon_control(&w.d, "reload", NULL, &status));
    assert_true(ends(client.fd, &error));
    assert_int_equal(error, ECONNRESET);
    assert_true(ends(server.fd, &error));
    assert_int_equal(error, ECONNRESET);
    free(policy);
    close(client.fd), close(server.fd);
    stop(&w);
}

/* ---- over a restart ------------------------------------------------------------------------- */

static pid_t worker(struct world *w)
{
    uint32_t status;
    json_t *all = test_daemon_control(&w->d, "status", NULL, &status);
    json_int_t pid = json_integer_value(json_object_get(all, "pid"));

    json_decref(all);
    return (pid_t)pid;
}

static void come_back(struct world *w)
{
    test_daemon_await(&w->d, "READY=1");
    close(w->link);
    w->link = test_daemon_connect(&w->d);
    test_daemon_hello(w->link, NULL);
}

/* A program that delegated its listening socket notices nothing: not even who came while there was
 * no policyd is lost. */
static void a_listener_outlives_its_policyd(void **state)
{
    struct mesh_end client, server, standing[2];
    struct world w;
    int waiting;
    pid_t pid;

    (void)state;
    start_as(&w, "required", PEER_RULES, "", "--keep");
    delegate(&w);
    connect_both(&w, &standing[0], &standing[1]);
    for (unsigned i = 0; i < 2; i++) {
        pid = worker(&w);
        kill(pid, SIGSTOP);
        waiting = mesh_dial(w.port);
        kill(pid, SIGKILL);
        come_back(&w);
        client = mesh_take_answer(mesh_secure(w.link, waiting, w.port, 0), waiting);
        assert_int_equal(client.got.status, PIL_OK);
        server = mesh_take(w.standin);
        assert_string_equal(server.peer, SELF);
        mesh_say(&client, "after");
        mesh_hear(&server, "after");
        close(client.fd), close(server.fd);
    }
    mesh_say(&standing[0], "all the time");
    mesh_hear(&standing[1], "all the time");
    close(standing[0].fd), close(standing[1].fd);
    stop(&w);
}

/* The keeper's program is changed too, so that all goes through LISTEN_FDS, as from systemd. */
static void a_listener_outlives_an_upgrade(void **state)
{
    struct mesh_end client, server;
    struct world w;

    (void)state;
    start_as(&w, "required", PEER_RULES, "", "--keep");
    delegate(&w);
    for (unsigned i = 0; i < 2; i++) {
        kill(w.d.pid, SIGUSR2);
        come_back(&w);
        connect_both(&w, &client, &server);
        mesh_say(&client, "upgraded");
        mesh_hear(&server, "upgraded");
        close(client.fd), close(server.fd);
    }
    stop(&w);
}

static struct sockaddr_in at_port(const struct world *w)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)w->port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* The program has ended while there was no policyd: the next one lets its port go. */
static void a_port_is_free_when_nobody_stands_for_it(void **state)
{
    struct sockaddr_in at;
    struct world w;
    pid_t pid;
    int fd;

    (void)state;
    start_as(&w, "required", PEER_RULES, "", "--keep");
    delegate(&w);
    at = at_port(&w);
    pid = worker(&w);
    kill(pid, SIGSTOP);
    close(w.standin);
    w.standin = -1;
    kill(pid, SIGKILL);
    come_back(&w);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), -1);
    assert_int_equal(errno, ECONNREFUSED);
    while (bind(fd, (struct sockaddr *)&at, sizeof(at))) /* the keeper's copy goes a little later */
        assert_int_equal(errno, EADDRINUSE);
    close(fd);
    stop(&w);
}

static unsigned still(struct world *w, uint64_t id)
{
    struct pil_recheck ask = {.count = 1, .id = {id}};
    struct pil_rechecked answer;
    struct pil_wire_head head;
    uint8_t room[256];
    struct pil_writer wr;
    struct pil_reader r;
    size_t len;

    pil_wire_begin(&wr, room, sizeof(room), PIL_WIRE_RECHECK, 3);
    pil_wire_put_recheck(&wr, &ask);
    send_with(w->link, &wr, NULL, 0);
    assert_true(mesh_ready(w->link, 20000));
    assert_err(
        pil_chan_recv(&pil_sysops_kernel, w->link, room, sizeof(room), &len, NULL, NULL, true),
        PIL_OK);
    assert_err(pil_wire_open(room, len, &head, &r), PIL_OK);
    assert_err(pil_wire_get_rechecked(&r, &answer, 1), PIL_OK);
    return answer.goes_on[0];
}

/* A closed stand-in, asked about by its number, is the end of the port at once. */
static void a_closed_listener_is_over_when_asked(void **state)
{
    struct sockaddr_in at;
    struct world w;
    int fd;

    (void)state;
    start(&w, "required", PEER_RULES, "");
    delegate(&w);
    at = at_port(&w);
    assert_int_equal(still(&w, w.delegated.id), 1);
    kill(w.d.pid, SIGSTOP); /* so that it cannot have noticed by itself */
    close(w.standin);
    w.standin = -1;
    kill(w.d.pid, SIGCONT);
    (void)still(&w, w.delegated.id); /* 0, or it is not known any more */
    fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    close(fd);
    stop(&w);
}

/* Where the kernel does not end it for policyd, a duplicate out of the process that has it does.
 * From here on no program that this one starts has the right; so this test is the last. */
static void without_the_right_it_is_shut_down(void **state)
{
    struct world w;
    char *log;

    (void)state;
    prctl(PR_CAPBSET_DROP, CAP_NET_ADMIN);
    start(&w, "required", ALL_RULES, "");
    delegate(&w);
    expect_cut(&w, "policy");
    log = log_with(&w, "\"by\":\"shut-down\"");
    assert_null(strstr(log, "\"by\":\"destroyed\""));
    free(log);
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_relay_carries_both_ways),
        cmocka_unit_test(a_relay_loses_no_byte),
        cmocka_unit_test(a_killed_policyd_resets_its_relays),
        cmocka_unit_test(a_standing_connection_becomes_a_relay),
        cmocka_unit_test(the_command_shows_them),
        cmocka_unit_test(a_new_policy_cuts_what_it_denies),
        cmocka_unit_test(who_is_revoked_is_cut),
        cmocka_unit_test(what_has_ended_is_forgotten),
        cmocka_unit_test(relays_are_cut_too),
        cmocka_unit_test(a_listener_outlives_its_policyd),
        cmocka_unit_test(a_listener_outlives_an_upgrade),
        cmocka_unit_test(a_port_is_free_when_nobody_stands_for_it),
        cmocka_unit_test(a_closed_listener_is_over_when_asked),
        cmocka_unit_test(without_the_right_it_is_shut_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
