#include "policyd/mesh/tell.h"

#include <time.h>

#include "core/err.h"
#include "core/image.h"
#include "policyd/daemon.h"
#include "policyd/identity/identity.h"
#include "policyd/journal.h"
#include "policyd/mesh/judge.h"
#include "policyd/mesh/parts.h"
#include "policyd/store.h"

#define TOLD_MAX 20u /* refused handshakes that are logged in a second */

/* True when this one is to be told; *passed_over says how many were not, since the last. */
static bool may_tell(uint64_t *passed_over)
{
    static time_t second; /* main thread only */
    static unsigned told;
    static uint64_t untold;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec != second)
        told = 0;
    second = now.tv_sec;
    if (++told > TOLD_MAX) {
        untold++;
        return false;
    }
    *passed_over = untold;
    untold = 0;
    return true;
}

static void put_addr(struct pil_json *json, const char *ip_key, const char *port_key,
                     const union pil_standin_addr *a)
{
    char text[PIL_IP_TEXT];
    struct pil_ip ip;

    if (!a)
        return;
    ip = pil_judge_ip(a);
    pil_ip_print(&ip, text);
    pil_json_string(json, ip_key, text);
    pil_json_u64(json, port_key, pil_judge_port(a));
}

static void put_peer(struct pil_json *json, const struct pil_tell *tell)
{
    const struct pil_hand_result *r = tell->result;

    if (r && r->peer[0] != '\0')
        pil_json_string(json, "peer", r->peer);
    if (r && r->serial[0] != '\0')
        pil_json_string(json, "serial", r->serial);
    if (tell->detail || (r && r->detail[0] != '\0'))
        pil_json_string(json, "detail", tell->detail ? tell->detail : r->detail);
}

static const char *role_name(unsigned role)
{
    return role == PIL_ROLE_SERVER ? "accept" : "connect";
}

void pil_tell_refused(struct pil_mesh *m, const struct pil_tell *tell)
{
    uint64_t passed_over = 0;
    struct pil_json *json;

    m->stats.refused[tell->role][tell->reason]++;
    /* The decision that denied it stands in the log with its rule. */
    if (!m->d->journal || tell->reason == PIL_TLS_DENIED || !may_tell(&passed_over))
        return;
    json = pil_journal_begin(m->d->journal, "handshake-refused");
    pil_journal_who(m->d->journal, json, &tell->owner->who);
    pil_json_string(json, "action", role_name(tell->role));
    put_addr(json, "ip", "port", tell->role == PIL_ROLE_SERVER ? tell->own : tell->other);
    if (tell->role == PIL_ROLE_SERVER)
        put_addr(json, "source", "source_port", tell->other);
    pil_json_string(json, "reason", pil_tls_reason_name(tell->reason));
    pil_json_string(json, "text", pil_tls_reason_text(tell->reason));
    put_peer(json, tell);
    pil_json_micros(json, "microseconds", tell->took_ns);
    if (passed_over)
        pil_json_u64(json, "not_told", passed_over);
    pil_journal_end(m->d->journal);
}

void pil_tell_undelegated(struct pil_mesh *m, const struct pil_owner *owner,
                          const struct pil_delegate *ask, int err)
{
    char text[PIL_IP_TEXT];
    struct pil_json *json;

    m->stats.delegate_refused++;
    if (!m->d->journal || !owner)
        return;
    pil_ip_print(&ask->query.ip, text);
    json = pil_journal_begin(m->d->journal, "delegate-refused");
    pil_journal_who(m->d->journal, json, &owner->who);
    pil_json_string(json, "ip", text);
    pil_json_u64(json, "port", ask->query.port);
    pil_json_string(json, "reason",
                    err == PIL_E_NOTFOUND || err == PIL_E_PERMISSION ? "no-identity"
                                                                     : pil_err_name(err));
    pil_json_string(json, "text", pil_err_text(err));
    if (err == PIL_E_NOTFOUND && m->d->identity)
        pil_json_string(json, "detail", pil_identity_problem(m->d->identity));
    pil_journal_end(m->d->journal);
}

static void put_rule(struct pil_mesh *m, struct pil_json *json, const struct pil_verdict *v)
{
    const struct pil_policy_image *policy = pil_store_current(m->d->store);

    pil_json_string(json, "reason", pil_reason_name(v->reason));
    if (!policy)
        return;
    pil_json_string(json, "policy", pil_image_policy_name(&policy->img, v->policy));
    pil_json_string(json, "rule", pil_image_rule_name(&policy->img, v->rule));
    pil_json_u64(json, "generation", policy->generation);
}

void pil_tell_cut(struct pil_mesh *m, const struct pil_conn *c, enum pil_cut why, const char *how,
                  const struct pil_verdict *v)
{
    uint64_t age = pil_mesh_now_ns(CLOCK_REALTIME) - c->since_ns;
    struct pil_json *json;

    if (how)
        m->stats.cut[why]++;
    else
        m->stats.cut_failed++;
    if (!m->d->journal)
        return;
    json = pil_journal_begin(m->d->journal, how ? "connection-cut" : "connection-cut-failed");
    pil_journal_who(m->d->journal, json, &c->owner->who);
    pil_json_u64(json, "connection", c->id);
    pil_json_string(json, "action", role_name(c->role));
    put_addr(json, "ip", "port", c->role == PIL_ROLE_SERVER ? &c->own : &c->other);
    if (c->role == PIL_ROLE_SERVER)
        put_addr(json, "source", "source_port", &c->other);
    pil_json_string(json, "peer", c->query.peer.len > 0 ? c->query.peer.at : "");
    pil_json_string(json, "cause", pil_cut_name(why));
    pil_json_string(json, "text", pil_cut_text(why));
    if (v)
        put_rule(m, json, v);
    if (how)
        pil_json_string(json, "by", how);
    pil_json_u64(json, "seconds", age / 1000000000u);
    pil_journal_end(m->d->journal);
}
