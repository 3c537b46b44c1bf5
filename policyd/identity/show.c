#include <openssl/bio.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "policyd/identity/cert.h"
#include "policyd/identity/keys.h"
#include "policyd/identity/parts.h"

/* ---- health --------------------------------------------------------------------------------- */

/* The built-in CA cannot sign, or soon will not be able to. */
static bool root_ill(const struct pil_identity *identity, int64_t now, char *text, size_t cap)
{
    const struct pil_ca_root *root = identity->ca ? pil_ca_active(identity->ca) : NULL;
    char to[PIL_CERT_TIME_TEXT], here[PIL_CERT_TIME_TEXT];
    int64_t not_before, not_after;

    if (!root || !pil_cert_times(root->cert, &not_before, &not_after) ||
        (now >= not_before && not_after - now > identity->setup.settings->root_lifetime / 8))
        return false;
    pil_cert_time(now < not_before ? not_before : not_after, to);
    pil_cert_time(now, here);
    snprintf(text, cap, "the root that signs is valid %s %s; here it is %s",
             now < not_before ? "from" : "until", to, here);
    return true;
}

/* Past three quarters of its life it should long have been renewed. */
static bool holder_ill(const struct pil_holder *h, int64_t now_ms, char *text, size_t cap)
{
    char from[PIL_CERT_TIME_TEXT], to[PIL_CERT_TIME_TEXT], here[PIL_CERT_TIME_TEXT];
    int64_t life, left;

    pil_cert_time(now_ms / 1000, here);
    if (!h->svid) {
        snprintf(text, cap, "%s has no identity; here it is %s: %s", h->workload, here, h->problem);
        return h->err != PIL_OK && h->err != PIL_E_NOTFOUND;
    }
    life = h->svid->not_after * 1000 - h->svid->issued_ms;
    left = h->svid->not_after * 1000 - now_ms;
    if (left > life / 4 && pil_svid_valid(h->svid, now_ms))
        return false;
    pil_cert_time(h->svid->not_before, from);
    pil_cert_time(h->svid->not_after, to);
    snprintf(text, cap, "%s: %s is valid from %s to %s; here it is %s%s%s", h->workload,
             h->svid->serial, from, to, here, h->err ? ": " : "", h->err ? h->problem : "");
    return true;
}

static bool expiring(const struct pil_identity *identity, char *text, size_t cap)
{
    int64_t now_ms = pil_identity_now(identity);

    for (const struct pil_holder *h = identity->holders; h; h = h->next)
        if (holder_ill(h, now_ms, text, cap))
            return true;
    return root_ill(identity, now_ms / 1000, text, cap);
}

static bool mistrusting(const struct pil_identity *identity, char *text, size_t cap)
{
    if (identity->revoked_err && identity->source.self) {
        snprintf(text, cap, "%s; the list before it stays", identity->revoked_problem);
        return true;
    }
    for (size_t i = 0; i < identity->trust.count; i++) {
        const struct pil_trust_file *file = &identity->trust.file[i];

        if (!file->problem[0])
            continue;
        snprintf(text, cap, "trust = \"%s\": %s; %s", file->path, file->problem,
                 file->roots ? "the roots before it stay" : "it gives no roots");
        return true;
    }
    return false;
}

bool pil_identity_ill(const struct pil_identity *identity, enum pil_identity_ill what, char *text,
                      size_t cap)
{
    if (!identity || !identity->domain)
        return false;
    if (what == PIL_IDENTITY_EXPIRING)
        return expiring(identity, text, cap);
    if (what == PIL_IDENTITY_TRUST)
        return mistrusting(identity, text, cap);
    if (identity->source.self || !identity->source_err)
        return false;
    snprintf(text, cap, "no identity can be made: %s", identity->source_problem);
    return true;
}

/* ---- numbers -------------------------------------------------------------------------------- */

void pil_identity_stats(const struct pil_identity *identity, struct pil_identity_stats *out)
{
    const struct pil_ca_root *root = identity->ca ? pil_ca_active(identity->ca) : NULL;
    int64_t not_before;

    *out = identity->stats;
    for (const struct pil_holder *h = identity->holders; h; h = h->next) {
        if (!h->svid)
            continue;
        out->identities++;
        if (out->soonest == 0 || h->svid->not_after < out->soonest)
            out->soonest = h->svid->not_after;
    }
    out->roots = identity->bundle ? (unsigned)sk_X509_num(identity->bundle->roots) : 0;
    out->revocations = identity->revoked.count;
    if (root && !pil_cert_times(root->cert, &not_before, &out->root_until))
        out->root_until = 0;
}

/* ---- the report ----------------------------------------------------------------------------- */

