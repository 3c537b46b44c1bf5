#include "policyd/decide.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conf/policy.h"
#include "conf/settings.h"
#include "core/err.h"
#include "core/eval.h"
#include "policyd/cache.h"
#include "policyd/log.h"
#include "policyd/stats.h"
#include "policyd/store.h"

#define ZONES_MAX 256u /* zones of one policy whose offsets are kept; more: times are unseen */

struct pil_decider {
    const struct pil_settings *settings;
    struct pil_store *store;
    const struct pil_log *log;
    struct pil_stats *stats;
    struct pil_cache *cache;
    uint8_t bucket;
    enum pil_switch_mode mode; /* the host's kill switch */
    /* Offsets of the zones of one generation in one minute; zones change on whole minutes. */
    int32_t zone[ZONES_MAX];
    uint32_t zones;
    uint64_t zone_generation;
    int64_t zone_minute;
};

/* The host's id for rollouts: the setting, else systemd's. */
static uint8_t host_bucket(const struct pil_settings *settings)
{
    char id[64] = "";
    int fd;

    if (settings->host_id[0] != '\0')
        return (uint8_t)pil_host_bucket(settings->host_id);
    fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t got = read(fd, id, sizeof(id) - 1);

        id[got > 0 ? got : 0] = '\0';
        id[strcspn(id, "\n")] = '\0';
        close(fd);
    }
    return (uint8_t)pil_host_bucket(id);
}

int pil_decider_open(const struct pil_settings *settings, struct pil_store *store,
                     const struct pil_log *log, struct pil_stats *stats, struct pil_decider **out)
{
    struct pil_decider *d = calloc(1, sizeof(*d));

    if (!d)
        return PIL_E_NOMEM;
    *d = (struct pil_decider){.settings = settings, .store = store, .log = log, .stats = stats};
    if (pil_cache_open(settings->host_cache, &d->cache)) {
        free(d);
        return PIL_E_NOMEM;
    }
    d->bucket = host_bucket(settings);
    *out = d;
    return PIL_OK;
}

void pil_decider_close(struct pil_decider *d)
{
    if (!d)
        return;
    pil_cache_close(d->cache);
    free(d);
}

/* Without offsets the engine treats time conditions as unseen, which never allows. */
static void refresh_zones(struct pil_decider *d, const struct pil_policy_image *policy, int64_t now)
{
    uint32_t zones = pil_image_zones(&policy->img);

    if (d->zone_generation == policy->generation && d->zone_minute == now / 60)
        return;
    d->zone_generation = policy->generation;
    d->zone_minute = now / 60;
    d->zones = 0;
    if (zones <= ZONES_MAX &&
        (zones == 0 || pil_zone_offsets(&policy->img, now, d->zone) == PIL_OK))
        d->zones = zones;
}

static void refuse(struct pil_verdict *out, enum pil_reason reason)
{
    *out = (struct pil_verdict){
        .effect = PIL_DENY,
        .reason = (uint8_t)reason,
        .tier = PIL_TIER_ENGINE,
        .rule = PIL_NO_INDEX,
        .policy = PIL_NO_INDEX,
        .shadow_rule = PIL_NO_INDEX,
        .shadow_policy = PIL_NO_INDEX,
    };
}

static void evaluate(struct pil_decider *d, const struct pil_policy_image *policy,
                     const struct pil_subject *who, const struct pil_query *q, uint32_t ttl_ms,
                     struct pil_verdict *out)
{
    struct timespec now;
    struct pil_eval_env env;

    clock_gettime(CLOCK_REALTIME, &now);
    refresh_zones(d, policy, now.tv_sec);
    env = (struct pil_eval_env){
        .now = now.tv_sec,
        .zone_offset = d->zone,
        .zone_count = d->zones,
        .host_bucket = d->bucket,
        .ttl_ms = ttl_ms,
    };
    pil_eval(&policy->img, who, q, &env, out);
    out->generation = policy->generation;
    out->tier = PIL_TIER_ENGINE;
}

static void look_up(struct pil_decider *d, const struct pil_policy_image *policy,
                    const struct pil_subject *who, const struct pil_query *q, uint32_t left,
                    struct pil_verdict *out)
{
    uint32_t ttl = d->settings->verdict_ttl < left ? d->settings->verdict_ttl : left;
    struct timespec now;
    uint64_t now_ms;

    clock_gettime(CLOCK_BOOTTIME, &now);
    now_ms = (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
    if (pil_cache_get(d->cache, who, q, policy->generation, now_ms, out)) {
        out->tier = PIL_TIER_HOST;
        out->ttl_ms = out->ttl_ms < ttl ? out->ttl_ms : ttl;
        d->stats->cache_hits++;
        return;
    }
    evaluate(d, policy, who, q, ttl, out);
    d->stats->cache_misses++;
    d->stats->cache_evictions += pil_cache_put(d->cache, who, q, now_ms, out);
}

/* What policy says, or why it cannot say anything. */
static void ask_policy(struct pil_decider *d, const struct pil_subject *who,
                       const struct pil_query *q, struct pil_verdict *out)
{
    const struct pil_policy_image *policy = pil_store_current(d->store);
    uint32_t left = pil_store_left(d->store);

    if (!policy)
        refuse(out, PIL_REASON_NO_POLICY);
    else if (left == 0)
        refuse(out, PIL_REASON_POLICY_STALE);
    else if (d->log && pil_log_denies(d->log))
        refuse(out, PIL_REASON_LOG_FULL);
    else
        look_up(d, policy, who, q, left, out);
}

void pil_decider_switch(struct pil_decider *d, enum pil_switch_mode mode)
{
    d->mode = mode;
}

/* In shadow what would have been refused stands beside the allow. Encryption is no refusal: it is
 * how the other end expects to be spoken to, and goes on until the switch is off. */
static void let_through(const struct pil_decider *d, struct pil_verdict *out)
{
    struct pil_verdict would = *out;

    *out = (struct pil_verdict){
        .effect = PIL_ALLOW,
        .reason = PIL_REASON_SWITCHED,
        .shadow = d->mode == PIL_SWITCH_SHADOW ? PIL_SHADOW_WOULD_DENY : PIL_SHADOW_NONE,
        .encrypt = would.encrypt,
        .tier = would.tier,
        .rule = PIL_NO_INDEX,
        .policy = PIL_NO_INDEX,
        .shadow_rule = would.rule,
        .shadow_policy = would.policy,
        .shadow_reason = would.reason,
        .ttl_ms = d->settings->verdict_ttl,
    };
}

void pil_decide(struct pil_decider *d, const struct pil_subject *who, const struct pil_query *q,
                struct pil_verdict *out)
{
    if (d->mode == PIL_SWITCH_OFF)
        refuse(out, PIL_REASON_SWITCHED);
    else
        ask_policy(d, who, q, out);
    if (d->mode != PIL_SWITCH_ON && out->effect != PIL_ALLOW)
        let_through(d, out);
    out->generation = pil_store_generation(d->store);
    if (q->flags & PIL_QUERY_AHEAD)
        return;
    d->stats->decisions[out->tier][out->effect]++;
    d->stats->reasons[out->reason]++;
    d->stats->shadow[out->shadow]++;
}
