/* What status, the verb `connections` and metrics say of secured connections. */
#include <event2/buffer.h>
#include <stdio.h>
#include <time.h>

#include "policyd/exposition.h"
#include "policyd/mesh/judge.h"
#include "policyd/mesh/listener.h"
#include "policyd/mesh/mesh.h"
#include "policyd/mesh/parts.h"
#include "policyd/mesh/relay.h"

static const char *const roles[] = {"connect", "accept"}; /* by enum pil_tls_role */

/* ---- JSON ----------------------------------------------------------------------------------- */

static void put(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value);
}

static void put_u64(json_t *object, const char *key, uint64_t value)
{
    put(object, key, json_integer((json_int_t)value));
}

static void put_text(json_t *object, const char *key, const char *value)
{
    json_t *text = json_string(value ? value : "");

    put(object, key, text ? text : json_string("?")); /* not UTF-8 */
}

static void put_addr(json_t *object, const char *key, const union pil_standin_addr *a)
{
    struct pil_ip ip = pil_judge_ip(a);
    char text[PIL_IP_TEXT], whole[PIL_IP_TEXT + 10];

    pil_ip_print(&ip, text);
    snprintf(whole, sizeof(whole), pil_ip_is_v4(&ip) ? "%s:%u" : "[%s]:%u", text,
             pil_judge_port(a));
    put_text(object, key, whole);
}

static void put_time(json_t *object, const char *key, int64_t seconds)
{
    time_t at = (time_t)seconds;
    struct tm utc;
    char text[48];

    if (seconds == 0 || !gmtime_r(&at, &utc)) {
        put(object, key, json_null());
        return;
    }
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
    put_text(object, key, text);
}

static json_t *one_listener(const struct pil_listener *l)
{
    json_t *out = json_object();

    put_u64(out, "id", l->id);
    put_u64(out, "pid", (uint64_t)l->owner->who.pid);
    put_text(out, "workload", pil_owner_workload(l->owner));
    put_addr(out, "address", &l->own);
    put_text(out, "encrypt", pil_encrypt_name(l->mode));
    put_u64(out, "under_way", l->under_way);
    put_u64(out, "accepted", l->accepted);
    put_u64(out, "delivered", l->delivered);
    put_u64(out, "refused", l->refused);
    put(out, "kept", json_boolean(l->kept));
    return out;
}

static json_t *handshakes(const struct pil_mesh *m, unsigned role)
{
    const struct pil_mesh_stats *s = &m->stats;
    json_t *out = json_object(), *refused = json_object();

    put_u64(out, "good", s->good[role]);
    put_u64(out, "resumed", s->resumed[role]);
    put_u64(out, "plain", s->plain[role]);
    for (unsigned i = 0; i < PIL_TLS_REASON_COUNT; i++)
        if (s->refused[role][i] > 0)
            put_u64(refused, pil_tls_reason_name(i), s->refused[role][i]);
    put(out, "refused", refused);
    return out;
}

static json_t *paths(const struct pil_mesh *m)
{
    json_t *out = json_object();

    for (unsigned path = PIL_PATH_PLAIN; path < PIL_PATH_COUNT; path++) {
        json_t *one = json_object();

        put_u64(one, "standing", m->conns.by_path[path]);
        put_u64(one, "opened", m->stats.opened[path]);
        put(out, pil_path_name(path), one);
    }
    return out;
}

static json_t *cuts(const struct pil_mesh *m)
{
    json_t *out = json_object();

    for (unsigned why = 0; why < PIL_CUT_COUNT; why++)
        put_u64(out, pil_cut_name((enum pil_cut)why), m->stats.cut[why]);
    put_u64(out, "failed", m->stats.cut_failed);
    return out;
}

json_t *pil_mesh_report(struct pil_mesh *m)
{
    json_t *out, *all;

    if (!m)
        return json_null();
    out = json_object();
    all = json_array();
    for (const struct pil_listener *l = m->listeners; l; l = l->next)
        json_array_append_new(all, one_listener(l));
    put(out, "listeners", all);
    put_u64(out, "handshaking", m->accepting + m->connecting);
    for (unsigned role = 0; role < PIL_NELEM(roles); role++)
        put(out, roles[role], handshakes(m, role));
    put(out, "paths", paths(m));
    put_u64(out, "demoted", m->stats.demoted);
    put(out, "cut", cuts(m));
    return out;
}

static json_t *one_connection(const struct pil_conn *c)
{
    json_t *out = json_object();
    uint64_t in, from;

    put_u64(out, "id", c->id);
    put_u64(out, "pid", (uint64_t)c->owner->who.pid);
    put_text(out, "workload", pil_owner_workload(c->owner));
    put_text(out, "action", roles[c->role]);
    put_addr(out, "own", &c->own);
    put_addr(out, "other", &c->other);
    put_text(out, "peer", c->query.peer.at);
    put_text(out, "serial", c->serial);
    put_time(out, "expires", c->not_after);
    put_text(out, "path", pil_path_name(c->path));
    put_u64(out, "suite", c->suite);
    put(out, "mesh", json_boolean(c->mesh));
    put(out, "resumed", json_boolean(c->resumed));
    put_time(out, "since", (int64_t)(c->since_ns / 1000000000u));
    put_u64(out, "generation", c->generation);
    if (!c->relay)
        return out;
    pil_relay_bytes(c->relay, &in, &from);
    put_u64(out, "bytes_in", in);
    put_u64(out, "bytes_out", from);
    return out;
}

