/*
 * Conditions of a rule: source, hours and days, uid, calling module, peer.
 */
#include "core/eval_parts.h"

#include "core/glob.h"

#define DAY     86400
#define QUARTER 900 /* zones change their offset on these seconds and no others */

/* Local time as hours and days see it. */
struct local {
    uint32_t second;  /* of the day */
    uint32_t day;     /* 0 is Monday */
    uint32_t quarter; /* seconds until the offset could change */
};

static uint64_t floor_mod(int64_t value, int64_t by)
{
    int64_t rest = value % by;

    return (uint64_t)(rest < 0 ? rest + by : rest);
}

/* False when there is no telling: no offset for the zone, or a time beyond all calendars. */
static bool local_time(const struct pil_eval_asked *a, uint32_t zone, struct local *out)
{
    const struct pil_eval_env *env = a->env;
    int64_t now;

    if (env->zone_count != pil_layout_count(a->head, PIL_LAYOUT_ZONES) || !env->zone_offset)
        return false;
    if (__builtin_add_overflow(env->now, (int64_t)env->zone_offset[zone], &now))
        return false;
    out->second = (uint32_t)floor_mod(now, DAY);
    out->day = (uint32_t)((floor_mod(now, 7 * DAY) / DAY + 3) % 7); /* 1970 began on a Thursday */
    out->quarter = QUARTER - (uint32_t)floor_mod(env->now, QUARTER);
    return true;
}

/* Seconds from `second` to the next time the clock shows `minute`; never 0. */
static uint32_t until(uint32_t second, uint32_t minute)
{
    uint32_t edge = minute * 60 % DAY;

    return edge > second ? edge - second : edge + DAY - second;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/*
 * A verdict must not outlive the next second at which the condition, or the zone's offset, can
 * change. `now` is cut to whole seconds, so up to one of them has passed already.
 */
static void shorten(struct pil_eval_asked *a, const struct pil_layout_when *when,
                    const struct local *local)
{
    uint32_t left = smaller(local->quarter, until(local->second, 0));

    if (when->flags & PIL_LAYOUT_WHEN_HOURS) {
        left = smaller(left, until(local->second, when->low));
        left = smaller(left, until(local->second, when->high));
    }
    a->ttl_ms = smaller(a->ttl_ms, (left - 1) * 1000);
}

static bool hours_fit(const struct pil_layout_when *when, uint32_t second)
{
    uint32_t minute = second / 60;

    if (when->low <= when->high)
        return minute >= when->low && minute < when->high;
    return minute >= when->low || minute < when->high;
}

static enum pil_step time_step(const struct pil_layout_when *when, const struct local *local)
{
    if ((when->flags & PIL_LAYOUT_WHEN_HOURS) && !hours_fit(when, local->second))
        return PIL_STEP_HOURS;
    if ((when->flags & PIL_LAYOUT_WHEN_DAYS) && !(when->days >> local->day & 1))
        return PIL_STEP_DAYS;
    return PIL_STEP_MATCH;
}

static bool source_fits(const struct pil_eval_asked *a, const struct pil_layout_when *when)
{
    const struct pil_layout_prefix *prefix = pil_layout_prefixes(a->head) + when->source.first;

    for (uint32_t i = 0; i < when->source.count; i++) {
        uint64_t hi, lo;

        pil_layout_ip(&a->q->source, &hi, &lo);
        pil_layout_mask_ip(prefix[i].bits, &hi, &lo);
        if (hi == prefix[i].hi && lo == prefix[i].lo)
            return true;
    }
    return false;
}

static bool uid_fits(const struct pil_eval_asked *a, const struct pil_layout_when *when)
{
    const uint32_t *uid = pil_layout_lists(a->head) + when->uid.first;

    for (uint32_t i = 0; i < when->uid.count; i++)
        if (uid[i] == a->who->uid)
            return true;
    return false;
}

static bool caller_fits(const struct pil_eval_asked *a, const struct pil_layout_when *when)
{
    const uint32_t *glob = pil_layout_lists(a->head) + when->caller.first;

    for (uint32_t i = 0; i < when->caller.count; i++) {
        struct pil_slice pattern = pil_slice_of(pil_layout_text(a->head, glob[i]));

        if (pil_glob_match(pattern, a->q->caller, false))
            return true;
    }
    return false;
}

/* An empty peer is nobody, whom no pattern means. */
static bool peer_fits(const struct pil_eval_asked *a, const struct pil_layout_when *when)
{
    const uint32_t *glob = pil_layout_lists(a->head) + when->peers.first;

    for (uint32_t i = 0; i < when->peers.count && a->q->peer.len > 0; i++) {
        struct pil_slice pattern = pil_slice_of(pil_layout_text(a->head, glob[i]));

        if (pil_glob_match(pattern, a->q->peer, true))
            return true;
    }
    return false;
}

static enum pil_step peer_step(const struct pil_eval_asked *a, const struct pil_layout_when *when)
{
    if (!(when->flags & PIL_LAYOUT_WHEN_PEER))
        return PIL_STEP_MATCH;
    if (!(a->q->seen & PIL_FIELD_PEER))
        return PIL_STEP_LATER;
    return peer_fits(a, when) ? PIL_STEP_MATCH : PIL_STEP_PEER;
}

enum pil_step pil_eval_when(struct pil_eval_asked *a, const struct pil_layout_when *when)
{
    const unsigned timed = PIL_LAYOUT_WHEN_HOURS | PIL_LAYOUT_WHEN_DAYS;
    struct local local = {0, 0, 0};
    enum pil_step step;

    /* What cannot be seen comes first: such a rule denies whatever else it asks for. */
    if ((when->flags & PIL_LAYOUT_WHEN_SOURCE) && !(a->q->seen & PIL_FIELD_SOURCE))
        return PIL_STEP_UNSEEN;
    if ((when->flags & PIL_LAYOUT_WHEN_CALLER) && !(a->q->seen & PIL_FIELD_CALLER))
        return PIL_STEP_UNSEEN;
    if ((when->flags & PIL_LAYOUT_WHEN_PEER) && !(a->q->seen & PIL_FIELD_PEER) && !a->peer_later)
        return PIL_STEP_UNSEEN;
    if ((when->flags & timed) && !local_time(a, when->zone, &local))
        return PIL_STEP_UNSEEN;
    if ((when->flags & PIL_LAYOUT_WHEN_SOURCE) && !source_fits(a, when))
        return PIL_STEP_SOURCE;
    if (when->flags & timed) {
        shorten(a, when, &local);
        step = time_step(when, &local);
        if (step != PIL_STEP_MATCH)
            return step;
    }
    if ((when->flags & PIL_LAYOUT_WHEN_UID) && !uid_fits(a, when))
        return PIL_STEP_UID;
    if ((when->flags & PIL_LAYOUT_WHEN_CALLER) && !caller_fits(a, when))
        return PIL_STEP_CALLER;
    return peer_step(a, when);
}

bool pil_eval_name_unseen(const struct pil_query *q)
{
    return q->kind == PIL_KIND_INET && !(q->seen & PIL_FIELD_NAME) &&
           (q->action == PIL_ACTION_CONNECT || q->action == PIL_ACTION_SEND);
}
