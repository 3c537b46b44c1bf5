/* A real policyd on its socket: what it answers, and that hostile clients cost their connection
 * and nothing else. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/chan.h"
#include "core/genpage.h"
#include "core/ring.h"
#include "tests/support/daemon.h"

#define POLICY                                                                                     \
    "schema = 1\ndefault = deny\n"                                                                 \
    "workload \"test\" { exe = \"/**test_session\" }\n"                                            \
    "policy \"p\" { version = 7 applies = {\"workload:test\"}\n"                                   \
    "rule \"open\" { effect = allow actions = {connect} resources = {\"10.0.0.1:80\"} } }\n"
#define OTHER                                                                                      \
    "schema = 1\ndefault = deny\n"                                                                 \
    "workload \"other\" { exe = \"/**test_session\" coverage = required }\n"

static void expect_denied(int fd, const char *ip, unsigned port, bool denied)
{
    struct pil_query q = test_daemon_query(ip, port);
    struct pil_verdict v;

    test_daemon_ask(fd, &q, 1, &v);
    assert_int_equal(v.effect, denied ? PIL_DENY : PIL_ALLOW);
}

static void hello_attests_and_decides(void **state)
{
    struct test_daemon d;
    struct pil_welcome welcome;
    struct pil_query q[PIL_BATCH_MAX];
    struct pil_verdict v[PIL_BATCH_MAX];
    struct pil_genpage *page;
    struct pil_ring *ring;
    int fd, fds[2];

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    fd = test_daemon_connect(&d);
    welcome = test_daemon_hello(fd, fds);
    assert_int_equal(welcome.status, PIL_OK);
    assert_int_equal(welcome.flags, 0);
    assert_int_equal(welcome.deadline_ms, PIL_DEADLINE_MS);
    assert_slice(welcome.workload, "test");
    page = mmap(NULL, PIL_GENPAGE_SIZE, PROT_READ, MAP_SHARED, fds[0], 0);
    ring = mmap(NULL, PIL_RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
    assert_true(page != MAP_FAILED && ring != MAP_FAILED);
    assert_err(pil_genpage_check(page), PIL_OK);
    assert_err(pil_ring_check(ring), PIL_OK);
    for (unsigned i = 0; i < PIL_BATCH_MAX; i++)
        q[i] = test_daemon_query("10.0.0.1", i == 3 ? 80 : 1000 + i);
    test_daemon_ask(fd, q, PIL_BATCH_MAX, v);
    for (unsigned i = 0; i < PIL_BATCH_MAX; i++) {
        assert_int_equal(v[i].effect, i == 3 ? PIL_ALLOW : PIL_DENY);
        assert_int_equal(v[i].generation, pil_genpage_generation(pil_genpage_word(page)));
    }
    test_daemon_stop(&d);
    assert_true(test_daemon_closed(fd));
    assert_true(pil_genpage_is_retired(page));
    close(fd), close(fds[0]), close(fds[1]);
}

static void a_new_policy_reaches_attached_processes(void **state)
{
    struct pil_genpage *page;
    struct test_daemon d;
    json_t *load, *all;
    uint64_t before;
    uint32_t status;
    int fd, fds[2];

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    fd = test_daemon_connect(&d);
    test_daemon_hello(fd, fds);
    page = mmap(NULL, PIL_GENPAGE_SIZE, PROT_READ, MAP_SHARED, fds[0], 0);
    before = pil_genpage_generation(pil_genpage_word(page));
    expect_denied(fd, "10.0.0.1", 80, false);
    test_daemon_policy(&d, OTHER);
    load = test_daemon_control(&d, "reload", NULL, &status);
    assert_int_equal(status, PIL_OK);
    assert_string_not_equal(json_string_value(json_object_get(load, "outcome")), "failed");
    json_decref(load);
    assert_int_equal(pil_genpage_generation(pil_genpage_word(page)), before + 1);
    expect_denied(fd, "10.0.0.1", 80, true);
    all = test_daemon_control(&d, "processes", NULL, &status);
    assert_string_equal(json_string_value(json_object_get(
                            json_array_get(json_object_get(all, "processes"), 0), "workload")),
                        "other");
    json_decref(all);
    close(fd);
    fd = test_daemon_connect(&d);
    assert_int_equal(test_daemon_hello(fd, NULL).flags, PIL_WELCOME_COVER_CHILDREN);
    close(fd), close(fds[0]), close(fds[1]);
    test_daemon_stop(&d);
}

/* The hash of this very program, as another program computes it. */
static void own_hash(char out[65])
{
    FILE *pipe = popen("sha256sum \"$(readlink /proc/$PPID/exe)\"", "re");

    assert_non_null(pipe);
    assert_int_equal(fread(out, 1, 64, pipe), 64);
    out[64] = '\0';
    pclose(pipe);
}

