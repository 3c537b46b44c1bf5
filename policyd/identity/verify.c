#include "policyd/identity/verify.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "policyd/identity/cert.h"
#include "policyd/identity/spiffe.h"

#define AUTH_LEVEL 2  /* keys of 112 bits of strength, no SHA-1 */
#define DEPTH_MAX  8  /* certificates between leaf and root */
#define SHOWN      80 /* bytes of a peer's text that a sentence shows */

/* Where a sentence goes. */
struct say {
    char *at;
    size_t cap;
};

static enum pil_tls_reason no(struct say say, enum pil_tls_reason reason, const char *format, ...)
    PIL_PRINTF(3, 4);
static enum pil_tls_reason no(struct say say, enum pil_tls_reason reason, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (say.cap > 0)
        vsnprintf(say.at, say.cap, format, args);
    va_end(args);
    return reason;
}

/* What a peer wrote, fit to stand in a sentence. */
static const char *shown(struct pil_slice text, char out[SHOWN + 4])
{
    size_t len = text.len < SHOWN ? text.len : SHOWN;

    for (size_t i = 0; i < len; i++)
        out[i] = text.at[i] > 0x20 && text.at[i] < 0x7f && text.at[i] != '"' ? text.at[i] : '?';
    strcpy(out + len, len < text.len ? "..." : "");
    return out;
}

/* ---- the leaf alone ------------------------------------------------------------------------- */

static enum pil_tls_reason check_name(const X509 *leaf, const struct pil_cert_uris *uris, char *id,
                                      size_t cap, struct say say)
{
    struct pil_spiffe spiffe;
    char text[SHOWN + 4];
    const char *wrong;

    if (uris->critical == -2)
        return no(say, PIL_TLS_BAD_SVID, "its alternative names cannot be read or are there twice");
    if (uris->count == 0)
        return no(say, PIL_TLS_NO_URI, "it has no URI name; legal is exactly one");
    if (uris->count > 1)
        return no(say, PIL_TLS_MANY_URIS, "it has %u URI names; legal is exactly one", uris->count);
    wrong = pil_spiffe_parse(uris->first, &spiffe);
    if (wrong)
        return no(say, PIL_TLS_BAD_SVID, "\"%s\" is no SPIFFE ID: %s", shown(uris->first, text),
                  wrong);
    if (spiffe.path.len == 0)
        return no(say, PIL_TLS_BAD_SVID, "\"%s\" names a trust domain; legal for a peer is a path",
                  shown(uris->first, text));
    if (uris->first.len >= cap)
        return no(say, PIL_TLS_BAD_SVID, "\"%s\" has %zu bytes; legal here are %zu",
                  shown(uris->first, text), uris->first.len, cap - 1);
    if (X509_NAME_entry_count(X509_get_subject_name(leaf)) == 0 && uris->critical != 1)
        return no(say, PIL_TLS_BAD_SVID,
                  "it has no subject, and its alternative names are not critical");
    memcpy(id, uris->first.at, uris->first.len);
    id[uris->first.len] = '\0';
    return PIL_TLS_NONE;
}

static bool is_critical(const X509 *cert, int nid)
{
    int at = X509_get_ext_by_NID(cert, nid, -1);

    return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(cert, at)) == 1;
}

static enum pil_tls_reason check_usage(X509 *leaf, struct say say)
{
    uint32_t flags = X509_get_extension_flags(leaf), usage = X509_get_key_usage(leaf);
    uint32_t extended = X509_get_extended_key_usage(leaf);

    if (flags & EXFLAG_INVALID)
        return no(say, PIL_TLS_BAD_SVID, "an extension of it cannot be read");
    if (flags & EXFLAG_CA)
        return no(say, PIL_TLS_BAD_SVID, "it is a CA; legal for a peer is CA:FALSE");
    if (!(flags & EXFLAG_KUSAGE) || !is_critical(leaf, NID_key_usage))
        return no(say, PIL_TLS_BAD_SVID, "its key usage is %s; legal is a critical one",
                  flags & EXFLAG_KUSAGE ? "not critical" : "missing");
    if (!(usage & KU_DIGITAL_SIGNATURE))
        return no(say, PIL_TLS_BAD_SVID, "its key usage lacks digitalSignature");
    if (usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN))
        return no(say, PIL_TLS_BAD_SVID, "its key usage has %s, which only a CA may have",
                  usage & KU_KEY_CERT_SIGN ? "keyCertSign" : "cRLSign");
    if ((flags & EXFLAG_XKUSAGE) &&
        (extended & (XKU_SSL_SERVER | XKU_SSL_CLIENT)) != (XKU_SSL_SERVER | XKU_SSL_CLIENT))
        return no(say, PIL_TLS_BAD_SVID,
                  "its extended key usage lacks %s; legal are serverAuth and clientAuth, or none",
                  extended & XKU_SSL_SERVER ? "clientAuth" : "serverAuth");
    return PIL_TLS_NONE;
}

