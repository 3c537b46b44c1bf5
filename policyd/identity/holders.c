#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "policyd/identity/parts.h"

#define RETRY_LOW  1000  /* milliseconds until a failed attempt is repeated ... */
#define RETRY_HIGH 30000 /* ... and at most */
#define LOOK_MS    60000 /* files are looked at as often, whatever inotify says */

static struct pil_holder *find(struct pil_identity *identity, const char *workload)
{
    struct pil_holder *h = identity->holders;

    while (h && strcmp(h->workload, workload) != 0)
        h = h->next;
    return h;
}

static struct pil_holder *find_or_make(struct pil_identity *identity, const char *workload)
{
    struct pil_holder *h = find(identity, workload);

    if (h || strlen(workload) >= sizeof(h->workload))
        return h;
    h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    strcpy(h->workload, workload);
    h->next = identity->holders;
    identity->holders = h;
    return h;
}

static void release(struct pil_holder *h)
{
    pil_svid_unref(h->svid);
    free(h);
}

void pil_holders_free(struct pil_identity *identity)
{
    while (identity->holders) {
        struct pil_holder *h = identity->holders;

        identity->holders = h->next;
        release(h);
    }
}

/* ---- making one ----------------------------------------------------------------------------- */

/* Half of what is left, a tenth earlier or later, so that many do not come at once. */
static int64_t half_life(int64_t now_ms, int64_t not_after)
{
    int64_t left = not_after * 1000 - now_ms, tenth = left / 10;
    uint32_t dice = 0;

    if (tenth > 0 && RAND_bytes((unsigned char *)&dice, sizeof(dice)) == 1)
        return now_ms + left / 2 - tenth + (int64_t)(dice % (uint64_t)(2 * tenth + 1));
    return now_ms + left / 2;
}

static int64_t retry_at(const struct pil_holder *h, int64_t now_ms)
{
    int64_t wait = h->svid ? (h->svid->not_after * 1000 - now_ms) / 16 : RETRY_LOW;

    wait = wait < RETRY_LOW ? RETRY_LOW : wait;
    return now_ms + (wait > RETRY_HIGH ? RETRY_HIGH : wait);
}

/* What lives for seconds is looked at every second. */
static int64_t look_again(const struct pil_holder *h, int64_t now_ms)
{
    int64_t wait = (h->svid->not_after * 1000 - now_ms) / 8;

    wait = wait < RETRY_LOW ? RETRY_LOW : wait;
    return now_ms + (wait > LOOK_MS ? LOOK_MS : wait);
}

static void log_svid(struct pil_identity *identity, const char *event, const struct pil_holder *h,
                     const struct pil_svid *svid)
{
    struct pil_identity_note note = {.event = event, .workload = h->workload};

    if (svid)
        note.id = svid->id, note.serial = svid->serial, note.not_before = svid->not_before,
        note.not_after = svid->not_after;
    if (h->err)
        note.problem = h->problem;
    pil_identity_log(identity, note);
}

static void take(struct pil_identity *identity, struct pil_holder *h, struct pil_svid *fresh,
                 int64_t now_ms)
{
    const struct pil_svid *gone = h->svid;

    fresh->issued_ms = now_ms;
    fresh->renew_ms = half_life(now_ms, fresh->not_after);
    h->svid = fresh;
    h->due_ms = fresh->renew_ms;
    if (gone)
        identity->stats.renewed++;
    else
        identity->stats.issued++;
    log_svid(identity, gone ? "identity-renewed" : "identity-issued", h, fresh);
    pil_svid_unref(gone);
    pil_identity_tell(identity, PIL_IDENTITY_RENEWED);
}

/* The same failure is told once. */
static void fail(struct pil_identity *identity, struct pil_holder *h, int err, const char *problem,
                 int64_t now_ms)
{
    bool told = h->err == err && strcmp(h->problem, problem) == 0;

    h->err = err;
    snprintf(h->problem, sizeof(h->problem), "%s", problem);
    h->due_ms = retry_at(h, now_ms);
    identity->stats.failed++;
    if (!told)
        log_svid(identity, "identity-failed", h, h->svid);
}

static void let_lapse(struct pil_identity *identity, struct pil_holder *h, int64_t now_ms)
{
    if (!h->svid || pil_svid_valid(h->svid, now_ms))
        return;
    identity->stats.expired++;
    log_svid(identity, "identity-expired", h, h->svid);
    pil_svid_unref(h->svid);
    h->svid = NULL;
}

