/* policyd/tls/hand with programs that people run: nginx and haproxy as servers that want a
 * certificate, curl as a client with one and without. */
#include "tests/support/handpair.h"
#include "tests/support/openssl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <time.h>

#include "policyd/tls/handshake.h"

struct site {
    struct world w;
    char *folder, *web, *db, *root;
    uint16_t port;
};

static bool is_missing(const char *name)
{
    char command[80];

    snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", name);
    if (system(command) == 0)
        return false;
    print_message("           %s is not installed\n", name);
    return true;
}

/* Until the program listens: it says nothing when it does. */
static int dial(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timespec moment = {.tv_nsec = 20000000};

    for (unsigned i = 0; i < 1000; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
            return fd;
        assert_int_equal(errno, ECONNREFUSED);
        close(fd);
        nanosleep(&moment, NULL);
    }
    fail_msg("nobody listens on port %u", port);
    return -1;
}

/* Asks for a page and expects this in the answer, behind whatever tickets come first. */
static void ask(struct site *s, const char *want)
{
    struct side client = {0};
    char got[20001];
    size_t len;
    unsigned type;
    int fd = dial(s->port);

    begin(&s->w, &client, order_of(&s->w, PIL_ROLE_CLIENT, fd));
    settle(&s->w);
    assert_reason(&client, PIL_TLS_NONE);
    assert_string_equal(client.result.peer, TEST_ID("db"));
    assert_false(client.result.mesh);
    send_record(fd, client.result.suite, &client.result.out, 23, "GET / HTTP/1.0\r\n\r\n", 18);
    do
        type =
            receive_record(fd, client.result.suite, &client.result.in, got, sizeof(got) - 1, &len);
    while (type == 22);
    assert_int_equal(type, 23);
    got[len] = '\0';
    assert_non_null(strstr(got, "200 OK"));
    assert_non_null(strstr(got, want));
    close(fd);
}

static char *settings(struct site *s, const char *name, const char *text)
{
    return test_file(s->folder, name, text);
}

static void free_port(struct site *s)
{
    close(test_tcp_listen(&s->port));
}

static void nginx_answers(void **state)
{
    struct site *s = *state;
    struct program p;
    char text[2048], *path;

    if (is_missing("nginx"))
        skip();
    free_port(s);
    snprintf(text, sizeof(text),
             "daemon off; master_process off; pid %s/pid; error_log stderr; events {}\n"
             "http { access_log off; client_body_temp_path %s/a; proxy_temp_path %s/b;\n"
             "fastcgi_temp_path %s/c; uwsgi_temp_path %s/d; scgi_temp_path %s/e;\n"
             "server { listen 127.0.0.1:%u ssl; ssl_certificate %s; ssl_certificate_key %s;\n"
             "ssl_client_certificate %s; ssl_verify_client on; ssl_protocols TLSv1.3;\n"
             "location / { return 200 $ssl_client_verify; } } }\n",
             s->folder, s->folder, s->folder, s->folder, s->folder, s->folder, s->port, s->db,
             s->db, s->root);
    path = settings(s, "nginx.conf", text);
    program_start(&p, (const char *[]){"nginx", "-c", path, NULL});
    ask(s, "SUCCESS");
    program_end(&p);
    free(path);
}

static void haproxy_answers(void **state)
{
    struct site *s = *state;
    struct program p;
    char text[2048], *path;

    if (is_missing("haproxy"))
        skip();
    free_port(s);
    snprintf(text, sizeof(text),
             "defaults\n mode http\n timeout client 20s\n timeout server 20s\n"
             " timeout connect 20s\nfrontend x\n bind 127.0.0.1:%u ssl crt %s ca-file %s verify "
             "required alpn h2,http/1.1\n"
             " http-request return status 200 content-type text/plain string from-haproxy\n",
             s->port, s->db, s->root);
    path = settings(s, "haproxy.cfg", text);
    program_start(&p, (const char *[]){"haproxy", "-f", path, "-db", NULL});
    ask(s, "from-haproxy");
    program_end(&p);
    free(path);
}

static int accept_from(struct site *s, struct program *p, struct side *server,
                       const char *const *argv)
{
    int fd;

    program_start(p, argv);
    fd = accept4(s->w.listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    memset(server, 0, sizeof(*server));
    begin(&s->w, server, order_of(&s->w, PIL_ROLE_SERVER, fd));
    settle(&s->w);
    return fd;
}

static void curl_is_answered(void **state)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
    struct site *s = *state;
    struct program p;
    struct side server;
    char url[60], got[2000];
    size_t len;
    int fd;

    if (is_missing("curl"))
        skip();
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/", s->w.port);
    fd =
        accept_from(s, &p, &server,
                    (const char *[]){"curl", "-sSk", "--cert", s->web, "--key", s->web, url, NULL});
    assert_reason(&server, PIL_TLS_NONE);
    assert_string_equal(server.result.peer, TEST_ID("web"));
    assert_int_equal(
        receive_record(fd, server.result.suite, &server.result.in, got, sizeof(got), &len), 23);
    assert_memory_equal(got, "GET / HTTP/1.1\r\n", 16);
    send_record(fd, server.result.suite, &server.result.out, 23, answer, sizeof(answer) - 1);
    assert_true(program_says(&p, "hello\n"));
    close(fd);
    program_end(&p);
    fd = accept_from(s, &p, &server, (const char *[]){"curl", "-sSk", url, NULL});
    assert_reason(&server, PIL_TLS_NO_CERTIFICATE);
    assert_true(program_says(&p, "certificate required"));
    close(fd);
    program_end(&p);
}

static int set_up(void **state)
{
    struct site *s = calloc(1, sizeof(*s));

    world_open(&s->w, NULL);
    s->folder = test_folder_make();
    s->web = test_pem(s->folder, "web.pem", s->w.web);
    s->db = test_pem(s->folder, "db.pem", s->w.db);
    s->root = test_pem_root(s->folder, "root.pem", &s->w.ca);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct site *s = *state;

    world_close(&s->w);
    test_folder_remove(s->folder);
    free(s->web);
    free(s->db);
    free(s->root);
    free(s);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nginx_answers),
        cmocka_unit_test(haproxy_answers),
        cmocka_unit_test(curl_is_answered),
    };

    signal(SIGPIPE, SIG_IGN);
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
