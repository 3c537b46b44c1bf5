#include "policyd/run.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/control.h"
#include "policyd/daemon.h"
#include "policyd/decide.h"
#include "policyd/events.h"
#include "policyd/expect.h"
#include "policyd/follow.h"
#include "policyd/hasher.h"
#include "policyd/health.h"
#include "policyd/identity/host.h"
#include "policyd/identity/identity.h"
#include "policyd/journal.h"
#include "policyd/log.h"
#include "policyd/mesh/kept.h"
#include "policyd/mesh/mesh.h"
#include "policyd/metrics.h"
#include "policyd/notify.h"
#include "policyd/observe.h"
#include "policyd/pidfile.h"
#include "policyd/privilege.h"
#include "policyd/server.h"
#include "policyd/session.h"
#include "policyd/store.h"
#include "policyd/switch.h"
#include "policyd/watch.h"

static const struct pil_at nowhere = {0};

#define LEAVE_USEC 500000 /* for programs that were promised and have not said hello yet */

static const int signals[] = {SIGHUP, SIGUSR1, SIGTERM, SIGINT};

/* What only the daemon's life needs; the rest is in struct pil_daemon. */
struct run {
    struct pil_daemon d;
    const struct pil_start *how;
    struct pil_diag *diag;
    struct pil_metrics *metrics;
    struct pil_watch *watch;
    struct pil_notify *notify;
    struct event *signal[PIL_NELEM(signals)];
    struct event *solo, *leave;
    struct pil_fds kept;
    int solo_fd;
    bool started, failed; /* the first load has ended; the daemon could not be started */
};

/* ---- loads -------------------------------------------------------------------------------- */

static void before_swap(void *cookie)
{
    struct run *run = cookie;

    /* What names the old image's rules is written while the image before it is still there. */
    pil_events_round(&run->d);
    pil_journal_flush(run->d.journal);
}

static void swapped(void *cookie)
{
    struct run *run = cookie;

    pil_process_judge_all(&run->d);
    pil_identity_host_swapped(&run->d);
    for (struct pil_process *p = run->d.processes.all; p; p = p->next)
        if (p->hashing)
            pil_session_hold(p);
    if (run->d.mesh)
        pil_mesh_swapped(run->d.mesh);
}

static void log_load(struct pil_daemon *d, const struct pil_store_report *report)
{
    static const char *const outcome[] = {"new", "same", "failed"};
    const struct pil_policy_image *policy = pil_store_current(d->store);
    struct pil_json *json = pil_journal_begin(d->journal, "load");

    pil_json_string(json, "outcome", outcome[report->outcome]);
    pil_json_string(json, "cause", report->cause);
    pil_json_u64(json, "generation", policy ? policy->generation : 0);
    pil_json_micros(json, "microseconds", report->took_ns);
    /* A line has room for a few; status and the command show all. */
    pil_json_list(json, "errors", report->errors.item,
                  report->errors.count < 8 ? report->errors.count : 8);
    pil_json_u64(json, "error_count", report->errors.count);
    pil_json_list(json, "warnings", report->warnings.item,
                  report->warnings.count < 4 ? report->warnings.count : 4);
    pil_journal_end(d->journal);
}

static void say_errors(struct run *run, const struct pil_store_report *report)
{
    for (size_t i = 0; i < report->errors.count; i++)
        fprintf(stderr, "policyd: %s\n", report->errors.item[i]);
    if (strcmp(run->d.settings.log, "stderr") != 0)
        for (size_t i = 0; i < report->warnings.count; i++)
            fprintf(stderr, "policyd: warning: %s\n", report->warnings.item[i]);
}

static void fail(struct run *run)
{
    run->failed = true;
    event_base_loopbreak(run->d.base);
}

/* Nobody comes in before there is a policy, so that a restart refuses nobody for want of one. A
 * private daemon without a policy helps nobody: the command that started it is told. */
static void first_load(struct run *run, const struct pil_store_report *report)
{
    run->started = true;
    if ((run->d.solo && report->outcome == PIL_RELOAD_FAILED) || pil_server_start(run->d.server)) {
        fail(run);
        return;
    }
    pil_mesh_start(run->d.mesh);
    pil_kept_restore(run->d.mesh, &run->kept);
    pil_fds_close(&run->kept);
    if (run->how->ready)
        run->how->ready(run->how->cookie);
}

static void load_done(void *cookie, const struct pil_store_report *report)
{
    struct run *run = cookie;

    log_load(&run->d, report);
    say_errors(run, report);
    pil_watch_renew(run->watch, &report->files);
    pil_control_reloaded(&run->d, report);
    if (!run->started)
        first_load(run, report);
    if (!run->failed)
        pil_notify_ready(&run->d);
}

static void files_changed(void *cookie)
{
    struct run *run = cookie;

    pil_store_reload(run->d.store, "watch");
}