static void hashed_policy(char *out, size_t cap, const char *hash)
{
    snprintf(out, cap,
             "schema = 1\ndefault = deny\n"
             "workload \"hashed\" { exe = \"/**test_session\" sha256 = \"%s\" }\n"
             "policy \"p\" { applies = {\"workload:hashed\"}\n"
             "rule \"open\" { effect = allow actions = {connect} resources = {\"10.0.0.1:80\"} } "
             "}\n",
             hash);
}

/* Hello and a question in one go: answered in order, when the hash is there. */
static void a_hash_is_waited_for(void **state)
{
    char hash[65], policy[1024];
    struct pil_query q = test_daemon_query("10.0.0.1", 80);
    uint8_t room[2][512];
    struct pil_writer w;
    struct test_daemon d;
    struct pil_hello hello = {.version = pil_slice_of("t")};
    unsigned links = 4;
    uint32_t status;
    int fd[4];

    (void)state;
    own_hash(hash);
    hashed_policy(policy, sizeof(policy), hash);
    test_daemon_start(&d, policy, NULL);
    for (unsigned i = 0; i < links; i++) {
        fd[i] = test_daemon_connect(&d);
        pil_wire_begin(&w, room[0], sizeof(room[0]), PIL_WIRE_HELLO, 1);
        pil_wire_put_hello(&w, &hello);
        assert_err(pil_wire_finish(&w), PIL_OK);
        assert_true(send(fd[i], room[0], w.len, 0) > 0);
        pil_wire_begin(&w, room[1], sizeof(room[1]), PIL_WIRE_DECIDE, 2);
        pil_wire_put_queries(&w, &q, 1);
        assert_err(pil_wire_finish(&w), PIL_OK);
        assert_true(send(fd[i], room[1], w.len, 0) > 0);
    }
    for (unsigned i = 0; i < links; i++) {
        struct pil_verdict v;

        test_daemon_take_welcome(fd[i], 1, "hashed");
        test_daemon_take_verdicts(fd[i], 2, &v, 1);
        assert_int_equal(v.effect, PIL_ALLOW);
    }
    /* Another hash: another program, whatever its name is. */
    hash[0] = hash[0] == 'a' ? 'b' : 'a';
    hashed_policy(policy, sizeof(policy), hash);
    test_daemon_policy(&d, policy);
    json_decref(test_daemon_control(&d, "reload", NULL, &status));
    expect_denied(fd[0], "10.0.0.1", 80, true);
    for (unsigned i = 0; i < links; i++)
        close(fd[i]);
    test_daemon_stop(&d);
}

/* A process that was attached before any policy asked for its hash. */
static void a_policy_that_asks_for_the_hash_later(void **state)
{
    char hash[65], policy[1024];
    struct test_daemon d;
    uint32_t status;
    int fd;

    (void)state;
    own_hash(hash);
    test_daemon_start(&d, OTHER, NULL);
    fd = test_daemon_connect(&d);
    assert_slice(test_daemon_hello(fd, NULL).workload, "other");
    expect_denied(fd, "10.0.0.1", 80, true);
    hashed_policy(policy, sizeof(policy), hash);
    test_daemon_policy(&d, policy);
    json_decref(test_daemon_control(&d, "reload", NULL, &status));
    expect_denied(fd, "10.0.0.1", 80, false);
    close(fd);
    test_daemon_stop(&d);
}

/* This program under a name that only its own mounts give it is not the program of that name. */
static void a_name_of_ones_own_mounts_does_not_count(void **state)
{
    struct test_daemon d;
    char command[1400], self[512] = "";
    int status;

    (void)state;
    if (geteuid() != 0 || system("unshare -m true") != 0)
        skip(); /* mounts of one's own take root here */
    assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    test_daemon_start(&d,
                      "schema = 1\ndefault = deny\nworkload \"t\" { exe = \"/usr/bin/true\" }\n"
                      "policy \"p\" { applies = {\"workload:t\"} rule \"r\" { effect = allow "
                      "actions = {connect} resources = {\"10.0.0.1:80\"} } }\n",
                      NULL);
    /* The child says hello under the name /usr/bin/true and says which workload it was given. */
    snprintf(
        command, sizeof(command),
        "unshare -m sh -c 'mount --bind \"%s\" /usr/bin/true && /usr/bin/true as-a-child \"%s\"'",
        self, d.socket);
    status = system(command);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    test_daemon_stop(&d);
}

/* 0: no workload, as it has to be; 3: taken for another. */
static int as_a_child(char *socket)
{
    struct test_daemon d = {.socket = socket};
    char self[512] = "";

    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 || strcmp(self, "/usr/bin/true"))
        return 4;
    return test_daemon_hello(test_daemon_connect(&d), NULL).workload.len == 0 ? 0 : 3;
}

