/*
 * One identity in use: certificate, chain, private key. Immutable once made, shared by counting.
 *
 * The last reference wipes the key. Cost: as OpenSSL's objects. Errors: enum pil_err.
 * Threads: all of it is safe everywhere; OpenSSL counts its objects with atomics too.
 */
#ifndef PIL_POLICYD_IDENTITY_SVID_H
#define PIL_POLICYD_IDENTITY_SVID_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "core/defs.h"

#define PIL_SERIAL_TEXT 48u   /* a serial number in lower-case hex, with NUL */
#define PIL_SPIFFE_MAX  2048u /* longest SPIFFE ID, without NUL */

struct pil_svid {
    _Atomic unsigned refs;
    X509 *leaf;
    STACK_OF(X509) * chain; /* what leads to the root, without leaf and root; may be empty */
    EVP_PKEY *key;
    char *id; /* spiffe://domain/path */
    char serial[PIL_SERIAL_TEXT];
    int64_t not_before,
        not_after; /* seconds since 1970; over when not_after begins, as OpenSSL has it */
    int64_t issued_ms, renew_ms; /* CLOCK_REALTIME; when it was made, when it will be replaced */
    uint64_t signer;             /* number of the own root that signed it; 0: none of ours */
};

/* leaf, chain and key are taken over, also on failure. The leaf must be one by SPIFFE's rules
 * (verify.h): id, serial and times are read from it. With one reference. */
int pil_svid_new(X509 *leaf, STACK_OF(X509) * chain, EVP_PKEY *key,
                 struct pil_svid **out) PIL_USERESULT;

/* NULL is legal for both. */
const struct pil_svid *pil_svid_ref(const struct pil_svid *svid);
void pil_svid_unref(const struct pil_svid *svid);

/* Whether it may be presented at this time. */
bool pil_svid_valid(const struct pil_svid *svid, int64_t now_ms);

#endif
