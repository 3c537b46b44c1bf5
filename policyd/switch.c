#include "policyd/switch.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/daemon.h"
#include "policyd/decide.h"
#include "policyd/journal.h"
#include "policyd/session.h"
#include "policyd/store.h"
#include "policyd/watch.h"

#define LOOK_SECONDS 30 /* the clock of the day may be set while a time is waited for */
#define NO_LOGIN     UINT32_MAX

struct pil_switch {
    struct pil_daemon *d;
    uid_t own;
    struct pil_list path; /* the one */
    struct pil_watch *watch;
    struct event *due;
    struct pil_switch_order order; /* in force */
    int64_t since;
    char problem[768]; /* "": the file is followed */
};

static int64_t now(void)
{
    return (int64_t)time(NULL);
}

/* ---- telling -------------------------------------------------------------------------------- */

/* Who logged in to become root, as the kernel kept it. */
static uint32_t login_of(pid_t pid)
{
    char path[48], text[16] = "";
    ssize_t got;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/loginuid", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NO_LOGIN;
    got = read(fd, text, sizeof(text) - 1);
    close(fd);
    return got > 0 ? (uint32_t)strtoul(text, NULL, 10) : NO_LOGIN;
}

static void log_asker(struct pil_json *json, const struct pil_session *by)
{
    uint32_t login = by ? login_of(by->pid) : NO_LOGIN;

    if (!by)
        return;
    pil_json_u64(json, "pid", (uint64_t)by->pid);
    pil_json_u64(json, "uid", by->uid);
    if (login != NO_LOGIN)
        pil_json_u64(json, "login", login);
}

static void tell(struct pil_switch *sw, enum pil_switch_mode was, const char *cause,
                 const struct pil_session *by)
{
    const struct pil_switch_order *order = &sw->order;
    struct pil_json *json = pil_journal_begin(sw->d->journal, "switch");
    char until[32] = "";

    if (order->until)
        pil_switch_time(order->until, until, sizeof(until));
    pil_json_string(json, "mode", pil_switch_name(order->mode));
    pil_json_string(json, "was", pil_switch_name(was));
    pil_json_string(json, "cause", cause);
    log_asker(json, by);
    pil_json_string(json, "by", order->by);
    pil_json_string(json, "reason", order->reason);
    pil_json_string(json, "until", *until ? until : NULL);
    pil_json_string(json, "problem", sw->problem[0] ? sw->problem : NULL);
    pil_journal_end(sw->d->journal);
    fprintf(stderr, "policyd: the switch is %s, was %s (%s)%s%s\n", pil_switch_name(order->mode),
            pil_switch_name(was), cause, sw->problem[0] ? ": " : "", sw->problem);
}

/* ---- acting --------------------------------------------------------------------------------- */

static void wait_for_end(struct pil_switch *sw)
{
    int64_t left = sw->order.until - now();
    struct timeval soon = {.tv_sec = left < LOOK_SECONDS ? left : LOOK_SECONDS};

    event_del(sw->due);
    if (sw->order.until == 0 || sw->order.mode == PIL_SWITCH_ON)
        return;
    if (soon.tv_sec < 0)
        soon.tv_sec = 0;
    /* Without a timer it could not end. */
    if (event_add(sw->due, &soon))
        sw->order.mode = PIL_SWITCH_ON;
}

static bool is_over(const struct pil_switch_order *order)
{
    return order->mode != PIL_SWITCH_ON && order->until && now() >= order->until;
}

static void set(struct pil_switch *sw, const struct pil_switch_order *order, const char *cause,
                const struct pil_session *by)
{
    struct pil_switch_order was = sw->order;

    sw->order = *order;
    wait_for_end(sw);
    if (sw->order.mode != was.mode) {
        sw->since = now();
        pil_decider_switch(sw->d->decider, sw->order.mode);
        pil_store_renew(sw->d->store, sw->order.mode != PIL_SWITCH_ON);
    }
    tell(sw, was.mode, cause, by);
}