static json_t *time_json(int64_t seconds)
{
    char text[PIL_CERT_TIME_TEXT];

    if (seconds == 0)
        return json_null();
    pil_cert_time(seconds, text);
    return json_string(text);
}

/* Bytes that are no UTF-8 have no place in JSON. */
static json_t *text_json(const char *text)
{
    json_t *json = text && *text ? json_string(text) : json_null();

    return json ? json : json_string("?");
}

static json_t *holder_json(const struct pil_identity *identity, const struct pil_holder *h)
{
    const struct pil_svid *svid = h->svid;
    bool revoked = svid && pil_identity_revoked(identity, svid->serial, svid->id);

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "workload",
                     text_json(h->workload), "id", text_json(svid ? svid->id : NULL), "serial",
                     text_json(svid ? svid->serial : NULL), "issued",
                     time_json(svid ? svid->issued_ms / 1000 : 0), "not_before",
                     time_json(svid ? svid->not_before : 0), "expires",
                     time_json(svid ? svid->not_after : 0), "renewal", time_json(h->due_ms / 1000),
                     "revoked", revoked, "problem", text_json(h->err ? h->problem : NULL));
}

static json_t *pem_json(X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    json_t *out = NULL;

    if (bio && PEM_write_bio_X509(bio, cert) == 1) {
        long len = BIO_get_mem_data(bio, &text);

        out = json_stringn(text, (size_t)len);
    }
    BIO_free(bio);
    return out ? out : json_null();
}

static json_t *root_json(X509 *cert, const char *state, const char *from, int64_t signed_until)
{
    char serial[PIL_SERIAL_TEXT], digest[PIL_CERT_DIGEST_TEXT], name[256] = "";
    int64_t not_before = 0, not_after = 0;
    bool known = pil_cert_times(cert, &not_before, &not_after);

    pil_cert_serial(cert, serial);
    pil_cert_digest(cert, digest);
    X509_NAME_oneline(X509_get_subject_name(cert), name, sizeof(name));
    return json_pack("{s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "serial", text_json(serial),
                     "state", state, "from", from, "subject", text_json(name), "sha256",
                     text_json(digest), "not_before", time_json(known ? not_before : 0), "expires",
                     time_json(known ? not_after : 0), "signed_until", time_json(signed_until),
                     "pem", pem_json(cert));
}

static json_t *roots_json(const struct pil_identity *identity)
{
    const struct pil_ca_roots *own = identity->ca ? pil_ca_roots(identity->ca) : NULL;
    json_t *out = json_array();

    for (unsigned i = 0; own && i < own->count; i++)
        json_array_append_new(out,
                              root_json(own->item[i].cert, pil_ca_state_name(own->item[i].state),
                                        "own", own->item[i].signed_until));
    for (size_t i = 0; i < identity->trust.count; i++) {
        const struct pil_trust_file *file = &identity->trust.file[i];

        for (int n = 0; file->roots && n < sk_X509_num(file->roots); n++)
            json_array_append_new(
                out, root_json(sk_X509_value(file->roots, n), "trusted", file->path, 0));
    }
    return out;
}

static json_t *trust_json(const struct pil_identity *identity)
{
    json_t *out = json_array();

    for (size_t i = 0; i < identity->trust.count; i++)
        json_array_append_new(out, json_pack("{s:o, s:o}", "file",
                                             text_json(identity->trust.file[i].path), "problem",
                                             text_json(identity->trust.file[i].problem)));
    return out;
}

static json_t *revoked_json(const struct pil_identity *identity)
{
    json_t *out = json_array();

    for (size_t i = 0; i < identity->revoked.count; i++)
        json_array_append_new(out,
                              json_pack("{s:o, s:o}", "what", text_json(identity->revoked.what[i]),
                                        "since", time_json(identity->revoked.since[i])));
    return out;
}

json_t *pil_identity_report(struct pil_identity *identity)
{
    const struct pil_settings *set = identity->setup.settings;
    static const char *const sources[] = {"ca", "files"};
    json_t *holders = json_array();

    /* So that asking is enough to see what would come of it. */
    if (identity->domain && pil_identity_source(identity) == PIL_OK)
        pil_holders_tend(identity, false);
    for (const struct pil_holder *h = identity->holders; h; h = h->next)
        json_array_append_new(holders, holder_json(identity, h));
    return json_pack(
        "{s:o, s:s, s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "trust_domain",
        text_json(identity->domain), "source", sources[set->identity], "state",
        text_json(identity->setup.memory ? NULL : set->state), "needed", identity->needed, "locked",
        pil_keys_locked(), "now", time_json(pil_identity_now(identity) / 1000), "problem",
        text_json(identity->source_problem), "identities", holders, "roots", roots_json(identity),
        "trust", trust_json(identity), "revoked", revoked_json(identity));
}
