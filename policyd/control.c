#include "policyd/control.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/chan.h"
#include "core/err.h"
#include "policyd/access.h"
#include "policyd/daemon.h"
#include "policyd/expect.h"
#include "policyd/events.h"
#include "policyd/follow.h"
#include "policyd/identity/identity.h"
#include "policyd/mesh/mesh.h"
#include "policyd/observe.h"
#include "policyd/report.h"
#include "policyd/session.h"
#include "policyd/store.h"
#include "policyd/switch.h"

#define SEND_SECONDS 10                                            /* a client has to read within */
#define PIECE        (PIL_WIRE_MAX - sizeof(struct pil_wire_head)) /* text in one frame */

/* An answer that is promised (waits for a load or an arrival) or being sent. */
struct pil_reply {
    struct pil_session *s;
    struct pil_reply *next, **link; /* those that wait for a load */
    unsigned loads;                 /* that have to end first */
    struct event *writable;
    char *text;
    size_t len, at;
    int fd; /* ours until it is sent; -1 */
    int status;
    char end[256];
};

static void reply_free(struct pil_reply *reply)
{
    if (reply->link) {
        *reply->link = reply->next;
        if (reply->next)
            reply->next->link = reply->link;
    }
    if (reply->writable)
        event_free(reply->writable);
    if (reply->fd >= 0)
        close(reply->fd);
    reply->s->reply = NULL;
    free(reply->text);
    free(reply);
}

void pil_control_closed(struct pil_session *s)
{
    pil_expect_unwatch(s->d->expect, s);
    if (s->reply)
        reply_free(s->reply);
    pil_follow_stop(s);
    pil_observe_stop(s);
}

/* One frame of it. PIL_E_AGAIN: the client has to read first. */
static int send_piece(struct pil_reply *reply)
{
    static uint8_t room[PIL_WIRE_MAX]; /* main thread only */
    struct pil_writer w;
    size_t len = reply->len - reply->at < PIECE ? reply->len - reply->at : PIECE;
    bool last = reply->at == reply->len && reply->fd < 0;
    struct iovec iov;
    int err;

    pil_wire_begin(&w, room, sizeof(room), last ? PIL_WIRE_END : PIL_WIRE_DATA, reply->s->sequence);
    if (last)
        pil_wire_put_end(&w, (uint32_t)reply->status, pil_slice_of(reply->end));
    else
        pil_put_bytes(&w, reply->text + reply->at, len);
    err = pil_wire_finish(&w);
    iov = (struct iovec){w.start, w.len};
    if (!err)
        err = pil_chan_send(&pil_sysops_kernel, reply->s->fd, &iov, 1, &reply->fd,
                            reply->fd >= 0 ? 1 : 0, false);
    if (err)
        return err;
    reply->at += len;
    if (reply->fd >= 0)
        close(reply->fd);
    reply->fd = -1;
    return last ? PIL_E_CLOSED : PIL_OK;
}

static void on_writable(evutil_socket_t fd, short what, void *cookie);

static bool wait_writable(struct pil_reply *reply)
{
    struct timeval limit = {.tv_sec = SEND_SECONDS};
    struct pil_session *s = reply->s;

    if (!reply->writable)
        reply->writable = event_new(s->d->base, s->fd, EV_WRITE, on_writable, reply);
    return reply->writable && event_add(reply->writable, &limit) == 0;
}

/* Sends what fits. False: the session is gone. */
static bool go_on(struct pil_reply *reply)
{
    struct pil_session *s = reply->s;
    int err;

    do
        err = send_piece(reply);
    while (err == PIL_OK);
    if (err == PIL_E_CLOSED && reply->at == reply->len && reply->fd < 0) {
        reply_free(reply);
        if (event_add(&s->event, NULL) == 0)
            return true;
    } else if (err == PIL_E_AGAIN && wait_writable(reply)) {
        event_del(&s->event);
        return true;
    }
    pil_session_close(s);
    return false;
}