enum pil_tls_reason pil_verify_leaf(X509 *leaf, char *id, size_t cap, char *detail,
                                    size_t detail_cap)
{
    struct say say = {detail, detail_cap};
    struct pil_cert_uris uris;
    enum pil_tls_reason reason;

    id[0] = '\0';
    pil_cert_uris(leaf, &uris);
    reason = check_name(leaf, &uris, id, cap, say);
    pil_cert_uris_free(&uris);
    return reason ? reason : check_usage(leaf, say);
}

/* ---- who signs ------------------------------------------------------------------------------ */

/* NULL, or what is wrong with it. strict: SPIFFE's rules, else those of RFC 5280. */
static const char *wrong_with_signer(X509 *cert, const char *domain, bool strict)
{
    uint32_t flags = X509_get_extension_flags(cert);
    struct pil_cert_uris uris;
    struct pil_spiffe spiffe;
    const char *wrong = NULL;

    if (flags & EXFLAG_INVALID)
        return "an extension of it cannot be read";
    if (!(flags & EXFLAG_CA))
        return "it is no CA; legal is CA:TRUE";
    if (flags & EXFLAG_KUSAGE ? !(X509_get_key_usage(cert) & KU_KEY_CERT_SIGN) : strict)
        return "its key usage lacks keyCertSign";
    if (strict && !is_critical(cert, NID_key_usage))
        return "its key usage is not critical";
    pil_cert_uris(cert, &uris);
    if (uris.critical == -2 || uris.count > 1)
        wrong = "it has more than one URI name, or names that cannot be read";
    else if (uris.count == 1 && pil_spiffe_parse(uris.first, &spiffe))
        wrong = "its URI name is no SPIFFE ID";
    else if (uris.count == 1 && !pil_slice_equal(spiffe.domain, pil_slice_of(domain)))
        wrong = "it belongs to another trust domain";
    else if (uris.count == 1 && spiffe.path.len > 0)
        wrong = "its SPIFFE ID has a path; legal is that of the trust domain itself";
    pil_cert_uris_free(&uris);
    return wrong;
}

int pil_verify_root(X509 *root, const char *domain, char *detail, size_t detail_cap)
{
    const char *wrong = wrong_with_signer(root, domain, false);

    if (!wrong)
        return PIL_OK;
    snprintf(detail, detail_cap, "%s", wrong);
    return PIL_E_SYNTAX;
}

/* ---- the path ------------------------------------------------------------------------------- */

static enum pil_tls_reason reason_of(int error)
{
    switch (error) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return PIL_TLS_SELF_SIGNED;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return PIL_TLS_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return PIL_TLS_NOT_YET_VALID;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        return PIL_TLS_WRONG_ROOT;
    case X509_V_ERR_OUT_OF_MEM:
    case X509_V_ERR_UNSPECIFIED:
        return PIL_TLS_INTERNAL;
    default:
        return PIL_TLS_BAD_CHAIN;
    }
}

static enum pil_tls_reason say_time(struct say say, enum pil_tls_reason reason, const X509 *cert,
                                    int depth, time_t now)
{
    char here[PIL_CERT_TIME_TEXT], from[PIL_CERT_TIME_TEXT] = "?", to[PIL_CERT_TIME_TEXT] = "?";
    int64_t not_before, not_after;

    pil_cert_time(now, here);
    if (pil_cert_times(cert, &not_before, &not_after)) {
        pil_cert_time(not_before, from);
        pil_cert_time(not_after, to);
    }
    return no(say, reason, "%s valid from %s to %s; here it is %s",
              depth == 0 ? "it is" : "a certificate above it is", from, to, here);
}