/* ---- leaving ------------------------------------------------------------------------------ */

static void leave_now(void *cookie)
{
    struct run *run = cookie;

    event_base_loopbreak(run->d.base);
}

static void on_leave_due(evutil_socket_t fd, short what, void *cookie)
{
    (void)fd, (void)what;
    leave_now(cookie);
}

/* Programs that are just being started get a moment to arrive: who leaves before them ends them.
 * Told twice, it leaves at once. */
static void leave(struct run *run)
{
    struct timeval soon = {.tv_usec = LEAVE_USEC};
    bool wait = !run->leave && pil_expect_count(run->d.expect) > 0;

    if (wait)
        run->leave = event_new(run->d.base, -1, 0, on_leave_due, run);
    if (wait && run->leave && event_add(run->leave, &soon) == 0)
        pil_expect_on_empty(run->d.expect, leave_now, run);
    else
        leave_now(run);
}

/* ---- signals ------------------------------------------------------------------------------ */

static void on_signal(evutil_socket_t number, short what, void *cookie)
{
    struct run *run = cookie;

    (void)what;
    switch (number) {
    case SIGHUP:
        pil_notify_reloading();
        pil_switch_read(run->d.kill_switch, "signal", NULL);
        pil_identity_reload(run->d.identity);
        pil_store_reload(run->d.store, "signal");
        return;
    case SIGUSR1:
        pil_journal_flush(run->d.journal);
        pil_log_reopen(run->d.log);
        return;
    default:
        leave(run);
    }
}

static int add_signals(struct run *run)
{
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < PIL_NELEM(signals); i++) {
        run->signal[i] = evsignal_new(run->d.base, signals[i], on_signal, run);
        if (!run->signal[i] || event_add(run->signal[i], NULL))
            return PIL_E_NOMEM;
    }
    return PIL_OK;
}

/* ---- a private daemon --------------------------------------------------------------------- */

static void leave_if_alone(void *cookie)
{
    struct run *run = cookie;

    if (!run->solo && pil_server_sessions(run->d.server) == 0)
        event_base_loopbreak(run->d.base);
}

static void on_solo_gone(evutil_socket_t fd, short what, void *cookie)
{
    struct run *run = cookie;

    (void)fd, (void)what;
    event_free(run->solo);
    run->solo = NULL;
    leave_if_alone(run);
}

static int watch_solo(struct run *run)
{
    if (run->how->options->solo == 0)
        return PIL_OK;
    run->solo_fd = (int)syscall(SYS_pidfd_open, run->how->options->solo, 0);
    if (run->solo_fd < 0) {
        pil_diag_error(run->diag, nowhere, "--solo-pid %d: %s", (int)run->how->options->solo,
                       strerror(errno));
        return PIL_E_NOTFOUND;
    }
    run->solo = event_new(run->d.base, run->solo_fd, EV_READ, on_solo_gone, run);
    if (!run->solo || event_add(run->solo, NULL))
        return PIL_E_NOMEM;
    pil_server_on_empty(run->d.server, leave_if_alone, run);
    return PIL_OK;
}

/* ---- start and end ------------------------------------------------------------------------ */

static const char *log_problem(int err)
{
    if (err != PIL_E_SYSTEM)
        return pil_err_text(err);
    if (errno == ELOOP || errno == EMLINK)
        return "a link to a file; legal beside user is the file itself, under one name";
    return strerror(errno);
}

/* What another user will own is not looked for behind links, which that user may have made. */
static int open_log(struct run *run, const struct pil_privilege *who)
{
    const struct pil_settings *set = &run->d.settings;
    int err = pil_log_open(set->log, set->log_buffer, (enum pil_on_full)set->on_full, !who->change,
                           &run->d.log);

    if (err)
        pil_diag_error(run->diag, nowhere, "log = \"%s\": %s", set->log, log_problem(err));
    return err;
}

/* What has to be done as whoever policyd was started as. */
static int open_outside(struct run *run, struct pil_privilege *who)
{
    int err = pil_privilege_find(&run->d.settings, run->diag, who);

    if (!err)
        err = open_log(run, who);
    if (!err)
        err = pil_server_open(&run->d, &run->how->listeners, run->diag, &run->d.server);
    if (!err)
        err = pil_metrics_open(&run->d, run->diag, &run->metrics);
    if (!err && !run->how->keeper)
        err = pil_pidfile_write(run->d.settings.pidfile, run->diag);
    if (!err && who->change)
        pil_log_own(run->d.log, who->uid, who->gid);
    if (!err && who->change && !run->d.solo)
        pil_identity_host_own(&run->d.settings, who->uid, who->gid);
    run->d.control_gid = who->control_gid;
    return err;
}

