#include "policyd/identity/identity.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/identity/alarm.h"
#include "policyd/identity/cert.h"
#include "policyd/identity/files.h"
#include "policyd/identity/keep.h"
#include "policyd/identity/keys.h"
#include "policyd/identity/parts.h"
#include "policyd/watch.h"

#define RETRY_MS 1000    /* a source that cannot be opened is tried again */
#define TEND_MS  3600000 /* roots are looked after at least as often */

int64_t pil_identity_now(const struct pil_identity *identity)
{
    struct timespec t;

    if (identity->setup.now_ms)
        return identity->setup.now_ms();
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void pil_identity_tell(struct pil_identity *identity, unsigned changes)
{
    if (identity->changed)
        identity->changed(identity->changed_cookie, changes);
}

void pil_identity_on_change(struct pil_identity *identity,
                            void (*call)(void *cookie, unsigned changes), void *cookie)
{
    identity->changed = call;
    identity->changed_cookie = cookie;
}

void pil_identity_log(struct pil_identity *identity, struct pil_identity_note note)
{
    note.now = pil_identity_now(identity) / 1000;
    if (identity->setup.note)
        identity->setup.note(identity->setup.cookie, &note);
}

const char *pil_identity_problem(const struct pil_identity *identity)
{
    return identity->problem;
}

/* ---- the bundle ----------------------------------------------------------------------------- */

static int by_digest(const X509 *const *a, const X509 *const *b)
{
    return X509_cmp(*a, *b);
}

/* Every root that is believed, each once, in an order that does not depend on where it came from.
 */
static STACK_OF(X509) * all_roots(struct pil_identity *identity)
{
    STACK_OF(X509) *all = sk_X509_new(by_digest);
    int err = all ? identity->source.roots(identity->source.self, all) : PIL_E_NOMEM;

    for (size_t i = 0; !err && i < identity->trust.count; i++) {
        STACK_OF(X509) *some = identity->trust.file[i].roots;

        for (int n = 0; !err && some && n < sk_X509_num(some); n++)
            if (X509_add_cert(all, sk_X509_value(some, n), X509_ADD_FLAG_UP_REF) != 1)
                err = PIL_E_NOMEM;
    }
    if (err) {
        sk_X509_pop_free(all, X509_free);
        return NULL;
    }
    sk_X509_sort(all);
    for (int i = sk_X509_num(all) - 1; i > 0; i--)
        if (X509_cmp(sk_X509_value(all, i), sk_X509_value(all, i - 1)) == 0)
            X509_free(sk_X509_delete(all, i));
    return all;
}

static bool same_roots(const struct pil_bundle *bundle, STACK_OF(X509) * roots)
{
    if (!bundle || sk_X509_num(bundle->roots) != sk_X509_num(roots))
        return false;
    for (int i = 0; i < sk_X509_num(roots); i++)
        if (X509_cmp(sk_X509_value(bundle->roots, i), sk_X509_value(roots, i)) != 0)
            return false;
    return true;
}

static bool same_revoked(const struct pil_bundle *bundle, const struct pil_revoked *list)
{
    if (!bundle || bundle->revoked_count != list->count)
        return false;
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(bundle->revoked[i], list->what[i]) != 0)
            return false;
    return true;
}

void pil_identity_rebuild(struct pil_identity *identity)
{
    const struct pil_bundle *before = identity->bundle;
    struct pil_bundle *fresh = NULL;
    STACK_OF(X509) *roots = identity->source.self ? all_roots(identity) : NULL;
    unsigned changes = 0;

    if (roots && !same_roots(before, roots))
        changes |= PIL_IDENTITY_ROOTS;
    if (roots && !same_revoked(before, &identity->revoked))
        changes |= PIL_IDENTITY_REVOKED;
    if (changes &&
        pil_bundle_new(identity->domain, roots, identity->revoked.what, identity->revoked.count,
                       ++identity->versions, &fresh) == PIL_OK) {
        identity->bundle = fresh;
        pil_bundle_unref(before);
        pil_identity_tell(identity, changes);
    }
    sk_X509_pop_free(roots, X509_free);
}

const struct pil_bundle *pil_identity_bundle(struct pil_identity *identity)
{
    identity->problem[0] = '\0';
    if (!identity->domain)
        snprintf(identity->problem, sizeof(identity->problem),
                 "the policy in force names no trust_domain");
    else if (pil_identity_source(identity))
        snprintf(identity->problem, sizeof(identity->problem), "%s", identity->source_problem);
    return identity->problem[0] ? NULL : pil_bundle_ref(identity->bundle);
}

/* ---- the source ----------------------------------------------------------------------------- */

static int ca_svid(void *self, const char *workload, const struct pil_svid *have, int64_t now_ms,
                   struct pil_svid **out, char *problem, size_t cap)
{
    (void)have;
    return pil_ca_issue(self, workload, now_ms, out, problem, cap);
}

