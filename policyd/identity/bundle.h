/*
 * Whom a host believes: the roots of one trust domain and what is revoked. Immutable once made,
 * shared by counting; a change makes another bundle.
 *
 * Cost: a copy of pointers to make; a binary search for what is revoked. Errors: enum pil_err.
 * Threads: making it is one thread's business; ref, unref and reading are safe everywhere.
 */
#ifndef PIL_POLICYD_IDENTITY_BUNDLE_H
#define PIL_POLICYD_IDENTITY_BUNDLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "core/defs.h"

#define PIL_ROOTS_MAX 64u /* roots of a bundle */

struct pil_bundle {
    _Atomic unsigned refs;
    uint64_t version; /* counts up with every change of this policyd */
    char *domain;
    X509_STORE *store; /* the roots; partial chains are legal, for roots that are not self-signed */
    STACK_OF(X509) * roots;
    char **revoked; /* serial numbers and SPIFFE IDs, sorted */
    size_t revoked_count;
};

/* Copies what it is given; roots are referenced. With one reference. revoked must be sorted by
 * strcmp. */
int pil_bundle_new(const char *domain, STACK_OF(X509) * roots, char *const *revoked,
                   size_t revoked_count, uint64_t version, struct pil_bundle **out) PIL_USERESULT;

/* NULL is legal for both. */
const struct pil_bundle *pil_bundle_ref(const struct pil_bundle *bundle);
void pil_bundle_unref(const struct pil_bundle *bundle);

/* Either text may be NULL. */
bool pil_bundle_revoked(const struct pil_bundle *bundle, const char *serial, const char *id);

#endif
