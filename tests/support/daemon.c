#include "tests/support/daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/chan.h"

#define WAIT_MS 20000 /* a daemon that says nothing for so long has failed */

static struct sockaddr_un address(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    assert_true(strlen(path) < sizeof(at.sun_path));
    strcpy(at.sun_path, path);
    return at;
}

static char *in(const char *folder, const char *name)
{
    char *path;

    assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
    return path;
}

char *test_daemon_read(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t cap = 0;

    if (!file || getdelim(&text, &cap, '\0', file) < 0) {
        free(text);
        text = strdup("");
    }
    if (file)
        fclose(file);
    return text;
}

static void run_child(struct test_daemon *d, const char *const *more)
{
    const char *build = getenv("BUILD"), *argv[20];
    char *program = in(build ? build : "build", "policyd");
    char *notify = in(d->folder, "notify");
    int fd = open(d->complaints, O_WRONLY | O_CREAT | O_APPEND, 0600), n = 0;

    argv[n++] = program, argv[n++] = "-f";
    argv[n++] = "-p", argv[n++] = d->policy;
    argv[n++] = "-s", argv[n++] = d->socket;
    argv[n++] = "-l", argv[n++] = d->log;
    for (unsigned i = 0; more && more[i] && i < 8; i++)
        argv[n++] = more[i];
    argv[n] = NULL;
    setenv("NOTIFY_SOCKET", notify, 1);
    /* It cannot be traced, not even by a leak checker; leaks are looked for in the units. */
    setenv("ASAN_OPTIONS", "detect_leaks=0", 0);
    dup2(fd, 1);
    dup2(fd, 2);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
    execv(program, (char *const *)argv);
    dprintf(2, "cannot execute %s\n", program);
    _exit(127);
}

void test_daemon_start(struct test_daemon *d, const char *policy, const char *const *more)
{
    struct sockaddr_un at;
    char *notify;

    *d = (struct test_daemon){.folder = test_folder_make()};
    d->policy = test_file(d->folder, "policy.conf", policy);
    d->socket = in(d->folder, "policyd.sock");
    d->log = in(d->folder, "decisions.log");
    d->complaints = in(d->folder, "stderr");
    notify = in(d->folder, "notify");
    at = address(notify);
    free(notify);
    d->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(d->notify >= 0);
    assert_int_equal(bind(d->notify, (struct sockaddr *)&at, sizeof(at)), 0);
    d->pid = fork();
    assert_true(d->pid >= 0);
    if (d->pid == 0)
        run_child(d, more);
    test_daemon_await(d, "READY=1");
}

void test_daemon_await(struct test_daemon *d, const char *what)
{
    struct pollfd pfd = {.fd = d->notify, .events = POLLIN};
    char text[4096];

    for (;;) {
        ssize_t got;
        char *said;

        if (poll(&pfd, 1, WAIT_MS) != 1) {
            said = test_daemon_read(d->complaints);
            fail_msg("policyd did not say %s; it said: %s", what, said);
        }
        got = recv(d->notify, text, sizeof(text) - 1, 0);
        assert_true(got > 0);
        text[got] = '\0';
        if (strstr(text, what))
            return;
    }
}

void test_daemon_policy(struct test_daemon *d, const char *policy)
{
    char *fresh = test_file(d->folder, "fresh", policy);

    assert_int_equal(rename(fresh, d->policy), 0);
    free(fresh);
}

void test_daemon_stop(struct test_daemon *d)
{
    int status = 0;

    assert_int_equal(kill(d->pid, SIGTERM), 0);
    assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("policyd ended with status %#x: %s", status, test_daemon_read(d->complaints));
    close(d->notify);
    free(d->policy), free(d->socket), free(d->log), free(d->complaints);
    test_folder_remove(d->folder);
}

int test_daemon_connect(const struct test_daemon *d)
{
    struct sockaddr_un at = address(d->socket);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}

static void send_frame(int fd, struct pil_writer *w)
{
    assert_err(pil_wire_finish(w), PIL_OK);
    assert_int_equal(send(fd, w->start, w->len, MSG_NOSIGNAL), (ssize_t)w->len);
}

/* Waits for a frame; its length, 0 at end of stream. */
static size_t receive(int fd, uint8_t *room, int *fds, unsigned *count)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    size_t len = 0;
    int err;

    if (poll(&pfd, 1, WAIT_MS) != 1)
        fail_msg("policyd did not answer");
    err = pil_chan_recv(&pil_sysops_kernel, fd, room, PIL_WIRE_MAX, &len, fds, count, true);
    if (err == PIL_E_CLOSED)
        return 0;
    assert_err(err, PIL_OK);
    return len;
}

bool test_daemon_closed(int fd)
{
    uint8_t room[PIL_WIRE_MAX];
    unsigned count = 0;

    return receive(fd, room, NULL, &count) == 0;
}

