#include "policyd/report.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "core/wire.h"
#include "policyd/daemon.h"
#include "policyd/events.h"
#include "policyd/health.h"
#include "policyd/log.h"
#include "policyd/mesh/mesh.h"
#include "policyd/server.h"
#include "policyd/store.h"
#include "policyd/switch.h"

/* Bytes of a path that are no UTF-8 are shown as "?": JSON has no other way to say them. */
static json_t *text(const char *value)
{
    json_t *json = json_string(value ? value : "");
    char copy[4200];

    if (json)
        return json;
    snprintf(copy, sizeof(copy), "%s", value);
    for (char *at = copy; *at; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    return json_string(copy);
}

static void put(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value);
}

static void put_u64(json_t *object, const char *key, uint64_t value)
{
    put(object, key, json_integer((json_int_t)value));
}

static json_t *time_text(uint64_t realtime_ns)
{
    time_t seconds = (time_t)(realtime_ns / 1000000000u);
    struct tm utc;
    char out[48];

    if (realtime_ns == 0 || !gmtime_r(&seconds, &utc))
        return json_null();
    strftime(out, sizeof(out), "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(out);
}

static json_t *list(const struct pil_list *from)
{
    json_t *out = json_array();

    for (size_t i = 0; i < from->count; i++)
        json_array_append_new(out, text(from->item[i]));
    return out;
}

static const char *outcome_name(const struct pil_store_report *report)
{
    static const char *const names[] = {"new", "same", "failed"};

    return report->at_ns ? names[report->outcome] : "none";
}

json_t *pil_report_load(struct pil_daemon *d, const struct pil_store_report *report)
{
    const struct pil_policy_image *policy = pil_store_current(d->store);
    json_t *out = json_object();

    put(out, "outcome", json_string(outcome_name(report)));
    put(out, "cause", json_string(report->cause ? report->cause : "none"));
    put(out, "time", time_text(report->at_ns));
    put_u64(out, "milliseconds", report->took_ns / 1000000u);
    put_u64(out, "generation", policy ? policy->generation : 0);
    put(out, "errors", list(&report->errors));
    put(out, "warnings", list(&report->warnings));
    return out;
}

json_t *pil_report_image(const struct pil_policy_image *policy)
{
    struct pil_image_counts counts;
    json_t *out = json_object();
    char digest[20];

    pil_image_count(&policy->img, &counts);
    snprintf(digest, sizeof(digest), "%016llx", (unsigned long long)counts.digest);
    put_u64(out, "generation", policy->generation);
    put(out, "digest", json_string(digest));
    put_u64(out, "bytes", policy->len);
    put(out, "loaded", time_text(policy->loaded_ns));
    put_u64(out, "workloads", counts.workloads);
    put_u64(out, "roles", counts.roles);
    put_u64(out, "services", counts.services);
    put_u64(out, "policies", counts.policies);
    put_u64(out, "rules", counts.rules);
    return out;
}

static json_t *policy_state(struct pil_daemon *d)
{
    const struct pil_policy_image *policy = pil_store_current(d->store);
    json_t *out = policy ? pil_report_image(policy) : json_object();

    put(out, "present", json_boolean(policy != NULL));
    put_u64(out, "age_seconds", pil_store_age_ms(d->store) / 1000);
    put_u64(out, "max_age_seconds", d->settings.max_age / 1000);
    put(out, "stale", json_boolean(policy && pil_store_left(d->store) == 0));
    put(out, "paths", list(&d->settings.policy));
    return out;
}

static json_t *health(struct pil_daemon *d)
{
    struct pil_health state;
    json_t *out = json_object(), *reasons = json_array();

    pil_health_check(d, &state);
    for (unsigned i = 0; i < state.count; i++) {
        json_t *one = json_object();

        put(one, "name", json_string(state.reason[i].name));
        put(one, "text", text(state.reason[i].text));
        json_array_append_new(reasons, one);
    }
    put(out, "ok", json_boolean(state.count == 0));
    put(out, "reasons", reasons);
    return out;
}

static json_t *log_state(struct pil_daemon *d)
{
    static const char *const on_full[] = {"drop", "block", "deny"};
    struct pil_log_status status = {0};
    json_t *out = json_object();

    if (d->log)
        pil_log_state(d->log, &status);
    put(out, "path", text(d->settings.log));
    put(out, "on_full", json_string(on_full[d->settings.on_full]));
    put_u64(out, "lines", status.lines);
    put_u64(out, "dropped", status.dropped);
    put_u64(out, "waiting_bytes", status.waiting);
    put_u64(out, "error", (uint64_t)status.error);
    return out;
}

/* Of the processes' tiers the rings know, of the others policyd itself. */
static json_t *decisions(struct pil_daemon *d)
{
    struct pil_events_sum sum;
    json_t *out = json_object();

    pil_events_sum(d, &sum);
    for (unsigned tier = PIL_TIER_PROCESS; tier < PIL_TIER_COUNT; tier++) {
        bool here = tier == PIL_TIER_HOST || tier == PIL_TIER_ENGINE;
        const uint64_t *from = here ? d->stats.decisions[tier] : sum.decisions[tier];
        json_t *one = json_object();

        for (unsigned effect = 0; effect < 3; effect++)
            put_u64(one, pil_effect_name(effect), from[effect]);
        put(out, pil_tier_name(tier), one);
    }
    return out;
}

json_t *pil_report_status(struct pil_daemon *d)
{
    json_t *out = json_object();

    put(out, "version", json_string(PIL_VERSION));
    put_u64(out, "pid", (uint64_t)getpid());
    put(out, "started", time_text(d->stats.started_ns));
    put(out, "socket", text(d->settings.socket));
    put(out, "abstract", text(d->settings.abstract));
    put(out, "health", health(d));
    put(out, "switch", pil_switch_report(d->kill_switch));
    put(out, "policy", policy_state(d));
    put(out, "load", pil_report_load(d, pil_store_last(d->store)));
    put_u64(out, "sessions", d->server ? pil_server_sessions(d->server) : 0);
    put_u64(out, "processes", d->processes.count);
    put(out, "decisions", decisions(d));
    put(out, "log", log_state(d));
    put(out, "mesh", pil_mesh_report(d->mesh));
    put_u64(out, "verdict_ttl_ms", d->settings.verdict_ttl);
    put_u64(out, "deadline_ms", d->settings.deadline);
    return out;
}

static json_t *coverage(const struct pil_process *p)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } gaps[] = {
        {PIL_HELLO_SECURE, "secure-exec"},
        {PIL_HELLO_STUB_MOVED, "stub-moved"},
        {PIL_PROCESS_CONFINED, "confined"},
        {PIL_PROCESS_OUT_OF_REACH, "out-of-reach"},
    };
    json_t *out = json_array();

    for (size_t i = 0; i < PIL_NELEM(gaps); i++)
        if (p->flags & gaps[i].flag)
            json_array_append_new(out, json_string(gaps[i].name));
    return out;
}

