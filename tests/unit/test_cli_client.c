/* cli/client: against a policyd that answers as told, rightly, wrongly or not at all. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/source.h"

/* What the other end does after it has read one request. */
struct script {
    const char *piece[4]; /* DATA frames */
    uint32_t status;
    const char *sentence; /* of END; NULL: close without an end */
    int32_t sequence_off; /* added to the sequence of the answer */
    bool garbage, with_fd, sealed;
};

struct other {
    struct script script;
    int listener, fd;
    char *folder, socket[128];
    char verb[32], argument[256];
    pthread_t thread;
    bool joined;
};

static void send_frame(int fd, struct pil_writer *w, int passed)
{
    struct iovec iov = {w->start, w->len};
    int error;

    assert_err(pil_wire_finish(w), PIL_OK);
    error = pil_chan_send(&pil_sysops_kernel, fd, &iov, 1, &passed, passed >= 0, true);
    /* A client that has seen enough may be gone already. */
    if (error && error != PIL_E_CLOSED)
        fail_msg("the answer cannot be sent: %s", pil_err_name(error));
}

static void read_request(struct other *o, int fd, uint32_t *sequence)
{
    static char frame[PIL_WIRE_MAX];
    struct pil_wire_head head;
    struct pil_control control;
    struct pil_reader r;
    size_t len;

    assert_err(pil_chan_recv(&pil_sysops_kernel, fd, frame, sizeof(frame), &len, NULL, NULL, true),
               PIL_OK);
    assert_err(pil_wire_open(frame, len, &head, &r), PIL_OK);
    assert_int_equal(head.type, PIL_WIRE_CONTROL);
    assert_err(pil_wire_get_control(&r, &control), PIL_OK);
    snprintf(o->verb, sizeof(o->verb), "%.*s", (int)control.verb.len, control.verb.at);
    snprintf(o->argument, sizeof(o->argument), "%.*s", (int)control.argument.len,
             control.argument.len ? control.argument.at : "");
    *sequence = head.sequence;
}

static void answer(struct other *o, int fd, uint32_t sequence)
{
    static char frame[PIL_WIRE_MAX];
    const struct script *s = &o->script;
    int memory = s->with_fd ? memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1;
    struct pil_writer w;

    if (memory >= 0)
        assert_int_equal(write(memory, "no image", 8), 8);
    if (s->sealed)
        assert_int_equal(fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW), 0);

    for (size_t i = 0; i < PIL_NELEM(s->piece) && s->piece[i]; i++) {
        pil_wire_begin(&w, frame, sizeof(frame), PIL_WIRE_DATA, sequence);
        pil_put_bytes(&w, s->piece[i], strlen(s->piece[i]));
        send_frame(fd, &w, memory);
    }
    if (memory >= 0)
        close(memory);
    if (!s->sentence)
        return;
    pil_wire_begin(&w, frame, sizeof(frame), PIL_WIRE_END, sequence);
    pil_wire_put_end(&w, s->status, pil_slice_of(s->sentence));
    send_frame(fd, &w, -1);
}

static void *serve(void *cookie)
{
    struct other *o = cookie;
    uint32_t sequence;
    int fd = accept4(o->listener, NULL, NULL, SOCK_CLOEXEC);

    assert_true(fd >= 0);
    read_request(o, fd, &sequence);
    if (o->script.garbage)
        assert_int_equal(send(fd, "garbage", 7, MSG_NOSIGNAL), 7);
    else
        answer(o, fd, sequence + (uint32_t)o->script.sequence_off);
    close(fd);
    return NULL;
}

static void listen_at(struct other *o, const char *abstract)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    socklen_t len = sizeof(addr);

    if (abstract) {
        strcpy(addr.sun_path + 1, abstract + 1);
        len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(abstract));
        strcpy(o->socket, abstract);
    } else {
        snprintf(o->socket, sizeof(o->socket), "%s/s", o->folder);
        strcpy(addr.sun_path, o->socket);
    }
    o->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(o->listener, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(o->listener, 4), 0);
}

static struct other *start(struct script script, const char *abstract)
{
    struct other *o = calloc(1, sizeof(*o));

    assert_non_null(o);
    o->script = script;
    o->folder = test_folder_make();
    listen_at(o, abstract);
    assert_int_equal(pthread_create(&o->thread, NULL, serve, o), 0);
    return o;
}

/* Its work is over; from now on what it heard may be looked at. */
static void join(struct other *o)
{
    if (!o->joined)
        assert_int_equal(pthread_join(o->thread, NULL), 0);
    o->joined = true;
}

static void stop(struct other *o)
{
    join(o);
    close(o->listener);
    test_folder_remove(o->folder);
    free(o);
}

static int call(struct other *o, const char *verb, const json_t *argument, json_t **got, int *fd,
                char problem[256])
{
    struct pil_client *c = malloc(sizeof(*c));
    int error;

    assert_non_null(c);
    error = pil_client_open(c, o->socket);
    if (!error)
        error = pil_client_call(c, verb, argument, got, fd);
    memcpy(problem, c->problem, 256);
    pil_client_close(c);
    pil_client_close(c);
    free(c);
    join(o);
    return error;
}

static void pieces_make_one_answer(void **state)
{
    struct other *o = start(
        (struct script){.piece = {"{\"genera", "tion\":7", "}"}, .sentence = "", .with_fd = true},
        NULL);
    json_t *argument = json_pack("{s:i}", "pid", 12), *got = NULL;
    char problem[256];
    int fd = -1;

    (void)state;
    assert_err(call(o, "status", argument, &got, &fd, problem), PIL_OK);
    assert_int_equal(json_integer_value(json_object_get(got, "generation")), 7);
    assert_true(fd >= 0);
    assert_string_equal(o->verb, "status");
    assert_string_equal(o->argument, "{\"pid\":12}");
    close(fd);
    json_decref(got);
    json_decref(argument);
    stop(o);
}

