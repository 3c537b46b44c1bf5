/*
 * A real policyd whose policy encrypts the port of one listening socket, and this program as both
 * of its ends.
 *
 * Tests only. A header and no object, as meshpeer.h.
 */
#ifndef PIL_TESTS_MESHWORLD_H
#define PIL_TESTS_MESHWORLD_H

#include <sys/wait.h>

#include "policyd/tls/aead.h"
#include "tests/support/meshpeer.h"

/* A policyd whose policy encrypts the port of one listening socket. */
struct world {
    struct test_daemon d;
    char *conf;
    int listening, link, standin;
    unsigned port;
    struct pil_delegated delegated;
};

#define SELF "spiffe://corp.example/test"

MESH_USE char *policy_text(unsigned port, const char *encrypt, const char *rules)
{
    char *text;

    assert_true(asprintf(&text,
                         "schema = 1\ndefault = deny\ntrust_domain = \"corp.example\"\n"
                         "workload \"test\" { exe = \"/**test_mesh*\" }\n"
                         "service \"s\" { endpoints = {\"127.0.0.1:%u\"} encrypt = %s }\n"
                         "policy \"p\" { applies = {\"workload:test\"}\n%s }\n",
                         port, encrypt, rules) > 0);
    return text;
}

#define ALL_RULES                                                                                  \
    "rule \"listen\" { effect = allow actions = {listen} resources = {\"service:s\"} }\n"          \
    "rule \"accept\" { effect = allow actions = {accept} resources = {\"service:s\"} }\n"          \
    "rule \"connect\" { effect = allow actions = {connect} resources = {\"service:s\"} }\n"
#define PEER_RULES                                                                                 \
    "rule \"listen\" { effect = allow actions = {listen} resources = {\"service:s\"} }\n"          \
    "rule \"accept\" { effect = allow actions = {accept} resources = {\"service:s\"}\n"            \
    "    when { peer = {\"workload:test\"} } }\n"                                                  \
    "rule \"connect\" { effect = allow actions = {connect} resources = {\"service:s\"} }\n"

MESH_USE void start_as(struct world *w, const char *encrypt, const char *rules,
                       const char *settings, const char *option)
{
    char *folder = test_folder_make(), *policy, *conf_text;
    const char *args[] = {"-c", NULL, option, NULL};

    *w = (struct world){.standin = -1};
    w->listening = mesh_listen(&w->port);
    policy = policy_text(w->port, encrypt, rules);
    assert_true(asprintf(&conf_text, "state = \"%s/state\"\n%s", folder, settings) > 0);
    w->conf = test_file(folder, "policyd.conf", conf_text);
    args[1] = w->conf;
    test_daemon_start(&w->d, policy, args);
    w->link = test_daemon_connect(&w->d);
    test_daemon_hello(w->link, NULL);
    free(policy), free(conf_text), free(folder);
}

MESH_USE void start(struct world *w, const char *encrypt, const char *rules, const char *settings)
{
    start_as(w, encrypt, rules, settings, NULL);
}

MESH_USE void delegate(struct world *w)
{
    w->delegated = mesh_delegate(w->link, w->listening, w->port, &w->standin);
    if (w->delegated.status == PIL_OK) {
        close(w->listening);
        w->listening = -1;
    }
}

MESH_USE void let_go(struct world *w)
{
    if (w->standin >= 0)
        close(w->standin);
    if (w->listening >= 0)
        close(w->listening);
    close(w->link);
    *strrchr(w->conf, '/') = '\0';
    test_folder_remove(w->conf);
}

MESH_USE void stop(struct world *w)
{
    test_daemon_stop(&w->d);
    let_go(w);
}

/* Of a policyd that was killed. */
MESH_USE void bury(struct world *w)
{
    assert_int_equal(waitpid(w->d.pid, NULL, 0), w->d.pid);
    close(w->d.notify);
    free(w->d.policy), free(w->d.socket), free(w->d.log), free(w->d.complaints);
    test_folder_remove(w->d.folder);
    let_go(w);
}

/* A connection, secured at both ends. */
MESH_USE void connect_both(struct world *w, struct mesh_end *client, struct mesh_end *server)
{
    int fd = mesh_dial(w->port);

    *client = mesh_take_answer(mesh_secure(w->link, fd, w->port, 0), fd);
    assert_int_equal(client->got.status, PIL_OK);
    *server = mesh_take(w->standin);
}

MESH_USE json_t *mesh_status(struct world *w)
{
    uint32_t status;
    json_t *all = test_daemon_control(&w->d, "status", NULL, &status);
    json_t *mesh = json_incref(json_object_get(all, "mesh"));

    assert_non_null(mesh);
    json_decref(all);
    return mesh;
}

/* Numbers deep in the status: "connect/refused/denied". */
MESH_USE long long number(struct world *w, const char *path)
{
    json_t *mesh = mesh_status(w), *at = mesh;
    char *copy = strdup(path), *save = NULL;
    long long value;

    for (char *key = strtok_r(copy, "/", &save); key; key = strtok_r(NULL, "/", &save))
        at = json_object_get(at, key);
    value = json_is_integer(at) ? json_integer_value(at) : -1;
    json_decref(mesh);
    free(copy);
    return value;
}

/* Until it is so: what one end sees may be counted at the other a little later. */
MESH_USE void await_number(struct world *w, const char *path, long long value)
{
    long long now = -1;

    for (unsigned i = 0; i < 2000; i++) {
        now = number(w, path);
        if (now == value)
            return;
        poll(NULL, 0, 10);
    }
    fail_msg("%s is %lld and not %lld", path, now, value);
}

#endif