static void sends_and_is_closed(const struct test_daemon *d, const void *bytes, size_t len)
{
    int fd = test_daemon_connect(d);

    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
    assert_true(test_daemon_closed(fd));
    close(fd);
}

static void with_header(const struct test_daemon *d, struct pil_wire_head head, const void *body,
                        size_t len)
{
    uint8_t room[1024];

    memcpy(room, &head, sizeof(head));
    if (len > 0)
        memcpy(room + sizeof(head), body, len);
    sends_and_is_closed(d, room, sizeof(head) + len);
}

static void hostile_bytes_cost_their_connection_only(void **state)
{
    struct pil_wire_head head = {PIL_WIRE_MAGIC, PIL_WIRE_MAJOR, 0, PIL_WIRE_DECIDE, 18, 1}, bad;
    static const uint8_t huge[2] = {0xff, 0xff}, junk[500] = {1, 2, 3};
    static uint8_t long_frame[PIL_WIRE_MAX + 1];
    struct test_daemon d;
    json_t *status_json;
    uint32_t status;
    int good;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    good = test_daemon_connect(&d);
    test_daemon_hello(good, NULL);
    sends_and_is_closed(&d, "x", 1);
    sends_and_is_closed(&d, junk, sizeof(junk));
    sends_and_is_closed(&d, long_frame, sizeof(long_frame));
    with_header(&d, head, huge, 2); /* before hello, and a count that is not there */
    bad = head, bad.magic++;
    with_header(&d, bad, huge, 2);
    bad = head, bad.major++;
    with_header(&d, bad, huge, 2);
    bad = head, bad.length = 0xffffffff;
    with_header(&d, bad, huge, 2);
    for (unsigned type = 0; type < 20; type++) {
        bad = head, bad.type = (uint16_t)type;
        with_header(&d, bad, huge, 2);
    }
    /* The same from one that said hello. */
    for (unsigned i = 0; i < 3; i++) {
        static const struct {
            uint8_t bytes[4];
            size_t len;
        } body[] = {{{0xff, 0xff}, 2}, {{0, 0}, 2}, {{1, 0, 1}, 3}};
        uint8_t room[64];
        int fd = test_daemon_connect(&d);

        test_daemon_hello(fd, NULL);
        bad = head, bad.length = (uint32_t)(sizeof(bad) + body[i].len);
        memcpy(room, &bad, sizeof(bad));
        memcpy(room + sizeof(bad), body[i].bytes, body[i].len);
        assert_true(send(fd, room, bad.length, MSG_NOSIGNAL) > 0);
        assert_true(test_daemon_closed(fd));
        close(fd);
    }
    expect_denied(good, "10.0.0.1", 80, false);
    status_json = test_daemon_control(&d, "status", NULL, &status);
    assert_true(json_is_true(json_object_get(json_object_get(status_json, "health"), "ok")));
    json_decref(status_json);
    close(good);
    test_daemon_stop(&d);
}

/* Who is at the other end is policyd's own finding: a process that says it is cut off. */
static void a_process_cannot_claim_a_peer(void **state)
{
    struct pil_query q = test_daemon_query("10.0.0.1", 80);
    struct pil_verdict v;
    struct pil_writer w;
    struct test_daemon d;
    uint8_t room[1024];
    int fd;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    fd = test_daemon_connect(&d);
    test_daemon_hello(fd, NULL);
    q.flags = PIL_QUERY_PEER_LATER;
    test_daemon_ask(fd, &q, 1, &v);
    q.flags = 0;
    q.seen = PIL_FIELD_PEER;
    q.peer = pil_slice_of("spiffe://corp.example/web");
    pil_wire_begin(&w, room, sizeof(room), PIL_WIRE_DECIDE, 1);
    pil_wire_put_queries(&w, &q, 1);
    assert_err(pil_wire_finish(&w), PIL_OK);
    assert_int_equal(send(fd, room, w.len, MSG_NOSIGNAL), w.len);
    assert_true(test_daemon_closed(fd));
    close(fd);
    test_daemon_stop(&d);
}

static void descriptors_are_refused(void **state)
{
    struct test_daemon d;
    struct iovec iov = {(char *)"x", 1};
    int fd, given = 2;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    fd = test_daemon_connect(&d);
    {
        union {
            char room[CMSG_SPACE(sizeof(int))];
            struct cmsghdr align;
        } control = {{0}};
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof(control.room)};
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

        c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &given, sizeof(given));
        assert_int_equal(sendmsg(fd, &msg, 0), 1);
    }
    assert_true(test_daemon_closed(fd));
    close(fd);
    test_daemon_stop(&d);
}

/* Ends it, and what it wrote. */
static char *stop_and_read_log(struct test_daemon *d)
{
    char *log;

    assert_int_equal(kill(d->pid, SIGTERM), 0);
    assert_int_equal(waitpid(d->pid, NULL, 0), d->pid);
    log = test_daemon_read(d->log);
    close(d->notify);
    free(d->policy), free(d->socket), free(d->log), free(d->complaints);
    test_folder_remove(d->folder);
    return log;
}

