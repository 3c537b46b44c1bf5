/*
 * X.509 certificates, read and made: the few things that OpenSSL takes many lines for.
 *
 * Cost: as OpenSSL. Errors: NULL, false or enum pil_err; OpenSSL's own error queue is emptied.
 * Threads: safe everywhere.
 */
#ifndef PIL_POLICYD_IDENTITY_CERT_H
#define PIL_POLICYD_IDENTITY_CERT_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "core/bytes.h"
#include "policyd/identity/svid.h"

/* Lower-case hex without leading zeros; false when it does not fit. */
bool pil_cert_serial(const X509 *cert, char out[PIL_SERIAL_TEXT]);

/* Seconds since 1970; false for a time that cannot be read. */
bool pil_cert_times(const X509 *cert, int64_t *not_before, int64_t *not_after);

/* The URI names: how many there are, and the first one when there is one (points into the
 * certificate's copy, freed by pil_cert_uris_free). */
struct pil_cert_uris {
    unsigned count;
    int critical; /* of the extension: 1, 0; -1: there is none; -2: it is there twice or broken */
    struct pil_slice first;
    void *names;
};
void pil_cert_uris(const X509 *cert, struct pil_cert_uris *out);
void pil_cert_uris_free(struct pil_cert_uris *uris);

/* What a certificate of ours says. */
struct pil_cert_order {
    const char *id;   /* its one URI name */
    const char *name; /* common name of the subject */
    bool ca;
    int64_t not_before, not_after;
    EVP_PKEY *key;        /* whose it is */
    X509 *issuer;         /* NULL: itself */
    EVP_PKEY *issuer_key; /* its key when issuer is NULL */
};
X509 *pil_cert_make(const struct pil_cert_order *order);

/* RFC 3339 in UTC, to the second. */
#define PIL_CERT_TIME_TEXT 24u
void pil_cert_time(int64_t seconds, char out[PIL_CERT_TIME_TEXT]);

/* SHA-256 of the whole certificate in lower-case hex. */
#define PIL_CERT_DIGEST_TEXT 65u
bool pil_cert_digest(const X509 *cert, char out[PIL_CERT_DIGEST_TEXT]);

#endif
