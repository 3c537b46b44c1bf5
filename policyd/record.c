#include "policyd/record.h"

#include <errno.h>
#include <stdio.h>

#include "policyd/daemon.h"
#include "policyd/journal.h"
#include "policyd/store.h"

static const char *errno_name(int error)
{
    static const struct {
        int error;
        const char *name;
    } known[] = {
        {EACCES, "EACCES"},
        {ECONNREFUSED, "ECONNREFUSED"},
        {ETIMEDOUT, "ETIMEDOUT"},
        {ECONNABORTED, "ECONNABORTED"},
    };

    for (size_t i = 0; i < PIL_NELEM(known); i++)
        if (known[i].error == error)
            return known[i].name;
    return NULL;
}

static void put_id(const struct pil_daemon *d, const struct pil_note *note, struct pil_json *j)
{
    char id[48];

    /* The start time makes it unique across restarts. */
    snprintf(id, sizeof(id), "%llx-%llx", (unsigned long long)(d->stats.started_ns / 1000000u),
             (unsigned long long)note->id);
    pil_json_string(j, "id", id);
}

static void put_who(const struct pil_daemon *d, const struct pil_note *note, struct pil_json *j)
{
    pil_json_string(j, "workload", note->who ? pil_process_workload(d, note->who) : "");
    pil_json_u64(j, "pid", note->who ? (uint64_t)note->who->pid : 0);
    if (note->tid)
        pil_json_u64(j, "tid", note->tid);
    pil_json_u64(j, "uid", note->who ? note->who->uid : 0);
    pil_json_string(j, "exe", note->who ? note->who->exe : NULL);
}

static void put_where(const struct pil_note *note, struct pil_json *j)
{
    char text[PIL_NAME_MAX + PIL_IP_TEXT + 32], ip[PIL_IP_TEXT];
    struct pil_query q = note->query;
    struct pil_text resource;

    q.name = (struct pil_slice){note->name, note->name_len};
    pil_text_init(&resource, text, sizeof(text));
    pil_query_print(&q, &resource);
    pil_json_string(j, "action", pil_action_name(q.action));
    pil_json_text(j, "resource", (struct pil_slice){text, resource.len});
    if (q.kind != PIL_KIND_UNIX && q.name.len > 0)
        pil_json_text(j, "name", q.name);
    if (q.kind == PIL_KIND_INET) {
        pil_json_text(j, "address", (struct pil_slice){ip, pil_ip_print(&q.ip, ip)});
        pil_json_u64(j, "port", q.port);
    }
    if (q.seen & PIL_FIELD_SOURCE)
        pil_json_text(j, "source", (struct pil_slice){ip, pil_ip_print(&q.source, ip)});
    if (q.seen & PIL_FIELD_CALLER)
        pil_json_text(j, "caller", (struct pil_slice){note->caller, note->caller_len});
    if (q.seen & PIL_FIELD_PEER)
        pil_json_text(j, "peer", (struct pil_slice){note->peer, note->peer_len});
}

/* Policy, rule and place, or nulls where nothing of that name is known. */
static void put_decider(const struct pil_policy_image *image, const struct pil_verdict *v,
                        struct pil_json *j)
{
    struct pil_place place = {NULL, 0};
    bool rule = image && v->rule != PIL_NO_INDEX, policy = image && v->policy != PIL_NO_INDEX;

    if (rule)
        place = pil_image_rule_place(&image->img, v->rule);
    else if (policy)
        place = pil_image_policy_place(&image->img, v->policy);
    else if (image &&
             (v->reason == PIL_REASON_DEFAULT_ALLOW || v->reason == PIL_REASON_DEFAULT_DENY))
        place = pil_image_default_place(&image->img);
    pil_json_string(j, "policy", policy ? pil_image_policy_name(&image->img, v->policy) : NULL);
    pil_json_string(j, "rule", rule ? pil_image_rule_name(&image->img, v->rule) : NULL);
    pil_json_string(j, "file", place.file && place.file[0] != '\0' ? place.file : NULL);
    pil_json_u64(j, "line", place.line);
    pil_json_u64(j, "version", policy ? pil_image_policy_version(&image->img, v->policy) : 0);
}

static void put_shadow(const struct pil_policy_image *image, const struct pil_verdict *v,
                       struct pil_json *j)
{
    pil_json_string(j, "shadow", pil_shadow_name(v->shadow));
    if (v->shadow == PIL_SHADOW_NONE)
        return;
    pil_json_string(j, "shadow_policy",
                    image && v->shadow_policy != PIL_NO_INDEX
                        ? pil_image_policy_name(&image->img, v->shadow_policy)
                        : NULL);
    pil_json_string(j, "shadow_rule",
                    image && v->shadow_rule != PIL_NO_INDEX
                        ? pil_image_rule_name(&image->img, v->shadow_rule)
                        : NULL);
}

size_t pil_record_decision(const struct pil_daemon *d, const struct pil_note *note, char *out,
                           size_t cap)
{
    const struct pil_verdict *v = &note->verdict;
    const struct pil_policy_image *image = pil_store_of(d->store, v->generation);
    struct pil_json j;

    pil_json_begin(&j, out, cap);
    pil_json_time(&j, "time", note->realtime_ns);
    put_id(d, note, &j);
    put_who(d, note, &j);
    put_where(note, &j);
    pil_json_string(&j, "verdict", pil_effect_name(v->effect));
    pil_json_string(&j, "reason", pil_reason_name(v->reason));
    put_shadow(image, v, &j);
    put_decider(image, v, &j);
    pil_json_u64(&j, "generation", v->generation);
    pil_json_string(&j, "tier", pil_tier_name(v->tier));
    pil_json_micros(&j, "microseconds", note->elapsed_ns);
    pil_json_string(&j, "errno", errno_name(note->error));
    return pil_json_end(&j);
}