static void a_client_that_does_not_read_is_closed(void **state)
{
    struct pil_query q[PIL_BATCH_MAX];
    struct pollfd pfd = {.events = POLLOUT | POLLHUP};
    uint8_t room[PIL_WIRE_MAX];
    struct test_daemon d;
    struct pil_writer w;
    ssize_t put = 0;
    char *log;
    int fd;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    fd = test_daemon_connect(&d);
    test_daemon_hello(fd, NULL);
    for (unsigned i = 0; i < PIL_BATCH_MAX; i++)
        q[i] = test_daemon_query("10.0.0.9", 1 + i);
    pil_wire_begin(&w, room, sizeof(room), PIL_WIRE_DECIDE, 1);
    pil_wire_put_queries(&w, q, PIL_BATCH_MAX);
    assert_err(pil_wire_finish(&w), PIL_OK);
    pfd.fd = fd;
    for (unsigned i = 0; i < 100000 && put >= 0; i++) {
        assert_int_equal(poll(&pfd, 1, 20000), 1);
        put = send(fd, room, w.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    assert_true(put < 0); /* it hung up */
    close(fd);
    fd = test_daemon_connect(&d);
    test_daemon_hello(fd, NULL);
    expect_denied(fd, "10.0.0.1", 80, false);
    close(fd);
    log = stop_and_read_log(&d);
    assert_non_null(strstr(log, "\"event\":\"session-refused\""));
    assert_non_null(strstr(log, "\"cause\":\"slow\""));
    free(log);
}

static void stop_for_a_moment(const struct test_daemon *d)
{
    int status = 0;

    assert_int_equal(kill(d->pid, SIGSTOP), 0);
    assert_int_equal(waitpid(d->pid, &status, WUNTRACED), d->pid);
    assert_true(WIFSTOPPED(status));
}

/* Lets it go on, until no session is left but the one that asks. */
static json_t *go_on_until_alone(const struct test_daemon *d)
{
    json_t *status_json = NULL;
    uint32_t status;

    assert_int_equal(kill(d->pid, SIGCONT), 0);
    do {
        json_decref(status_json);
        status_json = test_daemon_control(d, "status", NULL, &status);
    } while (json_integer_value(json_object_get(status_json, "sessions")) > 1);
    return status_json;
}

static void send_to(int fd, struct pil_writer *w)
{
    assert_err(pil_wire_finish(w), PIL_OK);
    assert_int_equal(send(fd, w->start, w->len, MSG_NOSIGNAL), (ssize_t)w->len);
}

/* Its end is closed before the answer can be sent: a short life, and nobody was turned away. */
static void who_has_left_was_not_refused(void **state)
{
    struct pil_query q = test_daemon_query("10.0.0.1", 80);
    struct pil_hello hello = {.version = pil_slice_of("t")};
    struct test_daemon d;
    struct pil_writer w;
    json_t *status;
    uint8_t room[512];
    char *log;
    int fd;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    stop_for_a_moment(&d);
    fd = test_daemon_connect(&d);
    pil_wire_begin(&w, room, sizeof(room), PIL_WIRE_HELLO, 1);
    pil_wire_put_hello(&w, &hello);
    send_to(fd, &w);
    close(fd);
    json_decref(go_on_until_alone(&d));
    fd = test_daemon_connect(&d);
    test_daemon_hello(fd, NULL);
    stop_for_a_moment(&d);
    pil_wire_begin(&w, room, sizeof(room), PIL_WIRE_DECIDE, 2);
    pil_wire_put_queries(&w, &q, 1);
    send_to(fd, &w);
    close(fd);
    status = go_on_until_alone(&d);
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(json_object_get(status, "decisions"), "engine"), "allow")),
                     1);
    json_decref(status);
    log = stop_and_read_log(&d);
    assert_non_null(strstr(log, "\"event\":\"start\""));
    assert_null(strstr(log, "session-refused"));
    free(log);
}

static void caps_hold(void **state)
{
    static const char *const more[] = {"-c", NULL, NULL};
    char *folder = test_folder_make(), *conf;
    const char *args[3] = {more[0]};
    struct test_daemon d;
    int fd[10], links[PIL_BATCH_MAX];
    unsigned i;

    (void)state;
    conf = test_file(folder, "policyd.conf", "sessions = 64\nsessions_per_uid = 10\n");
    args[1] = conf;
    test_daemon_start(&d, POLICY, args);
    for (i = 0; i < 8; i++) { /* links of one process */
        links[i] = test_daemon_connect(&d);
        assert_int_equal(test_daemon_hello(links[i], NULL).status, PIL_OK);
    }
    links[8] = test_daemon_connect(&d);
    assert_int_equal(test_daemon_hello(links[8], NULL).status, PIL_E_FULL);
    assert_true(test_daemon_closed(links[8]));
    close(links[8]);
    fd[0] = test_daemon_connect(&d);
    fd[1] = test_daemon_connect(&d);
    fd[2] = test_daemon_connect(&d); /* the eleventh of this user */
    assert_true(test_daemon_closed(fd[2]));
    expect_denied(links[0], "10.0.0.1", 80, false);
    for (i = 0; i < 8; i++)
        close(links[i]);
    for (i = 0; i < 3; i++)
        close(fd[i]);
    test_daemon_stop(&d);
    free(conf);
    test_folder_remove(folder);
}

