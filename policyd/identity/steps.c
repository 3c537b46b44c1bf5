#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "policyd/identity/cert.h"
#include "policyd/identity/parts.h"

/* ---- rotation ------------------------------------------------------------------------------- */

static int step_ca(struct pil_identity *identity, enum pil_identity_step step, bool force)
{
    int64_t now_ms = pil_identity_now(identity);
    char *problem = identity->problem;
    size_t cap = sizeof(identity->problem);

    if (step == PIL_IDENTITY_PREPARE)
        return pil_ca_prepare(identity->ca, now_ms, problem, cap);
    if (step == PIL_IDENTITY_ACTIVATE)
        return pil_ca_activate(identity->ca, now_ms, problem, cap);
    return pil_ca_retire(identity->ca, now_ms, force, problem, cap);
}

/* The source, with its revocations. */
static int ready(struct pil_identity *identity)
{
    int err = identity->domain ? pil_identity_source(identity) : PIL_E_NOTFOUND;

    identity->problem[0] = '\0';
    if (err)
        snprintf(identity->problem, sizeof(identity->problem), "%s",
                 identity->domain ? identity->source_problem
                                  : "the policy in force names no trust_domain");
    return err;
}

void pil_identity_log_step(struct pil_identity *identity, const char *step, const char *by)
{
    struct pil_identity_note note = {.event = "identity-rotated", .state = step, .by = by};
    const struct pil_ca_roots *roots = pil_ca_roots(identity->ca);
    bool prepared = strcmp(step, "prepared") == 0, activated = strcmp(step, "activated") == 0;
    char serial[PIL_SERIAL_TEXT];

    for (unsigned i = 0; (prepared || activated) && i < roots->count; i++) {
        const struct pil_ca_root *root = &roots->item[i];

        if (root->state != (prepared ? PIL_CA_PREPARED : PIL_CA_ACTIVE) ||
            !pil_cert_serial(root->cert, serial) ||
            !pil_cert_times(root->cert, &note.not_before, &note.not_after))
            continue;
        note.serial = serial;
    }
    pil_identity_log(identity, note);
}

int pil_identity_rotate(struct pil_identity *identity, enum pil_identity_step step, bool force,
                        const char *by)
{
    static const char *const steps[] = {"prepared", "activated", "retired"};
    int err = ready(identity);

    if (err)
        return err;
    if (!identity->ca) {
        snprintf(identity->problem, sizeof(identity->problem),
                 "identities come from files; whoever issues them rotates");
        return PIL_E_NOTFOUND;
    }
    err = step_ca(identity, step, force);
    if (err)
        return err;
    identity->stats.rotations++;
    pil_identity_log_step(identity, steps[step], by);
    /* Roots first: nobody presents what this host would not believe itself. */
    pil_identity_rebuild(identity);
    if (step == PIL_IDENTITY_ACTIVATE)
        pil_holders_tend(identity, true);
    pil_identity_arm(identity);
    return PIL_OK;
}

/* ---- revocation ----------------------------------------------------------------------------- */

bool pil_identity_revoked(const struct pil_identity *identity, const char *serial, const char *id)
{
    return (serial && pil_revoked_has(&identity->revoked, serial)) ||
           (id && pil_revoked_has(&identity->revoked, id));
}

static int change_list(struct pil_identity *identity, const char *what, bool take_back)
{
    struct pil_revoked next;
    int err = pil_revoked_copy(&identity->revoked, &next);

    if (err)
        return err;
    err = take_back ? pil_revoked_remove(&next, what)
                    : pil_revoked_add(&next, what, pil_identity_now(identity) / 1000);
    if (!err && !identity->setup.memory)
        err = pil_revoked_save(identity->setup.settings->state, &next, identity->problem,
                               sizeof(identity->problem));
    if (err) {
        pil_revoked_free(&next);
        return err;
    }
    pil_revoked_free(&identity->revoked);
    identity->revoked = next;
    return PIL_OK;
}

int pil_identity_revoke(struct pil_identity *identity, const char *what, bool take_back,
                        const char *by)
{
    struct pil_identity_note note = {.event = take_back ? "identity-restored" : "identity-revoked",
                                     .by = by};
    char spelled[PIL_SPIFFE_MAX + 1];
    int err = ready(identity);

    if (err)
        return err;
    if (!pil_revoked_spell(what, spelled, sizeof(spelled))) {
        snprintf(identity->problem, sizeof(identity->problem),
                 "\"%.100s\"; legal is a serial number in hex or a SPIFFE ID with a path", what);
        return PIL_E_SYNTAX;
    }
    err = change_list(identity, spelled, take_back);
    if (err) {
        if (!identity->problem[0])
            snprintf(identity->problem, sizeof(identity->problem), "%.200s: %s", spelled,
                     err == PIL_E_EXISTS     ? "it is revoked already"
                     : err == PIL_E_NOTFOUND ? "it is not revoked"
                                             : pil_err_text(err));
        return err;
    }
    if (strchr(spelled, '/'))
        note.id = spelled;
    else
        note.serial = spelled;
    pil_identity_log(identity, note);
    pil_identity_rebuild(identity);
    pil_holders_tend(identity, false);
    return PIL_OK;
}
