#include "policyd/journal.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/err.h"
#include "policyd/daemon.h"
#include "policyd/log.h"
#include "policyd/process.h"
#include "policyd/record.h"
#include "policyd/store.h"

#define QUEUE      256u  /* decisions noted before their text is made */
#define FLUSH_USEC 50000 /* how long a note waits at most */

struct pil_journal {
    struct pil_daemon *d;
    struct event *timer;
    bool armed;
    uint64_t ids;
    pil_journal_tap *tap;
    void *tap_cookie;
    unsigned queued;
    struct pil_json json; /* the event line being made */
    char line[PIL_JSON_LINE];
    struct pil_note note[QUEUE];
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void on_timer(evutil_socket_t fd, short what, void *cookie)
{
    (void)fd, (void)what;
    pil_journal_flush(cookie);
}

int pil_journal_open(struct pil_daemon *d, struct pil_journal **out)
{
    struct pil_journal *j = calloc(1, sizeof(*j));

    if (!j)
        return PIL_E_NOMEM;
    j->d = d;
    j->timer = event_new(d->base, -1, 0, on_timer, j);
    if (!j->timer) {
        free(j);
        return PIL_E_NOMEM;
    }
    *out = j;
    return PIL_OK;
}

void pil_journal_close(struct pil_journal *j)
{
    if (!j)
        return;
    pil_journal_flush(j);
    event_free(j->timer);
    free(j);
}

void pil_journal_tap_set(struct pil_journal *j, pil_journal_tap *tap, void *cookie)
{
    j->tap = tap;
    j->tap_cookie = cookie;
}

static void write_line(struct pil_journal *j, const struct pil_note *note, const char *line,
                       size_t len)
{
    if (j->d->log)
        pil_log_write(j->d->log, line, len);
    if (j->tap)
        j->tap(j->tap_cookie, note, line, len);
}

void pil_journal_flush(struct pil_journal *j)
{
    unsigned queued = j->queued;
    char line[PIL_JSON_LINE];

    j->queued = 0;
    j->armed = false;
    event_del(j->timer);
    for (unsigned i = 0; i < queued; i++) {
        size_t len = pil_record_decision(j->d, &j->note[i], line, sizeof(line));

        if (len > 0)
            write_line(j, &j->note[i], line, len);
    }
    if (queued > 0 && j->d->log)
        pil_log_kick(j->d->log);
}

static void arm(struct pil_journal *j)
{
    struct timeval soon = {.tv_usec = FLUSH_USEC};

    if (j->armed)
        return;
    j->armed = true;
    event_add(j->timer, &soon);
}

/* A free note. A full queue is written out first, so there is always one. */
static struct pil_note *next_note(struct pil_journal *j)
{
    struct pil_note *note;

    if (j->queued == QUEUE)
        pil_journal_flush(j);
    note = &j->note[j->queued++];
    note->id = ++j->ids;
    note->tid = 0;
    arm(j);
    return note;
}

static uint16_t copy_text(char *out, size_t cap, struct pil_slice text)
{
    size_t len = text.len < cap ? text.len : cap;

    if (len > 0)
        memcpy(out, text.at, len);
    return (uint16_t)len;
}

static bool wanted(const struct pil_journal *j, const struct pil_verdict *v)
{
    /* While the switch is off, a log that is full or slow must not count. */
    if (v->reason == PIL_REASON_SWITCHED && v->shadow == PIL_SHADOW_NONE)
        return false;
    return v->effect != PIL_ALLOW || v->shadow != PIL_SHADOW_NONE ||
           j->d->settings.log_allows == PIL_LOG_ALLOWS_ALL;
}

void pil_journal_decision(struct pil_journal *j, const struct pil_process *who,
                          const struct pil_query *q, const struct pil_verdict *v,
                          uint64_t realtime_ns, uint64_t elapsed_ns)
{
    struct pil_note *note;

    if (!wanted(j, v))
        return;
    note = next_note(j);
    note->realtime_ns = realtime_ns;
    note->elapsed_ns = elapsed_ns;
    note->who = who;
    note->verdict = *v;
    note->query = *q;
    note->error = pil_verdict_errno(v, q->action);
    note->name_len = copy_text(note->name, sizeof(note->name), q->name);
    note->caller_len = copy_text(note->caller, sizeof(note->caller), q->caller);
    note->peer_len = copy_text(note->peer, sizeof(note->peer), q->peer);
}

/* Nothing in an event is believed: what is off its list is written as the zero of that list. */
static struct pil_verdict verdict_of(const struct pil_event *e)
{
    return (struct pil_verdict){
        .effect = e->effect <= PIL_THROTTLE ? e->effect : PIL_DENY,
        .reason = e->reason < PIL_REASON_COUNT ? e->reason : PIL_REASON_UNDECIDED,
        .shadow = e->shadow <= PIL_SHADOW_WOULD_ALLOW ? e->shadow : PIL_SHADOW_NONE,
        .tier = e->tier < PIL_TIER_COUNT ? e->tier : PIL_TIER_NONE,
        .error = e->error,
        .rule = e->rule,
        .policy = e->policy,
        .shadow_rule = e->shadow_rule,
        .shadow_policy = e->shadow_policy,
        .generation = e->generation,
    };
}

void pil_journal_event(struct pil_journal *j, const struct pil_process *who,
                       const struct pil_event *e)
{
    struct pil_note *note = next_note(j);
    size_t len = e->text_len < PIL_EVENT_TEXT ? e->text_len : PIL_EVENT_TEXT;

    note->realtime_ns = e->realtime_ns;
    note->elapsed_ns = e->elapsed_ns;
    note->who = who;
    note->tid = e->tid;
    note->verdict = verdict_of(e);
    note->error = e->error;
    note->query = (struct pil_query){
        .action = e->action,
        .kind = e->kind,
        .seen = e->seen & ~PIL_FIELD_CALLER & PIL_FIELD_TOLD,
        .port = e->port,
        .ip = e->ip,
        .source = e->source,
    };
    note->name_len = copy_text(note->name, sizeof(note->name), (struct pil_slice){e->text, len});
    note->caller_len = note->peer_len = 0;
}

struct pil_json *pil_journal_begin(struct pil_journal *j, const char *event)
{
    /* In the order in which things happened. */
    pil_journal_flush(j);
    pil_json_begin(&j->json, j->line, sizeof(j->line));
    pil_json_time(&j->json, "time", now_ns());
    pil_json_string(&j->json, "event", event);
    return &j->json;
}

void pil_journal_end(struct pil_journal *j)
{
    size_t len = pil_json_end(&j->json);

    if (len > 0)
        write_line(j, NULL, j->line, len);
    if (j->d->log)
        pil_log_kick(j->d->log);
}

void pil_journal_who(struct pil_journal *j, struct pil_json *json, const struct pil_process *who)
{
    pil_json_u64(json, "pid", (uint64_t)who->pid);
    pil_json_u64(json, "uid", who->uid);
    pil_json_string(json, "exe", who->exe);
    pil_json_string(json, "workload", pil_process_workload(j->d, who));
}
