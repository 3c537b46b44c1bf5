#include "policyd/metrics.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/daemon.h"
#include "policyd/events.h"
#include "policyd/exposition.h"
#include "policyd/health.h"
#include "policyd/identity/identity.h"
#include "policyd/listener.h"
#include "policyd/log.h"
#include "policyd/mesh/mesh.h"
#include "policyd/server.h"
#include "policyd/store.h"
#include "policyd/switch.h"

#define SOCKETS_MAX     8u
#define HEADERS_MAX     8192
#define CONNECTIONS_MAX 64 /* about; descriptors belong to sessions */
#define OTHERS_MAX      64 /* descriptors that are neither a session's nor a connection's */
#define SECONDS         5  /* a connection that is idle longer is closed */

struct pil_metrics {
    struct pil_daemon *d;
    struct evhttp *http;
    struct evhttp_bound_socket *bound[SOCKETS_MAX];
    struct event *resume;
    int fd[SOCKETS_MAX];
    unsigned count;
};

/* ---- text --------------------------------------------------------------------------------- */

static void put_decisions(struct pil_daemon *d, const struct pil_events_sum *sum,
                          struct evbuffer *out)
{
    pil_exposition_head(out, "decisions_total", "counter",
                        "Decisions by where they were taken and their effect.");
    for (unsigned tier = PIL_TIER_PROCESS; tier < PIL_TIER_COUNT; tier++)
        for (unsigned effect = 0; effect < 3; effect++) {
            bool here = tier == PIL_TIER_HOST || tier == PIL_TIER_ENGINE;
            uint64_t value = here ? d->stats.decisions[tier][effect] : sum->decisions[tier][effect];

            evbuffer_add_printf(out, "pillion_decisions_total{tier=\"%s\",effect=\"%s\"} %llu\n",
                                pil_tier_name(tier), pil_effect_name(effect),
                                (unsigned long long)value);
        }
}

static void put_reasons(struct pil_daemon *d, const struct pil_events_sum *sum,
                        struct evbuffer *out)
{
    pil_exposition_head(out, "reasons_total", "counter", "Decisions of policyd by reason.");
    for (unsigned reason = 0; reason < PIL_REASON_COUNT; reason++)
        pil_exposition_labelled(out, "reasons_total", "reason", pil_reason_name(reason),
                                d->stats.reasons[reason]);
    pil_exposition_head(out, "failed_closed_total", "counter",
                        "Calls that processes refused because nothing had decided, by cause.");
    for (unsigned reason = PIL_REASON_UNREACHABLE; reason <= PIL_REASON_MALFORMED; reason++)
        pil_exposition_labelled(out, "failed_closed_total", "cause", pil_reason_name(reason),
                                sum->failed[reason]);
    pil_exposition_head(out, "shadow_total", "counter",
                        "Decisions that a policy in stage shadow would change.");
    for (unsigned shadow = PIL_SHADOW_WOULD_DENY; shadow <= PIL_SHADOW_WOULD_ALLOW; shadow++)
        pil_exposition_labelled(out, "shadow_total", "shadow", pil_shadow_name(shadow),
                                d->stats.shadow[shadow]);
}

static void put_latency(const struct pil_stats *stats, struct evbuffer *out)
{
    static const char *const bounds[] = {"5e-07", "1e-06",  "2.5e-06", "5e-06",
                                         "1e-05", "0.0001", "0.001",   "0.01"};
    uint64_t sum = 0;

    _Static_assert(PIL_NELEM(bounds) == PIL_LATENCY_BUCKETS, "one text per bound");
    pil_exposition_head(out, "decide_seconds", "histogram",
                        "Time a decision takes inside policyd.");
    for (unsigned i = 0; i < PIL_LATENCY_BUCKETS; i++) {
        sum += stats->latency[i];
        pil_exposition_labelled(out, "decide_seconds_bucket", "le", bounds[i], sum);
    }
    sum += stats->latency[PIL_LATENCY_BUCKETS];
    pil_exposition_labelled(out, "decide_seconds_bucket", "le", "+Inf", sum);
    evbuffer_add_printf(out, "pillion_decide_seconds_sum %.9f\npillion_decide_seconds_count %llu\n",
                        (double)stats->latency_ns / 1e9, (unsigned long long)sum);
}