static void on_writable(evutil_socket_t fd, short what, void *cookie)
{
    struct pil_reply *reply = cookie;

    (void)fd;
    if (what & EV_TIMEOUT)
        pil_session_refuse(reply->s, PIL_REFUSAL_SLOW, "an answer");
    else
        go_on(reply);
}

static struct pil_reply *reply_new(struct pil_session *s)
{
    struct pil_reply *reply = calloc(1, sizeof(*reply));

    if (!reply)
        return NULL;
    *reply = (struct pil_reply){.s = s, .fd = -1};
    s->reply = reply;
    return reply;
}

/* Fills a promised or new answer and begins to send it. */
static bool answer_with(struct pil_reply *reply, json_t *json, int fd, int status, const char *text)
{
    reply->status = status;
    strncpy(reply->end, text ? text : pil_err_text(status), sizeof(reply->end) - 1);
    if (json) {
        reply->text = json_dumps(json, JSON_COMPACT);
        reply->len = reply->text ? strlen(reply->text) : 0;
        if (!reply->text)
            reply->status = PIL_E_NOMEM;
    }
    json_decref(json);
    if (fd >= 0)
        reply->fd = dup(fd);
    return go_on(reply);
}

bool pil_control_answer(struct pil_session *s, json_t *json, int fd, int status, const char *text)
{
    struct pil_reply *reply = s->reply ? s->reply : reply_new(s);

    if (reply)
        return answer_with(reply, json, fd, status, text);
    json_decref(json);
    pil_session_refuse(s, PIL_REFUSAL_INTERNAL, "memory");
    return false;
}

/* ---- verbs -------------------------------------------------------------------------------- */

static bool do_status(struct pil_session *s, const json_t *arg)
{
    (void)arg;
    return pil_control_answer(s, pil_report_status(s->d), -1, PIL_OK, NULL);
}

static bool do_processes(struct pil_session *s, const json_t *arg)
{
    (void)arg;
    return pil_control_answer(s, pil_report_processes(s->d), -1, PIL_OK, NULL);
}

static bool do_image(struct pil_session *s, const json_t *arg)
{
    const struct pil_policy_image *policy = pil_store_current(s->d->store);

    (void)arg;
    if (!policy)
        return pil_control_answer(s, NULL, -1, PIL_E_NOTFOUND, "no policy is in force");
    return pil_control_answer(s, pil_report_image(policy), policy->memfd, PIL_OK, NULL);
}

static bool do_reload(struct pil_session *s, const json_t *arg)
{
    struct pil_reply *reply = reply_new(s);
    struct pil_daemon *d = s->d;

    (void)arg;
    if (!reply) {
        pil_session_refuse(s, PIL_REFUSAL_INTERNAL, "memory");
        return false;
    }
    /* A load that runs already may have read the files before they were changed. */
    reply->loads = pil_store_busy(d->store) ? 2 : 1;
    reply->next = d->reloading;
    reply->link = &d->reloading;
    if (reply->next)
        reply->next->link = &reply->next;
    d->reloading = reply;
    event_del(&s->event);
    pil_identity_reload(d->identity);
    /* It may end at once, and the session with it: nothing of s is looked at behind this. */
    pil_store_reload(d->store, "command");
    return false;
}

void pil_control_reloaded(struct pil_daemon *d, const struct pil_store_report *report)
{
    struct pil_reply *next;

    for (struct pil_reply *reply = d->reloading; reply; reply = next) {
        next = reply->next;
        if (--reply->loads > 0)
            continue;
        *reply->link = reply->next;
        if (reply->next)
            reply->next->link = reply->link;
        reply->link = NULL;
        answer_with(reply, pil_report_load(d, report), -1, PIL_OK, NULL);
    }
}