static void ring_events_reach_the_log(void **state)
{
    struct pil_event event = {.type = PIL_EVENT_DECISION,
                              .action = PIL_ACTION_CONNECT,
                              .kind = PIL_KIND_INET,
                              .port = 4242,
                              .reason = PIL_REASON_UNREACHABLE,
                              .tier = PIL_TIER_FAIL,
                              .rule = PIL_NO_INDEX,
                              .policy = PIL_NO_INDEX,
                              .realtime_ns = 1000000000,
                              .tid = 99};
    struct pil_event lost = {
        .type = PIL_EVENT_COVERAGE_LOST, .text = "/bin/static", .text_len = 11};
    struct pil_event nonsense;
    struct pil_ring *ring;
    struct test_daemon d;
    json_t *status_json;
    uint32_t status;
    int fd, fds[2], follower;
    char *log;

    (void)state;
    memset(&nonsense, 0xff, sizeof(nonsense));
    test_daemon_start(&d, POLICY, NULL);
    follower = test_daemon_connect(&d);
    test_daemon_send_control(follower, "follow", "{\"verdict\":\"deny\"}");
    fd = test_daemon_connect(&d);
    test_daemon_hello(fd, fds);
    ring = mmap(NULL, PIL_RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
    assert_true(ring != MAP_FAILED);
    atomic_store(&ring->counters.decisions[PIL_TIER_PROCESS][PIL_ALLOW], 1000);
    assert_true(pil_ring_put(ring, &event));
    assert_true(pil_ring_put(ring, &nonsense));
    assert_true(pil_ring_put(ring, &lost));
    nonsense.type = PIL_EVENT_DECISION;
    assert_true(pil_ring_put(ring, &nonsense));
    assert_false(test_daemon_closed(follower)); /* a line came */
    close(fd);
    do { /* the end of the process is seen when its session is gone */
        status_json = test_daemon_control(&d, "status", NULL, &status);
        fd = (int)json_integer_value(json_object_get(status_json, "processes"));
        assert_int_equal(
            json_integer_value(json_object_get(
                json_object_get(json_object_get(status_json, "decisions"), "process"), "allow")),
            1000);
        json_decref(status_json);
    } while (fd > 0);
    close(follower);
    munmap(ring, PIL_RING_SIZE);
    close(fds[0]), close(fds[1]);
    log = stop_and_read_log(&d);
    assert_non_null(strstr(log, "\"tid\":99,"));
    assert_non_null(strstr(log, "\"port\":4242,\"verdict\":\"deny\",\"reason\":\"unreachable\""));
    assert_non_null(strstr(log, "\"event\":\"coverage-lost\""));
    assert_non_null(strstr(log, "\"path\":\"/bin/static\""));
    for (char *at = log, *end; (end = strchr(at, '\n')); at = end + 1) {
        json_t *line = json_loadb(at, (size_t)(end - at), 0, NULL);

        if (!line)
            fail_msg("not JSON: %.*s", (int)(end - at), at);
        json_decref(line);
    }
    free(log);
}

/* A process that promises to be under Pillion and is not. */
static void who_promised_and_did_not_come_is_killed(void **state)
{
    struct test_daemon d;
    int status = 0;
    pid_t child;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int fd = test_daemon_connect(&d);

        test_daemon_send_control(fd, "expect", "{\"timeout_ms\":50}");
        close(fd);
        for (;;)
            pause();
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    test_daemon_stop(&d);
}

static void who_promised_and_came_lives(void **state)
{
    struct test_daemon d;
    int status = 0;
    pid_t child;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int fd = test_daemon_connect(&d), link;

        test_daemon_send_control(fd, "expect", "{\"timeout_ms\":50}");
        if (test_daemon_closed(fd)) /* waits for the answer */
            _exit(3);
        close(fd);
        link = test_daemon_connect(&d);
        test_daemon_hello(link, NULL);
        poll(NULL, 0, 200); /* past the deadline it had */
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    test_daemon_stop(&d);
}

#define ENDED_WELL(s) (WIFEXITED(s) && WEXITSTATUS(s) == 0)

static unsigned count_of(const char *text, const char *what)
{
    unsigned count = 0;

    while ((text = strstr(text, what)) != NULL)
        text += strlen(what), count++;
    return count;
}

/* A watcher: what policyd answers on fd, without the header, goes to out, frame by frame. */
static void pass_answer_on(int fd, int out)
{
    char frame[1024];

    for (int i = 0; i < 2; i++) {
        ssize_t len = recv(fd, frame, sizeof(frame), 0);
        const ssize_t head = sizeof(struct pil_wire_head);

        if (len < head || write(out, frame + head, (size_t)(len - head)) != len - head)
            _exit(3);
    }
    _exit(0);
}

/* A child promises, asks how that ends, leaves that to a watcher and goes on with what; text gets
 * all that the watcher was told. Returns the child's wait status. */
static int promise(const struct test_daemon *d, const char *timeout,
                   void (*what)(const struct test_daemon *d), char *text, size_t room)
{
    int out[2], status;
    size_t len = 0;
    ssize_t got;
    pid_t child;

    assert_int_equal(pipe(out), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int fd = test_daemon_connect(d);

        test_daemon_send_control(fd, "expect", timeout);
        if (test_daemon_closed(fd)) /* waits for the answer */
            _exit(3);
        test_daemon_send_control(fd, "arrival", "");
        if (fork() == 0)
            pass_answer_on(fd, out[1]);
        close(fd);
        close(out[1]);
        what(d);
        _exit(0);
    }
    close(out[1]);
    while ((got = read(out[0], text + len, room - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = '\0';
    close(out[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void comes(const struct test_daemon *d)
{
    int link = test_daemon_connect(d);

    test_daemon_hello(link, NULL);
}

static void stays_away(const struct test_daemon *d)
{
    (void)d;
    for (;;)
        pause();
}

/* Not before policyd has taken the question: what is asked twice after it comes after it. */
static void leaves(const struct test_daemon *d)
{
    uint32_t status;

    for (int i = 0; i < 2; i++)
        json_decref(test_daemon_control(d, "status", "", &status));
}

#define OUTCOME(word) "{\"outcome\":\"" word "\"}"

static void a_watcher_is_told_how_a_promise_ended(void **state)
{
    struct test_daemon d;
    char text[256];
    char *log;
    int status;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    status = promise(&d, "{\"timeout_ms\":60000}", comes, text, sizeof(text));
    assert_true(ENDED_WELL(status));
    assert_ptr_equal(strstr(text, OUTCOME("arrived")), text);
    status = promise(&d, "{\"timeout_ms\":60000}", leaves, text, sizeof(text));
    assert_true(ENDED_WELL(status));
    assert_ptr_equal(strstr(text, OUTCOME("exited")), text);
    /* The watcher does nothing about it: policyd does. */
    status = promise(&d, "{\"timeout_ms\":50}", stays_away, text, sizeof(text));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_ptr_equal(strstr(text, OUTCOME("late")), text);
    log = stop_and_read_log(&d);
    assert_int_equal(count_of(log, "\"outcome\":\"exited\""), 1);
    assert_int_equal(count_of(log, "\"outcome\":\"killed\""), 1);
    free(log);
}

static void who_promised_nothing_cannot_watch(void **state)
{
    struct test_daemon d;
    uint32_t status;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    assert_null(test_daemon_control(&d, "arrival", "", &status));
    assert_int_equal(status, PIL_E_NOTFOUND);
    test_daemon_stop(&d);
}

/* ---- who speaks is who connected ------------------------------------------------------------ */

#define IMPOSTOR "\"cause\":\"attest\",\"text\":\"the kernel could not say who it is\",\"detail\":"

#define HELLO_DETAIL IMPOSTOR "\"the other side is not who it must be\""
#define VERB_DETAIL  IMPOSTOR "\"a request of another process than connected\""

/* Says hello and is turned away for what it is; for children, whose exit is looked at. */
static bool hello_is_refused(int fd)
{
    struct pil_welcome welcome = test_daemon_hello(fd, NULL);

    return welcome.status == PIL_E_PEER && welcome.workload.len == 0 && test_daemon_closed(fd);
}

static void a_childs_hello_is_refused(void **state)
{
    struct test_daemon d;
    int fd, status = 0;
    pid_t child;
    char *log;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    fd = test_daemon_connect(&d);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(!hello_is_refused(fd));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(ENDED_WELL(status));
    close(fd);
    log = stop_and_read_log(&d);
    assert_int_equal(count_of(log, "\"event\":\"session-refused\""), 1);
    assert_non_null(strstr(log, HELLO_DETAIL));
    free(log);
}

/* The parent has become a program that knows nothing of this, and its child speaks for it. */
static void a_childs_hello_does_not_make_it_its_parent(void **state)
{
    struct test_daemon d;
    int told[2], became[2];
    char byte = 0, *log;
    pid_t parent;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    assert_int_equal(pipe2(became, O_CLOEXEC), 0);
    parent = fork();
    assert_true(parent >= 0);
    if (parent == 0) {
        int fd = test_daemon_connect(&d);

        if (fork() != 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
            execl("/bin/sleep", "sleep", "1000", (char *)NULL);
            _exit(127);
        }
        close(became[1]);
        if (read(became[0], &byte, 1) == 0) /* the parent's end was closed by its exec */
            byte = hello_is_refused(fd) ? 'r' : 'w';
        _exit(write(told[1], &byte, 1) != 1);
    }
    close(became[0]), close(became[1]), close(told[1]);
    assert_int_equal(read(told[0], &byte, 1), 1);
    assert_int_equal(byte, 'r');
    close(told[0]);
    assert_int_equal(kill(parent, SIGKILL), 0);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    log = stop_and_read_log(&d);
    assert_non_null(strstr(log, HELLO_DETAIL));
    free(log);
}

/* A child connects, hands its connection over and leaves, when `go` is closed. */
static int passed_by_a_child(const struct test_daemon *d, int go[2], pid_t *child)
{
    int pair[2], fds[1] = {-1};
    unsigned count = 1;
    size_t len;
    char byte = 'x';

    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    *child = fork();
    assert_true(*child >= 0);
    if (*child == 0) {
        struct iovec iov = {&byte, 1};
        int fd = test_daemon_connect(d);

        close(go[1]);
        if (pil_chan_send(&pil_sysops_kernel, pair[1], &iov, 1, &fd, 1, true))
            _exit(1);
        _exit(read(go[0], &byte, 1) != 0);
    }
    close(go[0]), close(pair[1]);
    assert_err(pil_chan_recv(&pil_sysops_kernel, pair[0], &byte, 1, &len, fds, &count, true),
               PIL_OK);
    assert_int_equal(count, 1);
    close(pair[0]);
    return fds[0];
}

static void a_connection_that_was_passed_on_is_refused(void **state)
{
    struct test_daemon d;
    char *log;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    for (unsigned dead = 0; dead < 2; dead++) {
        int go[2], fd, status = 0;
        pid_t child;

        fd = passed_by_a_child(&d, go, &child);
        if (dead) {
            close(go[1]);
            assert_int_equal(waitpid(child, &status, 0), child);
        }
        assert_true(hello_is_refused(fd));
        close(fd);
        if (!dead) {
            close(go[1]);
            assert_int_equal(waitpid(child, &status, 0), child);
        }
        assert_true(ENDED_WELL(status));
    }
    log = stop_and_read_log(&d);
    assert_int_equal(count_of(log, HELLO_DETAIL), 2);
    free(log);
}

/* The status of a welcome that is to come. */
static uint32_t welcome_status(int fd)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    struct pil_welcome welcome;
    struct pil_wire_head head;
    uint8_t room[PIL_WIRE_MAX];
    struct pil_reader r;
    size_t len;

    assert_int_equal(poll(&pfd, 1, 20000), 1);
    assert_err(pil_chan_recv(&pil_sysops_kernel, fd, room, sizeof(room), &len, NULL, NULL, true),
               PIL_OK);
    assert_err(pil_wire_open(room, len, &head, &r), PIL_OK);
    assert_int_equal(head.type, PIL_WIRE_WELCOME);
    assert_err(pil_wire_get_welcome(&r, &welcome), PIL_OK);
    return welcome.status;
}

/* One that left after its hello, before that was read, is nobody. */
static void a_hello_of_the_dead_is_refused(void **state)
{
    struct pil_hello hello = {.version = pil_slice_of("t")};
    struct test_daemon d;
    uint8_t room[256];
    int pair[2], status = 0, fds[1] = {-1};
    unsigned count = 1;
    struct pil_writer w;
    size_t len;
    pid_t child;
    char *log;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    stop_for_a_moment(&d);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int fd = test_daemon_connect(&d);
        struct iovec iov = {room, 1};

        pil_wire_begin(&w, room, sizeof(room), PIL_WIRE_HELLO, 1);
        pil_wire_put_hello(&w, &hello);
        send_to(fd, &w);
        _exit(pil_chan_send(&pil_sysops_kernel, pair[1], &iov, 1, &fd, 1, true));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(ENDED_WELL(status));
    assert_err(pil_chan_recv(&pil_sysops_kernel, pair[0], room, 1, &len, fds, &count, true),
               PIL_OK);
    assert_int_equal(kill(d.pid, SIGCONT), 0);
    assert_int_equal(welcome_status(fds[0]), PIL_E_PEER);
    assert_true(test_daemon_closed(fds[0]));
    close(fds[0]), close(pair[0]), close(pair[1]);
    log = stop_and_read_log(&d);
    assert_int_equal(count_of(log, HELLO_DETAIL), 1);
    free(log);
}

/* Such a promise would be its parent's death. A true one that is due later ends the wait. */
static void a_childs_promise_kills_nobody(void **state)
{
    struct test_daemon d;
    int fd, status = 0;
    pid_t child;
    char *log, line[64];

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    fd = test_daemon_connect(&d);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        test_daemon_send_control(fd, "expect", "{\"timeout_ms\":1}");
        _exit(!test_daemon_closed(fd));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(ENDED_WELL(status));
    close(fd);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fd = test_daemon_connect(&d);
        test_daemon_send_control(fd, "expect", "{\"timeout_ms\":50}");
        for (;;)
            pause();
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    log = stop_and_read_log(&d);
    assert_int_equal(count_of(log, VERB_DETAIL), 1);
    assert_int_equal(count_of(log, "\"event\":\"expect\""), 1);
    snprintf(line, sizeof(line), "\"event\":\"expect\",\"pid\":%d,", (int)child);
    assert_non_null(strstr(log, line));
    free(log);
}

/* A child of vfork asks with its parent's memory, and so on its parent's link. */
static void a_childs_question_is_answered(void **state)
{
    struct test_daemon d;
    int fd, status = 0;
    pid_t child;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    fd = test_daemon_connect(&d);
    assert_int_equal(test_daemon_hello(fd, NULL).status, PIL_OK);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct pil_query q = test_daemon_query("10.0.0.1", 80);
        struct pil_verdict v = {0};

        test_daemon_ask(fd, &q, 1, &v);
        _exit(v.effect != PIL_ALLOW);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(ENDED_WELL(status));
    expect_denied(fd, "10.0.0.1", 80, false);
    close(fd);
    test_daemon_stop(&d);
}

static void verbs_and_their_refusals(void **state)
{
    struct test_daemon d;
    uint32_t status;
    json_t *json;

    (void)state;
    test_daemon_start(&d, POLICY, NULL);
    assert_null(test_daemon_control(&d, "nonsense", NULL, &status));
    assert_int_equal(status, PIL_E_NOTFOUND);
    assert_null(test_daemon_control(&d, "status", "[1]", &status));
    assert_int_equal(status, PIL_E_SYNTAX);
    assert_null(test_daemon_control(&d, "follow", "{\"verdict\":\"perhaps\"}", &status));
    assert_int_equal(status, PIL_E_SYNTAX);
    assert_null(test_daemon_control(&d, "expect", "{\"timeout_ms\":0}", &status));
    assert_int_equal(status, PIL_E_RANGE);
    json = test_daemon_control(&d, "image", NULL, &status);
    assert_int_equal(status, PIL_OK);
    assert_int_equal(json_integer_value(json_object_get(json, "rules")), 1);
    json_decref(json);
    test_daemon_policy(&d, "default = perhaps\n");
    json = test_daemon_control(&d, "reload", NULL, &status);
    assert_int_equal(status, PIL_OK);
    assert_string_equal(json_string_value(json_object_get(json, "outcome")), "failed");
    assert_true(json_array_size(json_object_get(json, "errors")) > 0);
    json_decref(json);
    json = test_daemon_control(&d, "status", NULL, &status);
    assert_true(json_is_false(json_object_get(json_object_get(json, "health"), "ok")));
    json_decref(json);
    test_daemon_stop(&d);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_attests_and_decides),
        cmocka_unit_test(a_new_policy_reaches_attached_processes),
        cmocka_unit_test(a_hash_is_waited_for),
        cmocka_unit_test(a_policy_that_asks_for_the_hash_later),
        cmocka_unit_test(a_name_of_ones_own_mounts_does_not_count),
        cmocka_unit_test(hostile_bytes_cost_their_connection_only),
        cmocka_unit_test(a_process_cannot_claim_a_peer),
        cmocka_unit_test(descriptors_are_refused),
        cmocka_unit_test(a_client_that_does_not_read_is_closed),
        cmocka_unit_test(who_has_left_was_not_refused),
        cmocka_unit_test(caps_hold),
        cmocka_unit_test(ring_events_reach_the_log),
        cmocka_unit_test(who_promised_and_did_not_come_is_killed),
        cmocka_unit_test(who_promised_and_came_lives),
        cmocka_unit_test(a_watcher_is_told_how_a_promise_ended),
        cmocka_unit_test(who_promised_nothing_cannot_watch),
        cmocka_unit_test(a_childs_hello_is_refused),
        cmocka_unit_test(a_childs_hello_does_not_make_it_its_parent),
        cmocka_unit_test(a_connection_that_was_passed_on_is_refused),
        cmocka_unit_test(a_hello_of_the_dead_is_refused),
        cmocka_unit_test(a_childs_promise_kills_nobody),
        cmocka_unit_test(a_childs_question_is_answered),
        cmocka_unit_test(verbs_and_their_refusals),
    };

    if (argc == 3 && strcmp(argv[1], "as-a-child") == 0)
        return as_a_child(argv[2]);
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