static void put_switch(struct pil_daemon *d, struct evbuffer *out)
{
    enum pil_switch_mode in_force = pil_switch_mode(d->kill_switch);

    pil_exposition_head(out, "switch", "gauge",
                        "1 for the mode that the host's kill switch is in.");
    for (unsigned mode = 0; mode < PIL_SWITCH_MODES; mode++)
        pil_exposition_labelled(out, "switch", "mode", pil_switch_name(mode), mode == in_force);
}

static void put_policy(struct pil_daemon *d, struct evbuffer *out)
{
    static const char *const names[] = {"new", "same", "failed"};
    const struct pil_policy_image *policy = pil_store_current(d->store);
    struct pil_image_counts counts = {0};

    if (policy)
        pil_image_count(&policy->img, &counts);
    pil_exposition_one(out, "policy_generation", "gauge", "Generation in force; 0: none.",
                       policy ? policy->generation : 0);
    pil_exposition_one(out, "policy_rules", "gauge", "Rules of the policy in force.", counts.rules);
    pil_exposition_one(out, "policy_bytes", "gauge", "Size of its image.", counts.bytes);
    pil_exposition_one(out, "policy_age_seconds", "gauge",
                       "Time since it was last loaded or confirmed.",
                       pil_store_age_ms(d->store) / 1000);
    pil_exposition_head(out, "loads_total", "counter", "Loads of the policy by outcome.");
    for (unsigned i = 0; i < PIL_NELEM(names); i++)
        pil_exposition_labelled(out, "loads_total", "outcome", names[i],
                                pil_store_loads(d->store, i));
}

static void put_sessions(struct pil_daemon *d, const struct pil_events_sum *sum,
                         struct evbuffer *out)
{
    pil_exposition_one(out, "sessions", "gauge", "Connections that are open.",
                       d->server ? pil_server_sessions(d->server) : 0);
    pil_exposition_one(out, "processes", "gauge", "Processes that are attached.",
                       d->processes.count);
    pil_exposition_one(out, "accepted_total", "counter", "Connections that were accepted.",
                       d->stats.accepted);
    pil_exposition_one(out, "hellos_total", "counter", "Processes' links that said hello.",
                       d->stats.hellos);
    pil_exposition_head(out, "refused_total", "counter",
                        "Connections and sessions turned away, by cause.");
    for (unsigned why = 0; why < PIL_REFUSAL_COUNT; why++)
        pil_exposition_labelled(out, "refused_total", "cause", pil_stats_refusal(why),
                                d->stats.refused[why]);
    pil_exposition_one(out, "accept_pauses_total", "counter",
                       "Times accepting paused for want of descriptors.", d->stats.accept_pauses);
    pil_exposition_one(out, "reconnects_total", "counter",
                       "Links that processes had to open again.", sum->reconnects);
    pil_exposition_one(out, "ring_events_total", "counter", "Events read from processes' rings.",
                       d->stats.ring_events);
    pil_exposition_one(out, "ring_dropped_total", "counter", "Events that found their ring full.",
                       sum->dropped);
    pil_exposition_one(out, "coverage_lost_total", "counter",
                       "Programs that left Pillion's reach at exec.", d->stats.coverage_lost);
    pil_exposition_one(out, "exec_refused_total", "counter",
                       "Execs refused because they would leave its reach.", d->stats.exec_refused);
    pil_exposition_one(out, "deepbind_total", "counter",
                       "Libraries that were kept from preferring libc to hooks.",
                       d->stats.deepbind);
    pil_exposition_one(out, "confined_total", "counter",
                       "Seccomp filters that took calls from the library.", d->stats.confined);
    pil_exposition_one(out, "out_of_reach_total", "counter",
                       "Processes that went where no socket leads here.", d->stats.out_of_reach);
    pil_exposition_one(out, "tls_truncated_total", "counter",
                       "Secured connections that ended without the peer's close_notify.",
                       d->stats.tls_truncated);
    pil_exposition_one(out, "tls_broken_total", "counter",
                       "Secured connections on which a record did not hold, or may not come.",
                       d->stats.tls_broken);
    pil_exposition_one(out, "io_uring_refused_total", "counter",
                       "Rings of io_uring that were refused.", d->stats.uring_refused);
    pil_exposition_one(out, "expected_killed_total", "counter",
                       "Processes killed because no hello came.", d->stats.expected_killed);
}