static bool do_expect(struct pil_session *s, const json_t *arg)
{
    const json_t *timeout = json_object_get(arg, "timeout_ms");
    json_int_t ms =
        json_is_integer(timeout) ? json_integer_value(timeout) : (json_int_t)PIL_HELLO_MS;
    int err;

    if (ms < 1 || ms > 600000)
        return pil_control_answer(s, NULL, -1, PIL_E_RANGE, "timeout_ms: legal is 1..600000");
    err = pil_expect_add(s->d->expect, s->fd, &s->sender, (uint32_t)ms);
    return pil_control_answer(s, NULL, -1, err, NULL);
}

/* The answer is promised; meanwhile the session is not read. */
static bool do_arrival(struct pil_session *s, const json_t *arg)
{
    struct pil_reply *reply = reply_new(s);
    int err;

    (void)arg;
    if (!reply) {
        pil_session_refuse(s, PIL_REFUSAL_INTERNAL, "memory");
        return false;
    }
    err = pil_expect_watch(s->d->expect, s);
    if (err)
        return answer_with(reply, NULL, -1, err,
                           err == PIL_E_NOTFOUND ? "nothing was promised here (expect)" : NULL);
    event_del(&s->event);
    return false;
}

void pil_control_arrival(struct pil_session *s, const char *outcome)
{
    answer_with(s->reply, json_pack("{s:s}", "outcome", outcome), -1, PIL_OK, NULL);
}

static bool do_follow(struct pil_session *s, const json_t *arg)
{
    char problem[128] = "";
    int err = pil_follow_start(s, arg, problem, sizeof(problem));

    return err ? pil_control_answer(s, NULL, -1, err, problem) : true;
}

/* The rings are read first, so that the report is up to this moment. */
static bool do_shadow(struct pil_session *s, const json_t *arg)
{
    const json_t *reset = json_object_get(arg, "reset");
    json_t *report;

    if (reset && !json_is_boolean(reset))
        return pil_control_answer(s, NULL, -1, PIL_E_SYNTAX, "reset: legal is true, false");
    pil_events_round(s->d);
    report = pil_observe_shadow(s->d->observer);
    if (json_is_true(reset))
        pil_observe_reset(s->d->observer);
    return pil_control_answer(s, report, -1, report ? PIL_OK : PIL_E_NOMEM, NULL);
}

static bool do_learn(struct pil_session *s, const json_t *arg)
{
    char problem[128] = "";
    int err = pil_observe_learn(s, arg, problem, sizeof(problem));

    return pil_control_answer(s, NULL, -1, err, *problem ? problem : NULL);
}

static bool do_learned(struct pil_session *s, const json_t *arg)
{
    json_t *answer;

    (void)arg;
    if (!s->learner)
        return pil_control_answer(s, NULL, -1, PIL_E_NOTFOUND,
                                  "this connection has not asked to learn");
    pil_events_round(s->d);
    answer = pil_observe_learned(s);
    return pil_control_answer(s, answer, -1, answer ? PIL_OK : PIL_E_NOMEM, NULL);
}

/* Root alone: a control group that may reload shall not be able to turn policy off. */
static bool do_switch(struct pil_session *s, const json_t *arg)
{
    struct pil_switch *sw = s->d->kill_switch;

    (void)arg;
    if (!sw || !pil_switch_may(sw, s))
        return pil_control_answer(s, NULL, -1, PIL_E_PERMISSION, "only root may do that");
    pil_switch_read(sw, "command", s);
    return pil_control_answer(s, pil_switch_report(sw), -1, PIL_OK, NULL);
}

static bool do_identity(struct pil_session *s, const json_t *arg)
{
    json_t *report = pil_identity_report(s->d->identity);

    (void)arg;
    return pil_control_answer(s, report, -1, report ? PIL_OK : PIL_E_NOMEM, NULL);
}

/* What a change of identities came to. The sentence is copied before anything else may change it.
 */
static bool answer_change(struct pil_session *s, int err)
{
    char text[256];

    if (!err)
        return do_identity(s, NULL);
    snprintf(text, sizeof(text), "%s", pil_identity_problem(s->d->identity));
    return pil_control_answer(s, NULL, -1, err, *text ? text : NULL);
}