static void an_empty_answer_is_null(void **state)
{
    char name[64], problem[256];
    struct other *o;
    json_t *got = NULL;

    (void)state;
    snprintf(name, sizeof(name), "@pillion-test-%d", (int)getpid());
    o = start((struct script){.sentence = ""}, name);
    assert_err(call(o, "expect", NULL, &got, NULL, problem), PIL_OK);
    assert_null(got);
    assert_string_equal(o->argument, "");
    stop(o);
}

static void policyds_refusal_is_passed_on(void **state)
{
    struct other *o = start(
        (struct script){.status = PIL_E_PERMISSION, .sentence = "only root may reload"}, NULL);
    json_t *got = NULL;
    char problem[256];

    (void)state;
    assert_err(call(o, "reload", NULL, &got, NULL, problem), PIL_E_PERMISSION);
    assert_string_equal(problem, "only root may reload");
    assert_null(got);
    stop(o);
}

static void broken_answers_are_refused(void **state)
{
    static const struct {
        struct script script;
        int error;
    } row[] = {
        {{.garbage = true}, PIL_E_TRUNCATED},
        {{.piece = {"{}"}, .sentence = "", .sequence_off = 1}, PIL_E_MALFORMED},
        {{.piece = {"{"}, .sentence = ""}, PIL_E_MALFORMED},
        {{.piece = {"{}"}}, PIL_E_UNREACHABLE},
        {{.piece = {"{}"}, .with_fd = true}, PIL_E_UNREACHABLE},
        {{.sentence = NULL}, PIL_E_UNREACHABLE},
    };

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(row); i++) {
        struct other *o = start(row[i].script, NULL);
        json_t *got = NULL;
        char problem[256];
        int fd = 4711;

        assert_err(call(o, "status", NULL, &got, &fd, problem), row[i].error);
        assert_null(got);
        assert_int_equal(fd, -1);
        assert_int_not_equal(strlen(problem), 0);
        stop(o);
    }
}

/* An image decides what people are told, so it is verified like policyd verifies it. */
static void images_that_cannot_be_trusted_are_refused(void **state)
{
    static const struct {
        struct script script;
        int error;
    } row[] = {
        {{.piece = {"{}"}, .sentence = ""}, PIL_E_NOTFOUND},
        {{.piece = {"{}"}, .sentence = "", .with_fd = true}, PIL_E_MALFORMED},
        {{.piece = {"{}"}, .sentence = "", .with_fd = true, .sealed = true}, PIL_E_TRUNCATED},
    };

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(row); i++) {
        struct other *o = start(row[i].script, NULL);
        struct pil_words none = {0};
        struct pil_source source;

        assert_err(pil_source_open(&source, &none, o->socket), row[i].error);
        assert_null(source.block);
        join(o);
        assert_string_equal(o->verb, "image");
        stop(o);
    }
}

static void nobody_there_is_unreachable(void **state)
{
    struct pil_client *c = malloc(sizeof(*c));
    char longest[200];

    (void)state;
    assert_non_null(c);
    assert_err(pil_client_open(c, "/no/such/socket"), PIL_E_UNREACHABLE);
    assert_non_null(strstr(c->problem, "/no/such/socket"));
    assert_err(pil_client_open(c, "@pillion-test-nobody"), PIL_E_UNREACHABLE);
    assert_err(pil_client_open(c, ""), PIL_E_RANGE);
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    assert_err(pil_client_open(c, longest), PIL_E_RANGE);
    setenv("PILLION_SOCKET", "/from/the/environment", 1);
    assert_err(pil_client_open(c, NULL), PIL_E_UNREACHABLE);
    assert_string_equal(c->socket, "/from/the/environment");
    unsetenv("PILLION_SOCKET");
    pil_client_close(c);
    free(c);
}

/* A name that somebody else holds: nothing may be sent there. Needs root to become another. */
static void another_users_socket_is_refused(void **state)
{
    struct other o = {.folder = test_folder_make()};
    struct pil_client *c = malloc(sizeof(*c));

    (void)state;
    assert_non_null(c);
    listen_at(&o, NULL);
    if (geteuid() != 0) {
        print_message("not root: nobody to be refused\n");
        skip();
    }
    assert_int_equal(seteuid(65534), 0);
    close(o.listener);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(unlink(o.socket), 0);
    /* Credentials are those of the moment of listen. */
    assert_int_equal(chmod(o.folder, 0777), 0);
    assert_int_equal(seteuid(65534), 0);
    listen_at(&o, NULL);
    assert_int_equal(seteuid(0), 0);
    assert_err(pil_client_open(c, o.socket), PIL_E_PEER);
    assert_non_null(strstr(c->problem, "65534"));
    assert_int_equal(c->fd, -1);
    close(o.listener);
    free(c);
    test_folder_remove(o.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_make_one_answer),
        cmocka_unit_test(an_empty_answer_is_null),
        cmocka_unit_test(policyds_refusal_is_passed_on),
        cmocka_unit_test(broken_answers_are_refused),
        cmocka_unit_test(images_that_cannot_be_trusted_are_refused),
        cmocka_unit_test(nobody_there_is_unreachable),
        cmocka_unit_test(another_users_socket_is_refused),
    };

    return cmocka_run_group_tests_name("cli_client", tests, NULL, NULL);
}