static void put_identity(struct pil_daemon *d, struct evbuffer *out)
{
    struct pil_identity_stats stats = {0};

    if (d->identity)
        pil_identity_stats(d->identity, &stats);
    pil_exposition_one(out, "identities", "gauge", "Workloads that have an identity now.",
                       stats.identities);
    pil_exposition_one(out, "identity_roots", "gauge", "Roots that are believed.", stats.roots);
    pil_exposition_one(out, "identity_expiry_seconds", "gauge",
                       "When the first of them lapses, seconds since 1970; 0: there is none.",
                       (uint64_t)stats.soonest);
    pil_exposition_one(out, "identity_root_expiry_seconds", "gauge",
                       "When the own root that signs lapses, seconds since 1970; 0: there is none.",
                       (uint64_t)stats.root_until);
    pil_exposition_one(out, "identities_issued_total", "counter", "First identities of workloads.",
                       stats.issued);
    pil_exposition_one(out, "identities_renewed_total", "counter",
                       "Identities that were made anew.", stats.renewed);
    pil_exposition_one(out, "identities_failed_total", "counter",
                       "Attempts to make one that failed.", stats.failed);
    pil_exposition_one(out, "identities_expired_total", "counter",
                       "Identities that lapsed before another came.", stats.expired);
    pil_exposition_one(out, "identity_rotations_total", "counter",
                       "Steps in the rotation of the own root.", stats.rotations);
    pil_exposition_one(out, "identity_revocations", "gauge",
                       "Serial numbers and SPIFFE IDs that are revoked.", stats.revocations);
}

static void put_log(struct pil_daemon *d, struct evbuffer *out)
{
    struct pil_log_status status = {0};

    if (d->log)
        pil_log_state(d->log, &status);
    pil_exposition_one(out, "log_lines_total", "counter", "Lines written to the decision log.",
                       status.lines);
    pil_exposition_one(out, "log_bytes_total", "counter", "Bytes written to the decision log.",
                       status.bytes);
    pil_exposition_one(out, "log_dropped_total", "counter",
                       "Lines lost because it could not be written.", status.dropped);
    pil_exposition_one(out, "log_failing", "gauge", "1 while the decision log cannot be written.",
                       status.error != 0 || status.denying);
    pil_exposition_one(out, "follow_dropped_total", "counter",
                       "Lines a follower lost because it was slow.", d->stats.follow_dropped);
}

void pil_metrics_text(struct pil_daemon *d, struct evbuffer *out)
{
    struct pil_events_sum sum;
    struct pil_health health;

    pil_events_sum(d, &sum);
    pil_health_check(d, &health);
    pil_exposition_one(out, "up", "gauge", "1 while policyd is well; /healthz says why not.",
                       health.count == 0);
    put_decisions(d, &sum, out);
    put_reasons(d, &sum, out);
    put_latency(&d->stats, out);
    pil_exposition_one(out, "host_cache_hits_total", "counter",
                       "Questions the host cache answered.", d->stats.cache_hits);
    pil_exposition_one(out, "host_cache_misses_total", "counter", "Questions the engine answered.",
                       d->stats.cache_misses);
    pil_exposition_one(out, "host_cache_evictions_total", "counter", "Live entries that made room.",
                       d->stats.cache_evictions);
    put_switch(d, out);
    put_policy(d, out);
    put_sessions(d, &sum, out);
    put_identity(d, out);
    put_log(d, out);
    pil_mesh_metrics(d->mesh, out);
}

/* ---- HTTP --------------------------------------------------------------------------------- */

static void send_text(struct evhttp_request *req, int code, const char *reason,
                      struct evbuffer *body)
{
    evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type",
                      "text/plain; version=0.0.4; charset=utf-8");
    evhttp_send_reply(req, code, reason, body);
    evbuffer_free(body);
}

static void on_metrics(struct evhttp_request *req, void *cookie)
{
    struct evbuffer *body = evbuffer_new();

    if (!body) {
        evhttp_send_error(req, HTTP_INTERNAL, NULL);
        return;
    }
    pil_metrics_text(cookie, body);
    send_text(req, HTTP_OK, "OK", body);
}

static void on_health(struct evhttp_request *req, void *cookie)
{
    struct evbuffer *body = evbuffer_new();
    const struct pil_daemon *d = cookie;
    struct pil_health health;

    if (!body) {
        evhttp_send_error(req, HTTP_INTERNAL, NULL);
        return;
    }
    pil_health_check(cookie, &health);
    if (health.count == 0)
        evbuffer_add_printf(body, "ok\n");
    /* policyd is well then, but whoever looks shall see it. */
    if (pil_switch_mode(d->kill_switch) != PIL_SWITCH_ON)
        evbuffer_add_printf(body, "the switch is %s: nothing is refused\n",
                            pil_switch_name(pil_switch_mode(d->kill_switch)));
    for (unsigned i = 0; i < health.count; i++)
        evbuffer_add_printf(body, "%s: %s\n", health.reason[i].name, health.reason[i].text);
    send_text(req, health.count ? HTTP_SERVUNAVAIL : HTTP_OK, health.count ? "not well" : "OK",
              body);
}