static void renew(struct pil_identity *identity, struct pil_holder *h, int64_t now_ms)
{
    char problem[PIL_IDENTITY_TEXT] = "";
    struct pil_svid *fresh = NULL;
    int err = pil_identity_source(identity);

    h->tried_ms = now_ms;
    if (err)
        snprintf(problem, sizeof(problem), "%s", identity->source_problem);
    else
        err = identity->source.svid(identity->source.self, h->workload, h->svid, now_ms, &fresh,
                                    problem, sizeof(problem));
    if (!err && !pil_svid_valid(fresh, now_ms)) {
        snprintf(problem, sizeof(problem), "what the source gave is not valid now");
        pil_svid_unref(fresh);
        err = PIL_E_UNMET;
    }
    if (!identity->ca && identity->source.self) {
        /* Roots that came with it are believed before anybody presents it. */
        pil_identity_rebuild(identity);
        pil_identity_watch(identity);
    }
    if (err == PIL_E_EXISTS && h->svid) {
        h->err = PIL_OK;
        h->due_ms = look_again(h, now_ms);
    } else if (err) {
        fail(identity, h, err, problem, now_ms);
    } else {
        h->err = PIL_OK;
        take(identity, h, fresh, now_ms);
    }
    let_lapse(identity, h, now_ms);
}

/* A clock that went back to before the last attempt makes everything due. */
static bool is_due(const struct pil_holder *h, int64_t now_ms)
{
    return now_ms >= h->due_ms || now_ms < h->tried_ms ||
           (h->svid && !pil_svid_valid(h->svid, now_ms));
}

/* Makes a new one when the serial number of this one is revoked. */
static bool is_revoked(const struct pil_identity *identity, const struct pil_svid *svid)
{
    return pil_identity_revoked(identity, svid->serial, NULL);
}

static void refresh(struct pil_identity *identity, struct pil_holder *h, int64_t now_ms, bool force)
{
    if (force || is_due(h, now_ms) || (h->svid && is_revoked(identity, h->svid)))
        renew(identity, h, now_ms);
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* One that nobody asked for in its whole life, and nobody holds, is let go and not renewed. */
static bool is_idle(const struct pil_identity *identity, const struct pil_holder *h, int64_t now_ms)
{
    int64_t life = (int64_t)identity->setup.settings->identity_lifetime * 1000;

    return now_ms - h->used_ms > life && identity->setup.wanted &&
           !identity->setup.wanted(identity->setup.cookie, h->workload);
}

void pil_holders_tend(struct pil_identity *identity, bool all)
{
    int64_t now_ms = pil_identity_now(identity);

    for (struct pil_holder **at = &identity->holders, *h; (h = *at) != NULL;) {
        if (is_idle(identity, h, now_ms)) {
            *at = h->next;
            release(h);
            continue;
        }
        refresh(identity, h, now_ms, all);
        at = &h->next;
    }
}

int64_t pil_holders_due(const struct pil_identity *identity)
{
    int64_t due = INT64_MAX;

    for (const struct pil_holder *h = identity->holders; h; h = h->next)
        due = h->due_ms < due ? h->due_ms : due;
    return due;
}

/* ---- asking --------------------------------------------------------------------------------- */

static const struct pil_svid *none(struct pil_identity *identity, int *err, int why,
                                   const char *problem)
{
    snprintf(identity->problem, sizeof(identity->problem), "%s", problem);
    if (err)
        *err = why;
    return NULL;
}

const struct pil_svid *pil_identity_get(struct pil_identity *identity, const char *workload,
                                        int *err)
{
    int64_t now_ms = pil_identity_now(identity), due;
    struct pil_holder *h;

    identity->problem[0] = '\0';
    if (!identity->domain)
        return none(identity, err, PIL_E_NOTFOUND, "the policy in force names no trust_domain");
    if (!workload || !*workload)
        return none(identity, err, PIL_E_NOTFOUND, "the process belongs to no workload");
    h = find_or_make(identity, workload);
    if (!h)
        return none(identity, err, PIL_E_NOMEM, "no memory");
    h->used_ms = now_ms;
    due = h->due_ms;
    refresh(identity, h, now_ms, false);
    if (h->due_ms != due)
        pil_identity_arm(identity);
    if (!h->svid)
        return none(identity, err, h->err ? h->err : PIL_E_NOTFOUND, h->problem);
    if (pil_identity_revoked(identity, h->svid->serial, h->svid->id))
        return none(identity, err, PIL_E_PERMISSION, "its identity is revoked on this host");
    if (err)
        *err = PIL_OK;
    return pil_svid_ref(h->svid);
}

void pil_identity_expect(struct pil_identity *identity, const char *workload)
{
    if (!identity || !identity->needed)
        return;
    /* What is wrong is in the holder, and from there in health. */
    pil_svid_unref(pil_identity_get(identity, workload, NULL));
}
