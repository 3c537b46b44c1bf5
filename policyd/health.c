#include "policyd/health.h"

#include <stdio.h>
#include <string.h>

#include "policyd/daemon.h"
#include "policyd/identity/identity.h"
#include "policyd/log.h"
#include "policyd/store.h"
#include "policyd/switch.h"

/* Each writes its sentence and returns true when it is a reason. */
typedef bool symptom(const struct pil_daemon *d, char *text, size_t cap);

static bool no_policy(const struct pil_daemon *d, char *text, size_t cap)
{
    if (pil_store_current(d->store))
        return false;
    snprintf(text, cap, "no policy is in force; everything is denied");
    return true;
}

static bool reload_failed(const struct pil_daemon *d, char *text, size_t cap)
{
    const struct pil_store_report *last = pil_store_last(d->store);

    if (last->at_ns == 0 || last->outcome != PIL_RELOAD_FAILED)
        return false;
    snprintf(text, cap, "the last load failed%s: %s",
             pil_store_current(d->store) ? ", the policy before it stays in force" : "",
             last->errors.count > 0 ? last->errors.item[0] : "no reason was given");
    return true;
}

static bool policy_stale(const struct pil_daemon *d, char *text, size_t cap)
{
    if (!pil_store_current(d->store) || pil_store_left(d->store) > 0)
        return false;
    snprintf(text, cap, "the policy is %llu seconds old, max_age is %u; everything is denied",
             (unsigned long long)(pil_store_age_ms(d->store) / 1000), d->settings.max_age / 1000);
    return true;
}

static bool log_failing(const struct pil_daemon *d, char *text, size_t cap)
{
    struct pil_log_status status;

    if (!d->log)
        return false;
    pil_log_state(d->log, &status);
    if (status.error == 0 && !status.denying)
        return false;
    snprintf(text, cap, "the decision log cannot be written: %s%s",
             status.error ? strerror(status.error) : "its buffer is full",
             status.denying ? "; everything is denied" : "");
    return true;
}

static bool switch_refused(const struct pil_daemon *d, char *text, size_t cap)
{
    const char *problem = pil_switch_problem(d->kill_switch);

    if (!problem)
        return false;
    snprintf(text, cap, "the switch is on, because its file cannot be followed: %s", problem);
    return true;
}

static bool identity_failed(const struct pil_daemon *d, char *text, size_t cap)
{
    return pil_identity_ill(d->identity, PIL_IDENTITY_FAILED, text, cap);
}

static bool identity_expiring(const struct pil_daemon *d, char *text, size_t cap)
{
    return pil_identity_ill(d->identity, PIL_IDENTITY_EXPIRING, text, cap);
}

static bool trust_failed(const struct pil_daemon *d, char *text, size_t cap)
{
    return pil_identity_ill(d->identity, PIL_IDENTITY_TRUST, text, cap);
}

static const struct {
    const char *name;
    symptom *shows;
} symptoms[] = {
    {"no-policy", no_policy},
    {"reload-failed", reload_failed},
    {"policy-stale", policy_stale},
    {"log-failing", log_failing},
    {"switch-refused", switch_refused},
    {"identity-failed", identity_failed},
    {"identity-expiring", identity_expiring},
    {"trust-failed", trust_failed},
};
_Static_assert(PIL_NELEM(symptoms) <= PIL_HEALTH_MAX, "room for all at once");

void pil_health_check(const struct pil_daemon *d, struct pil_health *out)
{
    out->count = 0;
    for (size_t i = 0; i < PIL_NELEM(symptoms); i++) {
        if (!symptoms[i].shows(d, out->reason[out->count].text, PIL_HEALTH_TEXT))
            continue;
        out->reason[out->count++].name = symptoms[i].name;
    }
}