static struct pil_welcome take_welcome(int fd, uint32_t sequence, int fds[2])
{
    static uint8_t room[PIL_WIRE_MAX];
    struct pil_welcome welcome;
    struct pil_wire_head head;
    struct pil_reader r;
    int got[PIL_CHAN_FDS];
    unsigned count = PIL_CHAN_FDS;
    size_t len = receive(fd, room, got, &count);

    assert_true(len > 0);
    assert_err(pil_wire_open(room, len, &head, &r), PIL_OK);
    assert_int_equal(head.type, PIL_WIRE_WELCOME);
    assert_int_equal(head.sequence, sequence);
    assert_err(pil_wire_get_welcome(&r, &welcome), PIL_OK);
    assert_int_equal(count, welcome.status == PIL_OK ? 2 : 0);
    for (unsigned i = 0; i < count; i++) {
        if (fds)
            fds[i] = got[i];
        else
            close(got[i]);
    }
    return welcome;
}

struct pil_welcome test_daemon_hello(int fd, int fds[2])
{
    uint8_t room[256];
    struct pil_hello hello = {.pid = (uint32_t)getpid(), .version = pil_slice_of(PIL_VERSION)};
    struct pil_writer w;

    pil_wire_begin(&w, room, sizeof(room), PIL_WIRE_HELLO, 77);
    pil_wire_put_hello(&w, &hello);
    send_frame(fd, &w);
    return take_welcome(fd, 77, fds);
}

void test_daemon_take_welcome(int fd, uint32_t sequence, const char *workload)
{
    struct pil_welcome welcome = take_welcome(fd, sequence, NULL);

    assert_int_equal(welcome.status, PIL_OK);
    assert_slice(welcome.workload, workload);
}

void test_daemon_take_verdicts(int fd, uint32_t sequence, struct pil_verdict *out, unsigned count)
{
    uint8_t room[PIL_WIRE_MAX];
    struct pil_wire_head head;
    struct pil_reader r;
    size_t len = receive(fd, room, NULL, NULL);

    assert_true(len > 0);
    assert_err(pil_wire_open(room, len, &head, &r), PIL_OK);
    assert_int_equal(head.type, PIL_WIRE_VERDICTS);
    assert_int_equal(head.sequence, sequence);
    assert_err(pil_wire_get_verdicts(&r, out, count), PIL_OK);
}

void test_daemon_ask(int fd, const struct pil_query *q, unsigned count, struct pil_verdict *out)
{
    static uint32_t sequence = 100;
    uint8_t room[PIL_WIRE_MAX];
    struct pil_writer w;

    pil_wire_begin(&w, room, sizeof(room), PIL_WIRE_DECIDE, ++sequence);
    pil_wire_put_queries(&w, q, count);
    send_frame(fd, &w);
    test_daemon_take_verdicts(fd, sequence, out, count);
}

struct pil_query test_daemon_query(const char *ip, unsigned port)
{
    struct pil_query q = {
        .action = PIL_ACTION_CONNECT, .kind = PIL_KIND_INET, .port = (uint16_t)port};

    assert_err(pil_ip_parse(pil_slice_of(ip), &q.ip), PIL_OK);
    return q;
}

void test_daemon_send_control(int fd, const char *verb, const char *argument)
{
    struct pil_control control = {pil_slice_of(verb), pil_slice_of(argument)};
    uint8_t room[PIL_WIRE_MAX];
    struct pil_writer w;

    pil_wire_begin(&w, room, sizeof(room), PIL_WIRE_CONTROL, 5);
    pil_wire_put_control(&w, &control);
    send_frame(fd, &w);
}

json_t *test_daemon_control(const struct test_daemon *d, const char *verb, const char *argument,
                            uint32_t *status)
{
    int fd = test_daemon_connect(d), fds[PIL_CHAN_FDS];
    uint8_t room[PIL_WIRE_MAX];
    char *text = NULL;
    size_t total = 0;
    json_t *json;

    test_daemon_send_control(fd, verb, argument);
    for (;;) {
        unsigned count = PIL_CHAN_FDS;
        size_t len = receive(fd, room, fds, &count);
        struct pil_wire_head head;
        struct pil_slice sentence;
        struct pil_reader r;

        for (unsigned i = 0; i < count; i++)
            close(fds[i]);
        assert_true(len > 0);
        assert_err(pil_wire_open(room, len, &head, &r), PIL_OK);
        assert_int_equal(head.sequence, 5);
        if (head.type == PIL_WIRE_END) {
            assert_err(pil_wire_get_end(&r, status, &sentence), PIL_OK);
            break;
        }
        assert_int_equal(head.type, PIL_WIRE_DATA);
        text = realloc(text, total + r.left);
        assert_non_null(text);
        memcpy(text + total, r.at, r.left);
        total += r.left;
    }
    close(fd);
    json = total > 0 ? json_loadb(text, total, 0, NULL) : NULL;
    if (total > 0 && !json)
        fail_msg("not JSON: %.*s", (int)total, text);
    free(text);
    return json;
}