static int open_inside(struct run *run)
{
    struct pil_daemon *d = &run->d;
    struct pil_store_hooks hooks = {run, before_swap, swapped, load_done};
    int err = pil_store_open(d->base, &d->settings.policy, d->settings.max_age, &hooks, &d->store);

    if (!err)
        err = pil_decider_open(&d->settings, d->store, d->log, &d->stats, &d->decider);
    if (!err)
        err = pil_journal_open(d, &d->journal);
    if (!err)
        err = pil_observer_open(d, &d->observer);
    if (!err)
        err = pil_switch_open(d, d->starter, &d->kill_switch);
    if (!err)
        err = pil_identity_host_open(d);
    if (!err)
        err = pil_expect_open(d, &d->expect);
    if (!err)
        err = pil_hasher_start(d->base, d->settings.hash_size, &d->hasher);
    if (!err)
        err = pil_log_start(d->log);
    if (!err)
        err = pil_events_start(d, &d->events);
    if (!err)
        err = pil_mesh_open(d, &d->mesh);
    if (!err && d->settings.watch)
        err = pil_watch_open(d->base, &d->settings.policy, files_changed, run, &run->watch);
    if (!err && run->metrics)
        err = pil_metrics_start(run->metrics);
    return err;
}

/* A daemon whose keeper is gone could not be found and stopped. Becoming another user forgets such
 * a wish, so it is made afterwards. */
static int end_with_keeper(const struct run *run)
{
    pid_t keeper = run->how->keeper;

    if (!keeper)
        return PIL_OK;
    return prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == keeper ? PIL_OK : PIL_E_SYSTEM;
}

static int start(struct run *run)
{
    struct pil_privilege who;
    int err = open_outside(run, &who);

    if (!err)
        err = pil_privilege_drop(&who, run->diag);
    if (!err)
        err = end_with_keeper(run);
    if (!err)
        err = open_inside(run);
    if (!err)
        err = add_signals(run);
    if (!err)
        err = watch_solo(run);
    return err;
}

static void log_life(struct pil_daemon *d, const char *event, const char *after)
{
    struct pil_json *json = pil_journal_begin(d->journal, event);

    pil_json_string(json, "version", PIL_VERSION);
    pil_json_u64(json, "pid", (uint64_t)getpid());
    pil_json_string(json, "socket", d->settings.socket);
    if (after)
        pil_json_string(json, "after", after);
    pil_journal_end(d->journal);
}

static void end(struct run *run)
{
    struct pil_daemon *d = &run->d;

    pil_watch_close(run->watch);
    pil_metrics_close(run->metrics);
    pil_expect_close(d->expect); /* before its watchers' sessions, which it tells apart by */
    d->expect = NULL;
    pil_server_close(d->server);
    pil_mesh_close(d->mesh);
    pil_fds_close(&run->kept);
    pil_events_stop(d->events);
    pil_switch_close(d->kill_switch);
    d->kill_switch = NULL;
    pil_hasher_stop(d->hasher);
    pil_identity_close(d->identity);
    d->identity = NULL;
    if (d->journal && run->started)
        log_life(d, "stop", NULL);
    pil_journal_close(d->journal);
    pil_observer_close(d->observer);
    pil_decider_close(d->decider);
    pil_store_close(d->store);
    pil_log_close(d->log);
    pil_notify_close(run->notify);
    if (run->solo)
        event_free(run->solo);
    if (run->leave)
        event_free(run->leave);
    if (run->solo_fd >= 0)
        close(run->solo_fd);
    for (size_t i = 0; i < PIL_NELEM(signals); i++)
        if (run->signal[i])
            event_free(run->signal[i]);
    if (!run->how->keeper)
        pil_pidfile_remove(d->settings.pidfile);
    pil_settings_free(&d->settings);
    event_base_free(d->base);
}

static int loop(struct run *run)
{
    pil_journal_tap_set(run->d.journal, pil_follow_line, &run->d);
    run->notify = pil_notify_open(run->d.base);
    log_life(&run->d, "start", run->how->after);
    pil_store_reload(run->d.store, "start");
    event_base_dispatch(run->d.base);
    pil_notify_stopping();
    return run->failed ? PIL_E_SYNTAX : PIL_OK;
}

/* The clock that is read most is the coarse one of the kernel; timers here are no finer. */
static struct event_base *make_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config && event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0)
        base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    return base;
}

int pil_run(struct pil_settings *settings, const struct pil_start *how)
{
    static struct run run; /* large, and one per program */
    struct timespec now;
    int err;

    clock_gettime(CLOCK_REALTIME, &now);
    run = (struct run){.how = how, .diag = how->diag, .solo_fd = -1};
    run.kept = how->kept;
    run.d.settings = *settings;
    *settings = (struct pil_settings){0};
    run.d.starter = geteuid();
    run.d.solo = how->options->solo != 0;
    run.d.stats.started_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    run.d.base = make_base();
    if (!run.d.base)
        return PIL_E_NOMEM;
    err = start(&run);
    if (!err)
        err = loop(&run);
    end(&run);
    return err;
}
