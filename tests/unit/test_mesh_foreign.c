/* One end of a secured connection alone: openssl's client and server, with certificates of the same
 * root, against a real policyd. */
#include "tests/support/support.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "policyd/tls/aead.h"
#include "tests/support/certs.h"
#include "tests/support/meshworld.h"

/* Certificates of one root: for policyd, for a peer, and one of another root. */
struct papers {
    char *folder, *root, *own, *own_key, *peer, *peer_key, *other, *other_key;
};

static void write_leaf(struct papers *p, const struct test_cert *issuer, const char *san,
                       const char *name, char **cert, char **key)
{
    struct test_cert_wish wish = {.san = san, .now = time(NULL)};
    struct test_cert leaf = test_cert_leaf(issuer, &wish);
    char *pem = test_cert_pem(&leaf), *secret = test_cert_key_pem(&leaf), file[64];

    snprintf(file, sizeof(file), "%s.pem", name);
    *cert = test_file(p->folder, file, pem);
    snprintf(file, sizeof(file), "%s.key", name);
    *key = test_file(p->folder, file, secret);
    free(pem), free(secret);
    test_cert_free(&leaf);
}

static struct papers make_papers(void)
{
    struct papers p = {.folder = test_folder_make()};
    struct test_cert root = test_cert_root("corp.example", time(NULL)),
                     foreign = test_cert_root("corp.example", time(NULL));
    char *pem = test_cert_pem(&root);

    p.root = test_file(p.folder, "root.pem", pem);
    write_leaf(&p, &root, "URI:" SELF, "own", &p.own, &p.own_key);
    write_leaf(&p, &root, "URI:spiffe://corp.example/peer", "peer", &p.peer, &p.peer_key);
    write_leaf(&p, &foreign, "URI:spiffe://corp.example/peer", "other", &p.other, &p.other_key);
    free(pem);
    test_cert_free(&root), test_cert_free(&foreign);
    return p;
}

static void free_papers(struct papers *p)
{
    free(p->root), free(p->own), free(p->own_key), free(p->peer), free(p->peer_key);
    free(p->other), free(p->other_key);
    test_folder_remove(p->folder);
}

static void start_with(struct world *w, const struct papers *p)
{
    char settings[1024];

    snprintf(settings, sizeof(settings),
             "identity = files\nidentity_files = {\"%s\", \"%s\", \"%s\"}\n", p->own, p->own_key,
             p->root);
    start(w, "required", ALL_RULES, settings);
}

/* openssl with these arguments; its input and output are the socket that is returned. */
static int run(pid_t *pid, const char *const argv[])
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    *pid = fork();
    assert_true(*pid >= 0);
    if (*pid == 0) {
        dup2(ends[1], 0);
        dup2(ends[1], 1);
        freopen("/dev/null", "w", stderr);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execvp("openssl", (char *const *)argv);
        _exit(127);
    }
    close(ends[1]);
    return ends[0];
}

static void end(pid_t pid, int fd)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(fd);
}

static void a_foreign_client_is_taken(void **state)
{
    struct papers p = make_papers();
    struct mesh_end server, client = {0};
    char at[32];
    struct world w;
    pid_t pid;

    (void)state;
    start_with(&w, &p);
    delegate(&w);
    assert_int_equal(w.delegated.status, PIL_OK);
    snprintf(at, sizeof(at), "127.0.0.1:%u", w.port);
    client.fd = run(&pid, (const char *[]){"openssl", "s_client", "-connect", at, "-cert", p.peer,
                                           "-key", p.peer_key, "-CAfile", p.root,
                                           "-verify_return_error", "-quiet", NULL});
    server = mesh_take(w.standin);
    assert_string_equal(server.peer, "spiffe://corp.example/peer");
    assert_int_equal(server.got.mesh, 0);
    mesh_say_plain(&client, "from openssl\n");
    mesh_hear(&server, "from openssl\n");
    mesh_say(&server, "to openssl\n");
    mesh_hear_plain(&client, "to openssl\n");
    end(pid, client.fd);
    close(server.fd);
    stop(&w);
    free_papers(&p);
}

static void a_client_of_another_root_is_not(void **state)
{
    struct papers p = make_papers();
    char at[32], byte;
    struct world w;
    pid_t pid;
    int fd;

    (void)state;
    start_with(&w, &p);
    delegate(&w);
    snprintf(at, sizeof(at), "127.0.0.1:%u", w.port);
    fd = run(&pid, (const char *[]){"openssl", "s_client", "-connect", at, "-cert", p.other, "-key",
                                    p.other_key, "-CAfile", p.root, "-quiet", NULL});
    assert_true(mesh_ready(fd, 20000));
    assert_true(recv(fd, &byte, 1, 0) <= 0);
    await_number(&w, "accept/refused/wrong-root", 1);
    assert_false(mesh_ready(w.standin, 0));
    end(pid, fd);
    fd = run(&pid, (const char *[]){"openssl", "s_client", "-connect", at, "-tls1_2", "-CAfile",
                                    p.root, "-quiet", NULL});
    assert_true(mesh_ready(fd, 20000));
    assert_true(recv(fd, &byte, 1, 0) <= 0);
    await_number(&w, "accept/refused/bad-version", 1);
    end(pid, fd);
    stop(&w);
    free_papers(&p);
}

/* Connects as soon as somebody listens there. */
static int dial_when_there(unsigned port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    for (;;) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
            return fd;
        close(fd);
        poll(NULL, 0, 10);
    }
}

/* With a server that sends tickets, over both paths. */
static void with_server(const char *extra)
{
    struct papers p = make_papers();
    char at[32], settings[1200];
    struct mesh_end client;
    struct world w;
    pid_t pid;
    int fd, out;

    snprintf(settings, sizeof(settings),
             "identity = files\nidentity_files = {\"%s\", \"%s\", \"%s\"}\n%s", p.own, p.own_key,
             p.root, extra);
    start(&w, "required", ALL_RULES, settings);
    close(w.listening);
    w.listening = -1;
    snprintf(at, sizeof(at), "127.0.0.1:%u", w.port);
    out = run(&pid, (const char *[]){"openssl", "s_server", "-accept", at, "-cert", p.peer, "-key",
                                     p.peer_key, "-CAfile", p.root, "-Verify", "1",
                                     "-verify_return_error", "-rev", NULL});
    fd = dial_when_there(w.port);
    client = mesh_take_answer(mesh_secure(w.link, fd, w.port, 0), fd);
    assert_int_equal(client.got.status, PIL_OK);
    assert_string_equal(client.peer, "spiffe://corp.example/peer");
    assert_int_equal(client.got.mesh, 0);
    if (client.got.path == PIL_PATH_RELAY) {
        mesh_say_plain(&client, "drawer\n");
        mesh_hear_plain(&client, "reward\n");
    } else {
        mesh_say(&client, "drawer\n");
        mesh_hear(&client, "reward\n");
    }
    close(client.fd);
    end(pid, out);
    stop(&w);
    free_papers(&p);
}

static void a_foreign_server_is_taken(void **state)
{
    (void)state;
    with_server("");
}

static void a_foreign_server_through_a_relay(void **state)
{
    (void)state;
    with_server("record_path = relay\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_foreign_client_is_taken),
        cmocka_unit_test(a_client_of_another_root_is_not),
        cmocka_unit_test(a_foreign_server_is_taken),
        cmocka_unit_test(a_foreign_server_through_a_relay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