static enum pil_tls_reason say_path(struct say say, X509_STORE_CTX *ctx, time_t now)
{
    int error = X509_STORE_CTX_get_error(ctx), depth = X509_STORE_CTX_get_error_depth(ctx);
    enum pil_tls_reason reason = reason_of(error);
    const X509 *cert = X509_STORE_CTX_get_current_cert(ctx);

    if (cert && (reason == PIL_TLS_EXPIRED || reason == PIL_TLS_NOT_YET_VALID))
        return say_time(say, reason, cert, depth, now);
    return no(say, reason, "%s (certificate %d of its chain)", X509_verify_cert_error_string(error),
              depth);
}

/* Those between leaf and root; the root was looked at when it was read. */
static enum pil_tls_reason check_signers(X509_STORE_CTX *ctx, const char *domain, struct say say)
{
    STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(ctx);

    for (int i = 1; i + 1 < sk_X509_num(path); i++) {
        const char *wrong = wrong_with_signer(sk_X509_value(path, i), domain, true);

        if (wrong)
            return no(say, PIL_TLS_BAD_CHAIN, "certificate %d of its chain: %s", i, wrong);
    }
    return PIL_TLS_NONE;
}

static enum pil_tls_reason check_revoked(const struct pil_bundle *bundle, X509_STORE_CTX *ctx,
                                         struct say say)
{
    STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(ctx);
    char serial[PIL_SERIAL_TEXT];

    for (int i = 0; i < sk_X509_num(path); i++)
        if (pil_cert_serial(sk_X509_value(path, i), serial) &&
            pil_bundle_revoked(bundle, serial, NULL))
            return no(say, PIL_TLS_REVOKED, "serial number %s is revoked on this host", serial);
    return PIL_TLS_NONE;
}

static enum pil_tls_reason check_path(const struct pil_bundle *bundle, X509 *leaf,
                                      STACK_OF(X509) * chain, time_t now, struct say say)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    enum pil_tls_reason reason = PIL_TLS_INTERNAL;

    if (ctx && X509_STORE_CTX_init(ctx, bundle->store, leaf, chain) == 1) {
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

        X509_VERIFY_PARAM_set_time(param, now);
        X509_VERIFY_PARAM_set_depth(param, DEPTH_MAX);
        X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
        if (X509_verify_cert(ctx) == 1)
            reason = check_signers(ctx, bundle->domain, say);
        else
            reason = say_path(say, ctx, now);
        if (!reason)
            reason = check_revoked(bundle, ctx, say);
    }
    X509_STORE_CTX_free(ctx);
    ERR_clear_error();
    return reason;
}

/* The bundle is one domain's: a peer of another has no root here whatever signed it. */
static enum pil_tls_reason check_domain(const struct pil_bundle *bundle, const X509 *leaf, char *id,
                                        size_t cap, struct say say)
{
    enum pil_tls_reason reason = PIL_TLS_NONE;
    struct pil_cert_uris uris;
    struct pil_spiffe spiffe;
    char text[SHOWN + 4];

    pil_cert_uris(leaf, &uris);
    if (uris.count == 1 && !pil_spiffe_parse(uris.first, &spiffe)) {
        snprintf(id, cap, "%.*s", (int)uris.first.len, uris.first.at);
        if (!pil_slice_equal(spiffe.domain, pil_slice_of(bundle->domain)))
            reason = no(say, PIL_TLS_WRONG_DOMAIN, "\"%s\" is none of spiffe://%s",
                        shown(uris.first, text), bundle->domain);
    }
    pil_cert_uris_free(&uris);
    return reason;
}

int pil_identity_check_peer(const struct pil_bundle *bundle, X509 *leaf, STACK_OF(X509) * chain,
                            time_t now, char *id, size_t cap, enum pil_tls_reason *reason,
                            char *detail, size_t detail_cap)
{
    struct say say = {detail, detail_cap};

    id[0] = '\0';
    if (detail_cap > 0)
        detail[0] = '\0';
    *reason = check_domain(bundle, leaf, id, cap, say);
    if (!*reason)
        *reason = check_path(bundle, leaf, chain, now, say);
    if (!*reason)
        *reason = pil_verify_leaf(leaf, id, cap, detail, detail_cap);
    if (!*reason && pil_bundle_revoked(bundle, NULL, id))
        *reason = no(say, PIL_TLS_REVOKED, "%s is revoked on this host", id);
    return *reason ? PIL_E_PEER : PIL_OK;
}