static int ca_add_roots(void *self, STACK_OF(X509) * into)
{
    const struct pil_ca_roots *roots = pil_ca_roots(self);

    for (unsigned i = 0; i < roots->count; i++)
        if (X509_add_cert(into, roots->item[i].cert, X509_ADD_FLAG_UP_REF) != 1)
            return PIL_E_NOMEM;
    return PIL_OK;
}

static void ca_close(void *self)
{
    pil_ca_close(self);
}

static int open_ca(struct pil_identity *identity, char *problem, size_t cap)
{
    const struct pil_settings *set = identity->setup.settings;
    struct pil_ca_setup setup = {identity->domain, set->identity_lifetime, set->root_lifetime,
                                 identity->setup.memory ? NULL : set->state};
    int err = pil_ca_open(&setup, pil_identity_now(identity), &identity->ca, problem, cap);

    if (!err)
        identity->source = (struct pil_source){"ca", identity->ca, ca_svid, ca_add_roots, ca_close};
    return err;
}

static int load_revoked(struct pil_identity *identity)
{
    struct pil_revoked fresh = {0};
    char problem[PIL_IDENTITY_TEXT] = "";
    int err = identity->setup.memory ? PIL_E_EXISTS
                                     : pil_revoked_load(identity->setup.settings->state, &fresh,
                                                        problem, sizeof(problem));

    if (err == PIL_E_EXISTS) /* what is in memory is all there is */
        return PIL_OK;
    identity->revoked_err = err;
    memcpy(identity->revoked_problem, problem, sizeof(problem));
    if (err)
        return err;
    pil_revoked_free(&identity->revoked);
    identity->revoked = fresh;
    return PIL_OK;
}

static void log_trust(void *cookie, const struct pil_trust_file *file)
{
    struct pil_identity_note note = {.event = "identity-trust",
                                     .file = file->path,
                                     .problem = file->problem[0] ? file->problem : NULL};

    pil_identity_log(cookie, note);
}

/* Two daemons would each undo what the other has written. */
static int lock_state(struct pil_identity *identity, char *problem, size_t cap)
{
    if (identity->setup.memory || identity->lock >= 0)
        return PIL_OK;
    return pil_keep_lock(identity->setup.settings->state, &identity->lock, problem, cap);
}

/* Without the revocations nobody may be believed. */
static int open_source(struct pil_identity *identity, char *problem, size_t cap)
{
    int err = lock_state(identity, problem, cap);

    if (!err && (err = load_revoked(identity)) != PIL_OK)
        snprintf(problem, cap, "%s", identity->revoked_problem);
    if (!err)
        err = identity->setup.settings->identity == PIL_IDENTITY_CA
                  ? open_ca(identity, problem, cap)
                  : pil_files_open(&identity->setup.settings->identity_files, identity->domain,
                                   pil_identity_now(identity), &identity->source, problem, cap);
    if (err)
        return err;
    pil_trust_read(&identity->trust, identity->domain, log_trust, identity);
    pil_identity_rebuild(identity);
    pil_identity_arm(identity);
    return PIL_OK;
}

int pil_identity_source(struct pil_identity *identity)
{
    int64_t now_ms = pil_identity_now(identity);
    char problem[PIL_IDENTITY_TEXT] = "";
    bool again;

    if (identity->source.self)
        return PIL_OK;
    if (identity->source_err && now_ms < identity->retry_ms &&
        now_ms >= identity->retry_ms - RETRY_MS)
        return identity->source_err;
    identity->source_err = open_source(identity, problem, sizeof(problem));
    if (!identity->source_err)
        problem[0] = '\0'; /* a file that was not there was looked for */
    identity->retry_ms = now_ms + RETRY_MS;
    again = strcmp(problem, identity->source_problem) == 0;
    memcpy(identity->source_problem, problem, sizeof(problem));
    if (identity->source_err && !again)
        pil_identity_log(
            identity, (struct pil_identity_note){.event = "identity-failed", .problem = problem});
    return identity->source_err;
}

static void close_source(struct pil_identity *identity)
{
    pil_holders_free(identity);
    if (identity->source.self)
        identity->source.close(identity->source.self);
    identity->source = (struct pil_source){0};
    identity->ca = NULL;
    identity->source_err = PIL_OK;
    identity->source_problem[0] = '\0';
    pil_trust_forget(&identity->trust);
    pil_bundle_unref(identity->bundle);
    identity->bundle = NULL;
}

/* ---- time ----------------------------------------------------------------------------------- */

static void tend_roots(struct pil_identity *identity, int64_t now_ms)
{
    char problem[PIL_IDENTITY_TEXT] = "";
    const char *step = NULL;

    while (identity->ca && pil_ca_tend(identity->ca, now_ms, &step, problem, sizeof(problem))) {
        identity->stats.rotations++;
        pil_identity_log_step(identity, step, NULL);
        pil_identity_rebuild(identity);
    }
    if (*problem)
        pil_identity_log(identity, (struct pil_identity_note){.event = "identity-rotated",
                                                              .state = step,
                                                              .problem = problem});
}