static void name_asker(const struct pil_session *s, char *out, size_t cap)
{
    snprintf(out, cap, "pid %d, uid %u", (int)s->pid, (unsigned)s->uid);
}

static bool do_identity_rotate(struct pil_session *s, const json_t *arg)
{
    static const char *const names[] = {"prepare", "activate", "retire"};
    const char *step = json_string_value(json_object_get(arg, "step"));
    char by[64];
    bool force = json_is_true(json_object_get(arg, "force"));

    name_asker(s, by, sizeof(by));
    for (unsigned i = 0; step && i < PIL_NELEM(names); i++)
        if (strcmp(step, names[i]) == 0)
            return answer_change(s, pil_identity_rotate(s->d->identity, i, force, by));
    return pil_control_answer(s, NULL, -1, PIL_E_SYNTAX,
                              "step: legal is prepare, activate, retire");
}

static bool do_identity_revoke(struct pil_session *s, const json_t *arg)
{
    const char *what = json_string_value(json_object_get(arg, "what"));
    bool restore = json_is_true(json_object_get(arg, "restore"));
    char by[64];

    if (!what)
        return pil_control_answer(s, NULL, -1, PIL_E_SYNTAX,
                                  "what: legal is a serial number in hex or a SPIFFE ID");
    name_asker(s, by, sizeof(by));
    return answer_change(s, pil_identity_revoke(s->d->identity, what, restore, by));
}

static bool do_connections(struct pil_session *s, const json_t *arg)
{
    (void)arg;
    return pil_control_answer(s, pil_mesh_connections(s->d->mesh), -1, PIL_OK, NULL);
}

static const struct {
    const char *name;
    bool privileged;
    bool (*handle)(struct pil_session *s, const json_t *arg);
} verbs[] = {
    {"status", false, do_status},
    {"processes", false, do_processes},
    {"image", false, do_image},
    {"expect", false, do_expect},
    {"arrival", false, do_arrival},
    {"reload", true, do_reload},
    {"follow", true, do_follow},
    {"shadow", true, do_shadow},
    {"learn", true, do_learn},
    {"learned", true, do_learned},
    {"switch", false, do_switch},
    {"identity", false, do_identity},
    {"identity-rotate", true, do_identity_rotate},
    {"identity-revoke", true, do_identity_revoke},
    {"connections", true, do_connections},
};

static bool run_verb(struct pil_session *s, struct pil_slice name, const json_t *arg)
{
    for (size_t i = 0; i < PIL_NELEM(verbs); i++) {
        if (!pil_slice_equal(name, pil_slice_of(verbs[i].name)))
            continue;
        if (verbs[i].privileged && !pil_access_control(s->d, s->uid, s->gid, s->fd))
            return pil_control_answer(s, NULL, -1, PIL_E_PERMISSION,
                                      "only root, policyd's own user and members of control_group "
                                      "may do that");
        return verbs[i].handle(s, arg);
    }
    return pil_control_answer(s, NULL, -1, PIL_E_NOTFOUND,
                              "unknown verb; legal is status, processes, image, expect, arrival, "
                              "reload, follow, shadow, learn, learned, switch, identity, "
                              "identity-rotate, identity-revoke, connections");
}

bool pil_control_handle(struct pil_session *s, const struct pil_control *control)
{
    json_t *arg = NULL;
    bool there;

    if (s->follower || s->reply) {
        pil_session_refuse(s, PIL_REFUSAL_PROTOCOL, "a request while another is being answered");
        return false;
    }
    if (control->argument.len > 0) {
        arg = json_loadb(control->argument.at, control->argument.len, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(arg)) {
            json_decref(arg);
            return pil_control_answer(s, NULL, -1, PIL_E_SYNTAX,
                                      "the argument is not a JSON object");
        }
    }
    there = run_verb(s, control->verb, arg);
    json_decref(arg);
    return there;
}
