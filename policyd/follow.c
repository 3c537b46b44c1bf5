#include "policyd/follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/wire.h"
#include "policyd/daemon.h"
#include "policyd/journal.h"
#include "policyd/session.h"

#define FOLLOWERS_MAX 16u

struct pil_follower {
    struct pil_follower *next, **link;
    struct pil_session *s;
    uint64_t dropped;
    int effect;      /* enum pil_effect, -1: any */
    unsigned action; /* 0: any */
    json_int_t pid;  /* 0: any */
    bool shadow, events;
    char workload[PIL_TITLE_MAX + 1]; /* with has_workload */
    bool has_workload;
};

static bool read_effect(struct pil_follower *f, const json_t *value)
{
    const char *text = json_string_value(value);

    for (unsigned effect = 0; text && effect <= PIL_THROTTLE; effect++)
        if (strcmp(text, pil_effect_name(effect)) == 0) {
            f->effect = (int)effect;
            return true;
        }
    return false;
}

static bool read_action(struct pil_follower *f, const json_t *value)
{
    f->action =
        json_is_string(value) ? pil_action_parse(pil_slice_of(json_string_value(value))) : 0;
    return f->action != PIL_ACTION_NONE;
}

static bool read_workload(struct pil_follower *f, const json_t *value)
{
    if (!json_is_string(value) || json_string_length(value) > PIL_TITLE_MAX)
        return false;
    strcpy(f->workload, json_string_value(value));
    f->has_workload = true;
    return true;
}

static bool read_pid(struct pil_follower *f, const json_t *value)
{
    f->pid = json_integer_value(value);
    return f->pid > 0;
}

static bool read_shadow(struct pil_follower *f, const json_t *value)
{
    f->shadow = json_is_true(value);
    return json_is_boolean(value);
}

static bool read_events(struct pil_follower *f, const json_t *value)
{
    f->events = json_is_true(value);
    return json_is_boolean(value);
}

static const struct {
    const char *key;
    bool (*read)(struct pil_follower *f, const json_t *value);
    const char *legal;
} filters[] = {
    {"verdict", read_effect, "allow, deny, throttle"},
    {"action", read_action, "connect, accept, listen, send, resolve"},
    {"workload", read_workload, "a workload's title"},
    {"pid", read_pid, "a process id"},
    {"shadow", read_shadow, "true, false"},
    {"events", read_events, "true, false"},
};

static int read_filter(struct pil_follower *f, const char *key, const json_t *value, char *problem,
                       size_t cap)
{
    for (size_t i = 0; i < PIL_NELEM(filters); i++) {
        if (strcmp(filters[i].key, key) != 0)
            continue;
        if (filters[i].read(f, value))
            return PIL_OK;
        snprintf(problem, cap, "filter \"%s\": legal is %s", key, filters[i].legal);
        return PIL_E_SYNTAX;
    }
    snprintf(problem, cap,
             "unknown filter \"%.40s\"; legal is verdict, action, workload, pid, "
             "shadow, events",
             key);
    return PIL_E_SYNTAX;
}

static unsigned count_of(const struct pil_daemon *d)
{
    unsigned count = 0;

    for (const struct pil_follower *f = d->followers; f; f = f->next)
        count++;
    return count;
}

int pil_follow_start(struct pil_session *s, const json_t *filter, char *problem, size_t cap)
{
    struct pil_follower *f;
    const char *key;
    json_t *value;
    int err = PIL_OK;

    if (count_of(s->d) >= FOLLOWERS_MAX) {
        snprintf(problem, cap, "%u others follow already", FOLLOWERS_MAX);
        return PIL_E_FULL;
    }
    f = calloc(1, sizeof(*f));
    if (!f)
        return PIL_E_NOMEM;
    *f = (struct pil_follower){.s = s, .effect = -1, .events = true};
    json_object_foreach((json_t *)filter, key, value)
    {
        if (!err)
            err = read_filter(f, key, value, problem, cap);
    }
    if (err) {
        free(f);
        return err;
    }
    f->next = s->d->followers;
    f->link = &s->d->followers;
    if (f->next)
        f->next->link = &f->next;
    s->d->followers = f;
    s->follower = f;
    return PIL_OK;
}

void pil_follow_stop(struct pil_session *s)
{
    struct pil_follower *f = s->follower;

    if (!f)
        return;
    *f->link = f->next;
    if (f->next)
        f->next->link = f->link;
    s->follower = NULL;
    free(f);
}

static bool passes(const struct pil_daemon *d, const struct pil_follower *f,
                   const struct pil_note *note)
{
    if (!note)
        return f->events;
    return (f->effect < 0 || note->verdict.effect == (unsigned)f->effect) &&
           (f->action == 0 || note->query.action == f->action) &&
           (f->pid == 0 || (note->who && note->who->pid == f->pid)) &&
           (!f->shadow || note->verdict.shadow != PIL_SHADOW_NONE) &&
           (!f->has_workload ||
            (note->who && strcmp(pil_process_workload(d, note->who), f->workload) == 0));
}

static bool send_line(struct pil_follower *f, const char *line, size_t len)
{
    static uint8_t room[PIL_WIRE_MAX]; /* main thread only */
    struct pil_writer w;

    pil_wire_begin(&w, room, sizeof(room), PIL_WIRE_DATA, f->s->sequence);
    pil_put_bytes(&w, line, len);
    return pil_wire_finish(&w) == PIL_OK && pil_session_send(f->s, &w, NULL, 0) == PIL_OK;
}

static bool tell_dropped(struct pil_follower *f)
{
    char line[96];
    int len;

    if (f->dropped == 0)
        return true;
    len = snprintf(line, sizeof(line), "{\"event\":\"follow-dropped\",\"count\":%llu}\n",
                   (unsigned long long)f->dropped);
    if (!send_line(f, line, (size_t)len))
        return false;
    f->dropped = 0;
    return true;
}

/* A follower that is gone is noticed by its session's event; here it only loses lines. */
void pil_follow_line(void *daemon, const struct pil_note *note, const char *line, size_t len)
{
    struct pil_daemon *d = daemon;

    for (struct pil_follower *f = d->followers; f; f = f->next) {
        if (!passes(d, f, note))
            continue;
        if (tell_dropped(f) && send_line(f, line, len))
            continue;
        f->dropped++;
        d->stats.follow_dropped++;
    }
}