static void on_other(struct evhttp_request *req, void *cookie)
{
    (void)cookie;
    evhttp_send_error(req, HTTP_NOTFOUND, NULL);
}

static void listen_all(struct pil_metrics *metrics, bool on)
{
    for (unsigned i = 0; i < metrics->count; i++) {
        struct evconnlistener *listener = evhttp_bound_socket_get_listener(metrics->bound[i]);

        if (on)
            evconnlistener_enable(listener);
        else
            evconnlistener_disable(listener);
    }
}

static void on_resume(evutil_socket_t fd, short what, void *cookie)
{
    (void)fd, (void)what;
    listen_all(cookie, true);
}

/* libevent tells when a connection begins and not when it ends. The lowest free descriptor tells
 * how many there are at least; when that is more than sessions explain, new ones wait a second. */
static struct bufferevent *on_connection(struct event_base *base, void *cookie)
{
    struct pil_metrics *metrics = cookie;
    struct timeval later = {.tv_sec = 1};
    unsigned sessions = metrics->d->server ? pil_server_sessions(metrics->d->server) : 0;
    int lowest = dup(STDERR_FILENO);

    (void)base;
    if (lowest >= 0)
        close(lowest);
    if (lowest < 0 ||
        (unsigned)lowest > sessions + metrics->d->processes.count + OTHERS_MAX + CONNECTIONS_MAX) {
        listen_all(metrics, false);
        event_add(metrics->resume, &later);
    }
    return NULL; /* libevent makes its own */
}

int pil_metrics_open(struct pil_daemon *d, struct pil_diag *diag, struct pil_metrics **out)
{
    const struct pil_list *names = &d->settings.metrics;
    struct pil_metrics *metrics;
    bool good = true;

    *out = NULL;
    if (names->count == 0)
        return PIL_OK;
    metrics = calloc(1, sizeof(*metrics));
    if (!metrics)
        return PIL_E_NOMEM;
    metrics->d = d;
    for (size_t i = 0; i < names->count && i < SOCKETS_MAX; i++) {
        int fd = pil_listener_http(names->item[i], diag);

        good = good && fd >= 0;
        if (fd >= 0)
            metrics->fd[metrics->count++] = fd;
    }
    if (!good) {
        pil_metrics_close(metrics);
        return PIL_E_SYSTEM;
    }
    *out = metrics;
    return PIL_OK;
}

int pil_metrics_start(struct pil_metrics *metrics)
{
    metrics->http = evhttp_new(metrics->d->base);
    metrics->resume = event_new(metrics->d->base, -1, 0, on_resume, metrics);
    if (!metrics->http || !metrics->resume)
        return PIL_E_NOMEM;
    evhttp_set_bevcb(metrics->http, on_connection, metrics);
    evhttp_set_allowed_methods(metrics->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_max_headers_size(metrics->http, HEADERS_MAX);
    evhttp_set_max_body_size(metrics->http, 0);
    evhttp_set_timeout(metrics->http, SECONDS);
    evhttp_set_cb(metrics->http, "/metrics", on_metrics, metrics->d);
    evhttp_set_cb(metrics->http, "/healthz", on_health, metrics->d);
    evhttp_set_gencb(metrics->http, on_other, NULL);
    for (unsigned i = 0; i < metrics->count; i++) {
        metrics->bound[i] = evhttp_accept_socket_with_handle(metrics->http, metrics->fd[i]);
        if (!metrics->bound[i])
            return PIL_E_SYSTEM;
        metrics->fd[i] = -1; /* libevent's from here on */
    }
    return PIL_OK;
}

void pil_metrics_close(struct pil_metrics *metrics)
{
    if (!metrics)
        return;
    if (metrics->http)
        evhttp_free(metrics->http);
    if (metrics->resume)
        event_free(metrics->resume);
    for (unsigned i = 0; i < metrics->count; i++)
        if (metrics->fd[i] >= 0)
            close(metrics->fd[i]);
    for (size_t i = 0; i < metrics->d->settings.metrics.count; i++)
        if (metrics->d->settings.metrics.item[i][0] == 'u')
            unlink(metrics->d->settings.metrics.item[i] + 5);
    free(metrics);
}