static void on_due(evutil_socket_t fd, short what, void *cookie)
{
    static const struct pil_switch_order on = {.mode = PIL_SWITCH_ON};
    struct pil_switch *sw = cookie;

    (void)fd, (void)what;
    if (is_over(&sw->order))
        set(sw, &on, "expired", NULL);
    else
        wait_for_end(sw);
}

static bool same(const struct pil_switch_order *a, const struct pil_switch_order *b)
{
    return a->mode == b->mode && a->until == b->until && strcmp(a->by, b->by) == 0 &&
           strcmp(a->reason, b->reason) == 0;
}

void pil_switch_read(struct pil_switch *sw, const char *cause, const struct pil_session *by)
{
    struct pil_switch_order order;
    char problem[sizeof(sw->problem)] = "";
    bool again;

    if (pil_switch_load(sw->path.item[0], sw->own, &order, problem, sizeof(problem)) && !problem[0])
        snprintf(problem, sizeof(problem), "it cannot be read");
    if (is_over(&order)) {
        order = (struct pil_switch_order){.mode = PIL_SWITCH_ON};
        cause = sw->order.mode != PIL_SWITCH_ON ? "expired" : cause;
    }
    again = same(&order, &sw->order) && strcmp(problem, sw->problem) == 0;
    memcpy(sw->problem, problem, sizeof(problem));
    if (!again || by)
        set(sw, &order, cause, by);
}

static void on_change(void *cookie)
{
    static const struct pil_list none = {0};
    struct pil_switch *sw = cookie;

    pil_watch_renew(sw->watch, &none);
    pil_switch_read(sw, "file", NULL);
}

/* ---- life ----------------------------------------------------------------------------------- */

int pil_switch_open(struct pil_daemon *d, uid_t own, struct pil_switch **out)
{
    struct pil_switch *sw = calloc(1, sizeof(*sw));
    int err = PIL_E_NOMEM;

    if (!sw)
        return err;
    *sw = (struct pil_switch){.d = d, .own = own, .since = now()};
    sw->due = event_new(d->base, -1, 0, on_due, sw);
    if (sw->due)
        err = pil_list_add(&sw->path, d->settings.kill_switch);
    if (!err && d->settings.kill_switch[0] != '\0')
        err = pil_watch_open(d->base, &sw->path, on_change, sw, &sw->watch);
    if (err) {
        pil_switch_close(sw);
        return err;
    }
    *out = sw;
    pil_switch_read(sw, "start", NULL);
    return PIL_OK;
}

void pil_switch_close(struct pil_switch *sw)
{
    if (!sw)
        return;
    pil_watch_close(sw->watch);
    if (sw->due)
        event_free(sw->due);
    pil_list_free(&sw->path);
    free(sw);
}

/* ---- asking --------------------------------------------------------------------------------- */

enum pil_switch_mode pil_switch_mode(const struct pil_switch *sw)
{
    return sw ? sw->order.mode : PIL_SWITCH_ON;
}

const char *pil_switch_problem(const struct pil_switch *sw)
{
    return sw && sw->problem[0] ? sw->problem : NULL;
}

bool pil_switch_may(const struct pil_switch *sw, const struct pil_session *s)
{
    return s->uid == 0 || s->uid == sw->own;
}

static json_t *time_json(int64_t seconds)
{
    char text[32];

    if (seconds == 0)
        return json_null();
    pil_switch_time(seconds, text, sizeof(text));
    return json_string(text);
}

/* Bytes that are no UTF-8 have no place in JSON. */
static json_t *text_json(const char *text)
{
    json_t *json = json_string(text);

    return json ? json : json_string("?");
}

json_t *pil_switch_report(const struct pil_switch *sw)
{
    static const struct pil_switch_order on = {.mode = PIL_SWITCH_ON};
    const struct pil_switch_order *order = sw ? &sw->order : &on;
    const char *problem = pil_switch_problem(sw);

    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "mode", pil_switch_name(order->mode),
                     "since", time_json(sw ? sw->since : 0), "until", time_json(order->until), "by",
                     text_json(order->by), "reason", text_json(order->reason), "path",
                     text_json(sw ? sw->path.item[0] : ""), "problem",
                     problem ? text_json(problem) : json_null());
}