void pil_identity_tend(struct pil_identity *identity)
{
    if (!identity->domain || (!identity->needed && !identity->source.self))
        return;
    if (pil_identity_source(identity) == PIL_OK)
        tend_roots(identity, pil_identity_now(identity));
    pil_holders_tend(identity, false);
    pil_identity_arm(identity);
}

static void on_alarm(void *cookie, bool clock_set)
{
    struct pil_identity *identity = cookie;

    if (clock_set)
        pil_identity_log(identity, (struct pil_identity_note){.event = "identity-clock-set"});
    pil_identity_tend(identity);
}

/* Roots that live for seconds are looked after more often. */
static int64_t next_tending(const struct pil_identity *identity, int64_t now_ms)
{
    int64_t eighth = (int64_t)identity->setup.settings->root_lifetime * 1000 / 8;

    if (!identity->source.self)
        return identity->needed ? now_ms + RETRY_MS : INT64_MAX;
    return now_ms + (eighth < TEND_MS ? eighth : TEND_MS);
}

void pil_identity_arm(struct pil_identity *identity)
{
    int64_t due = pil_holders_due(identity);
    int64_t tend = next_tending(identity, pil_identity_now(identity));

    due = due < tend ? due : tend;
    /* Without a timer each question still looks. */
    if (due != INT64_MAX && pil_alarm_set(identity->alarm, due))
        return;
}

/* ---- life ----------------------------------------------------------------------------------- */

void pil_identity_watch(struct pil_identity *identity)
{
    bool files = !identity->ca && identity->source.self;
    struct pil_list more = {0};

    if (!files || pil_files_watch(identity->source.self, &more) == PIL_OK)
        pil_watch_renew(identity->watch, &more);
    pil_list_free(&more);
}

void pil_identity_reload(struct pil_identity *identity)
{
    if (!identity || !identity->source.self)
        return;
    if (load_revoked(identity))
        pil_identity_log(identity,
                         (struct pil_identity_note){.event = "identity-trust",
                                                    .problem = identity->revoked_problem});
    pil_trust_read(&identity->trust, identity->domain, log_trust, identity);
    pil_identity_rebuild(identity);
    pil_holders_tend(identity, !identity->ca);
    pil_identity_watch(identity);
    pil_identity_arm(identity);
}

static void on_files(void *cookie)
{
    pil_identity_reload(cookie);
}

void pil_identity_domain(struct pil_identity *identity, const char *domain, bool needed)
{
    bool same = identity->domain && domain && strcmp(identity->domain, domain) == 0;

    identity->needed = needed && domain && *domain;
    if (!same) {
        close_source(identity);
        free(identity->domain);
        identity->domain = domain && *domain ? strdup(domain) : NULL;
    }
    pil_identity_tend(identity);
}

static int watch_files(struct pil_identity *identity)
{
    const struct pil_settings *set = identity->setup.settings;
    int err = PIL_OK;

    for (size_t i = 0; !err && i < set->trust.count; i++)
        err = pil_list_add(&identity->watched, set->trust.item[i]);
    for (size_t i = 0; !err && set->identity == PIL_IDENTITY_FILES && i < set->identity_files.count;
         i++)
        err = pil_list_add(&identity->watched, set->identity_files.item[i]);
    if (err || !set->watch || identity->watched.count == 0)
        return err;
    return pil_watch_open(identity->base, &identity->watched, on_files, identity, &identity->watch);
}

int pil_identity_open(struct event_base *base, const struct pil_identity_setup *setup,
                      struct pil_identity **out)
{
    struct pil_identity *identity = calloc(1, sizeof(*identity));
    int err;

    if (!identity)
        return PIL_E_NOMEM;
    identity->base = base;
    identity->setup = *setup;
    identity->lock = -1;
    /* Before there are threads: OpenSSL's heap cannot be made under their hands. */
    err = pil_keys_open();
    if (!err)
        err = pil_alarm_open(base, on_alarm, identity, &identity->alarm);
    if (!err)
        err = pil_trust_open(&setup->settings->trust, &identity->trust);
    if (!err)
        err = watch_files(identity);
    if (err)
        pil_identity_close(identity);
    else
        *out = identity;
    return err;
}

void pil_identity_close(struct pil_identity *identity)
{
    if (!identity)
        return;
    identity->changed = NULL;
    close_source(identity);
    pil_watch_close(identity->watch);
    pil_list_free(&identity->watched);
    pil_alarm_close(identity->alarm);
    pil_trust_close(&identity->trust);
    pil_revoked_free(&identity->revoked);
    if (identity->lock >= 0)
        close(identity->lock);
    free(identity->domain);
    free(identity);
}
