/*
 * Whether a peer's certificates are to be believed: SPIFFE's check (policyd/identity), the times
 * now, and the names that are expected.
 *
 * The check of a chain is remembered for a minute, by the certificates themselves and the version
 * of the roots, since busy peers present the same one again and again. Times and names are looked
 * at every time; that the peer holds the key is OpenSSL's to prove, every time; revocation is
 * asked elsewhere, every time.
 *
 * Cost: two signatures checked, or a hash of the certificates. Errors: a reason with detail.
 * Threads: any.
 */
#ifndef PIL_POLICYD_TLS_VETTED_H
#define PIL_POLICYD_TLS_VETTED_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/defs.h"
#include "core/tls_reason.h"
#include "policyd/identity/bundle.h"
#include "policyd/tls/handshake.h"

struct pil_vetted;

struct pil_vet_order {
    const struct pil_bundle *bundle;
    X509 *leaf;
    STACK_OF(X509) * chain; /* what else the peer presented; may hold the leaf; may be NULL */
    time_t now;
    const char *const *expect; /* patterns for the SPIFFE ID */
    unsigned expect_count;     /* 0: any */
};

/* How long a check holds, in seconds. */
#define PIL_VETTED_SECONDS 60

int pil_vetted_open(struct pil_vetted **out) PIL_USERESULT;

/* Fills in peer, serial and times, whatever the answer, as far as they can be read. PIL_TLS_NONE:
 * believed. Otherwise the reason, also in result->reason, with its detail. */
enum pil_tls_reason pil_vetted_check(struct pil_vetted *v, const struct pil_vet_order *order,
                                     struct pil_hand_result *result) PIL_USERESULT;

/* Checks that were made in full, for tests and measurements. */
uint64_t pil_vetted_full(struct pil_vetted *v);

void pil_vetted_close(struct pil_vetted *v); /* NULL is legal */

#endif