static json_t *one_process(struct pil_daemon *d, const struct pil_process *p)
{
    json_t *out = json_object();

    put_u64(out, "pid", (uint64_t)p->pid);
    put_u64(out, "uid", p->uid);
    put_u64(out, "gid", p->gid);
    put(out, "user", text(p->user));
    put(out, "exe", text(p->exe));
    put(out, "class", text(p->class ? p->class->title : NULL));
    put(out, "unit", text(p->unit));
    put(out, "cgroup", text(p->cgroup));
    put(out, "sha256", text(p->sha256));
    put(out, "workload", text(pil_process_workload(d, p)));
    put(out, "state", json_string(p->hashing ? "hashing" : "attached"));
    put_u64(out, "links", p->links);
    put(out, "since", time_text(p->since_ns));
    put(out, "forked", json_boolean(p->flags & PIL_HELLO_FORKED));
    put(out, "gaps", coverage(p));
    put_u64(out, "decisions", p->decisions);
    put_u64(out, "denials", p->denials);
    return out;
}

json_t *pil_report_processes(struct pil_daemon *d)
{
    json_t *out = json_object(), *all = json_array();

    for (struct pil_process *p = d->processes.all; p; p = p->next)
        json_array_append_new(all, one_process(d, p));
    put(out, "processes", all);
    return out;
}