json_t *pil_mesh_connections(struct pil_mesh *m)
{
    json_t *out = json_object(), *all = json_array();

    for (const struct pil_conn *c = m ? m->conns.all : NULL; c; c = c->next)
        json_array_append_new(all, one_connection(c));
    put(out, "connections", all);
    return out;
}

/* ---- metrics -------------------------------------------------------------------------------- */

static void put_handshakes(const struct pil_mesh_stats *s, struct evbuffer *out)
{
    static const char name[] = "handshakes_total";

    pil_exposition_head(out, name, "counter",
                        "Connections that were secured or let through, by outcome.");
    for (unsigned role = 0; role < PIL_NELEM(roles); role++) {
        const struct {
            const char *outcome;
            uint64_t count;
        } rows[] = {
            {"full", s->good[role] - s->resumed[role]},
            {"resumed", s->resumed[role]},
            {"plain", s->plain[role]},
        };

        for (size_t i = 0; i < PIL_NELEM(rows); i++)
            evbuffer_add_printf(out, "pillion_%s{action=\"%s\",outcome=\"%s\"} %llu\n", name,
                                roles[role], rows[i].outcome, (unsigned long long)rows[i].count);
    }
}

static void put_refused(const struct pil_mesh_stats *s, struct evbuffer *out)
{
    pil_exposition_head(out, "handshakes_refused_total", "counter",
                        "Connections that were refused, by reason.");
    for (unsigned role = 0; role < PIL_NELEM(roles); role++)
        for (unsigned i = PIL_TLS_NONE + 1; i < PIL_TLS_REASON_COUNT; i++)
            evbuffer_add_printf(
                out, "pillion_handshakes_refused_total{action=\"%s\",reason=\"%s\"} %llu\n",
                roles[role], pil_tls_reason_name(i), (unsigned long long)s->refused[role][i]);
}

static void put_seconds(const struct pil_mesh_stats *s, struct evbuffer *out)
{
    static const char *const bounds[] = {"0.0005", "0.001", "0.0025", "0.01", "0.1", "1"};
    uint64_t sum = 0;

    _Static_assert(PIL_NELEM(bounds) == PIL_HAND_BUCKETS, "one text per bound");
    pil_exposition_head(out, "handshake_seconds", "histogram",
                        "Time from the connection to its program.");
    for (unsigned i = 0; i < PIL_HAND_BUCKETS; i++) {
        sum += s->took[i];
        pil_exposition_labelled(out, "handshake_seconds_bucket", "le", bounds[i], sum);
    }
    sum += s->took[PIL_HAND_BUCKETS];
    pil_exposition_labelled(out, "handshake_seconds_bucket", "le", "+Inf", sum);
    evbuffer_add_printf(out,
                        "pillion_handshake_seconds_sum %.9f\npillion_handshake_seconds_count "
                        "%llu\n",
                        (double)s->took_ns / 1e9, (unsigned long long)sum);
}

static void put_paths(const struct pil_mesh *m, struct evbuffer *out)
{
    pil_exposition_head(out, "connections", "gauge",
                        "Connections that stand, by the path of their bytes.");
    for (unsigned path = PIL_PATH_PLAIN; path < PIL_PATH_COUNT; path++)
        pil_exposition_labelled(out, "connections", "path", pil_path_name(path),
                                m->conns.by_path[path]);
    pil_exposition_head(out, "connections_total", "counter", "Connections that took a path.");
    for (unsigned path = PIL_PATH_PLAIN; path < PIL_PATH_COUNT; path++)
        pil_exposition_labelled(out, "connections_total", "path", pil_path_name(path),
                                m->stats.opened[path]);
}

static void put_relays(const struct pil_mesh *m, struct evbuffer *out)
{
    uint64_t in = m->stats.relayed_in, from = m->stats.relayed_out;

    for (const struct pil_conn *c = m->conns.all; c; c = c->next) {
        uint64_t one_in, one_out;

        if (!c->relay)
            continue;
        pil_relay_bytes(c->relay, &one_in, &one_out);
        in += one_in;
        from += one_out;
    }
    pil_exposition_head(out, "relay_bytes_total", "counter", "Bytes of text through relays.");
    pil_exposition_labelled(out, "relay_bytes_total", "direction", "in", in);
    pil_exposition_labelled(out, "relay_bytes_total", "direction", "out", from);
}

static void put_cuts(const struct pil_mesh_stats *s, struct evbuffer *out)
{
    pil_exposition_head(out, "connections_cut_total", "counter",
                        "Standing connections that were ended, by cause.");
    for (unsigned why = 0; why < PIL_CUT_COUNT; why++)
        pil_exposition_labelled(out, "connections_cut_total", "cause",
                                pil_cut_name((enum pil_cut)why), s->cut[why]);
    pil_exposition_one(out, "connections_cut_failed_total", "counter",
                       "Those that could not be ended.", s->cut_failed);
}

void pil_mesh_metrics(struct pil_mesh *m, struct evbuffer *out)
{
    if (!m)
        return;
    pil_exposition_one(out, "delegated_listeners", "gauge",
                       "Listening sockets that programs have delegated.", m->listening);
    pil_exposition_one(out, "delegate_refused_total", "counter",
                       "Listening sockets that were not taken over.", m->stats.delegate_refused);
    pil_exposition_one(out, "handshakes_under_way", "gauge", "Connections that are being secured.",
                       m->accepting + m->connecting);
    put_handshakes(&m->stats, out);
    put_refused(&m->stats, out);
    put_seconds(&m->stats, out);
    put_paths(m, out);
    put_relays(m, out);
    pil_exposition_one(out, "demoted_total", "counter",
                       "Connections that became relays while they stood.", m->stats.demoted);
    put_cuts(&m->stats, out);
}
