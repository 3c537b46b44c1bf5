#include "policyd/identity/cert.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SERIAL_BITS 127 /* positive, at most 20 bytes, and never used twice */

static void to_hex(const unsigned char *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * count] = '\0';
}

bool pil_cert_serial(const X509 *cert, char out[PIL_SERIAL_TEXT])
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    const unsigned char *bytes = ASN1_STRING_get0_data(serial);
    int len = ASN1_STRING_length(serial);

    while (len > 1 && bytes[0] == 0)
        bytes++, len--;
    out[0] = '\0';
    if (len < 1 || 2 * (size_t)len >= PIL_SERIAL_TEXT)
        return false;
    to_hex(bytes, (size_t)len, out);
    return true;
}

static bool seconds_of(const ASN1_TIME *time, int64_t *out)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(time, &tm) != 1)
        return false;
    *out = (int64_t)timegm(&tm);
    return true;
}

bool pil_cert_times(const X509 *cert, int64_t *not_before, int64_t *not_after)
{
    return seconds_of(X509_get0_notBefore(cert), not_before) &&
           seconds_of(X509_get0_notAfter(cert), not_after);
}

void pil_cert_uris(const X509 *cert, struct pil_cert_uris *out)
{
    GENERAL_NAMES *names;

    *out = (struct pil_cert_uris){0};
    names = X509_get_ext_d2i(cert, NID_subject_alt_name, &out->critical, NULL);
    if (!names) {
        if (out->critical >= 0) /* it is there and cannot be read */
            out->critical = -2;
        ERR_clear_error();
        return;
    }
    out->names = names;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type != GEN_URI || out->count++ > 0)
            continue;
        out->first.at = (const char *)ASN1_STRING_get0_data(name->d.uniformResourceIdentifier);
        out->first.len = (size_t)ASN1_STRING_length(name->d.uniformResourceIdentifier);
    }
}

void pil_cert_uris_free(struct pil_cert_uris *uris)
{
    GENERAL_NAMES_free(uris->names);
    uris->names = NULL;
}

/* ---- making ------------------------------------------------------------------------------- */

static bool set_serial(X509 *cert)
{
    BIGNUM *number = BN_new();
    bool good = number && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
                BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;

    BN_free(number);
    return good;
}

static bool set_name(X509 *cert, const char *text)
{
    X509_NAME *name = X509_get_subject_name(cert);

    return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"Pillion",
                                      -1, -1, 0) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)text, -1,
                                      -1, 0) == 1;
}

static bool add(X509 *cert, X509V3_CTX *ctx, int nid, const char *value)
{
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
    bool good = ext && X509_add_ext(cert, ext, -1) == 1;

    X509_EXTENSION_free(ext);
    return good;
}

/* By the structure and not by OpenSSL's text form, in which a comma would begin another name. */
static bool add_uri(X509 *cert, const char *id)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    bool good = names && name && text && ASN1_STRING_set(text, id, -1) == 1;

    if (good) {
        GENERAL_NAME_set0_value(name, GEN_URI, text);
        text = NULL;
        good = sk_GENERAL_NAME_push(names, name) > 0;
        if (good)
            name = NULL;
    }
    good = good && X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) == 1;
    ASN1_IA5STRING_free(text);
    GENERAL_NAME_free(name);
    GENERAL_NAMES_free(names);
    return good;
}

static bool add_extensions(X509 *cert, const struct pil_cert_order *order)
{
    static const struct {
        int nid;
        const char *ca, *leaf;
    } rows[] = {
        {NID_basic_constraints, "critical,CA:TRUE", "critical,CA:FALSE"},
        {NID_key_usage, "critical,keyCertSign,cRLSign", "critical,digitalSignature"},
        {NID_ext_key_usage, NULL, "serverAuth,clientAuth"},
        {NID_subject_key_identifier, "hash", "hash"},
        {NID_authority_key_identifier, "keyid", "keyid"},
    };
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, order->issuer ? order->issuer : cert, cert, NULL, NULL, 0);
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        const char *value = order->ca ? rows[i].ca : rows[i].leaf;

        if (value && !add(cert, &ctx, rows[i].nid, value))
            return false;
    }
    return add_uri(cert, order->id);
}

X509 *pil_cert_make(const struct pil_cert_order *order)
{
    EVP_PKEY *signer = order->issuer ? order->issuer_key : order->key;
    X509 *cert = X509_new();
    bool good = cert && X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
                ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)order->not_before) &&
                ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)order->not_after) &&
                set_name(cert, order->name) && X509_set_pubkey(cert, order->key) == 1 &&
                X509_set_issuer_name(
                    cert, X509_get_subject_name(order->issuer ? order->issuer : cert)) == 1 &&
                add_extensions(cert, order) && X509_sign(cert, signer, EVP_sha256()) > 0;

    if (good)
        return cert;
    X509_free(cert);
    ERR_clear_error();
    return NULL;
}

/* ---- showing ------------------------------------------------------------------------------ */

void pil_cert_time(int64_t seconds, char out[PIL_CERT_TIME_TEXT])
{
    time_t at = (time_t)seconds;
    struct tm utc;

    out[0] = '\0';
    if (gmtime_r(&at, &utc))
        strftime(out, PIL_CERT_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

bool pil_cert_digest(const X509 *cert, char out[PIL_CERT_DIGEST_TEXT])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    out[0] = '\0';
    if (X509_digest(cert, EVP_sha256(), bytes, &len) != 1 || len != 32)
        return false;
    to_hex(bytes, len, out);
    return true;
}
