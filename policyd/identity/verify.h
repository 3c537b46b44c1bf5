/*
 * SPIFFE's rules about certificates (X509-SVID, sections 4 and 5), and the validation of a peer.
 *
 * Cost: a path validation, 0.1 to 0.3 ms. Errors: enum pil_tls_reason with a sentence that names
 * what was found and what is legal; times are told with the time here. Memory: none is kept.
 * Threads: safe everywhere.
 */
#ifndef PIL_POLICYD_IDENTITY_VERIFY_H
#define PIL_POLICYD_IDENTITY_VERIFY_H

#include <stddef.h>
#include <time.h>

#include <openssl/x509.h>

#include "core/defs.h"
#include "core/tls_reason.h"
#include "policyd/identity/bundle.h"

/*
 * Is that peer who it says, by our roots, now, and not revoked? PIL_OK with its SPIFFE ID in id;
 * else PIL_E_PEER with the reason and a sentence in detail, and in id what it claims to be when
 * that could be read ("" otherwise). chain may be NULL and may hold the leaf as well. cap: an
 * ID that does not fit is refused.
 */
int pil_identity_check_peer(const struct pil_bundle *bundle, X509 *leaf, STACK_OF(X509) * chain,
                            time_t now, char *id, size_t cap, enum pil_tls_reason *reason,
                            char *detail, size_t detail_cap) PIL_USERESULT;

/* The rules for a leaf alone, without its path and time. */
enum pil_tls_reason pil_verify_leaf(X509 *leaf, char *id, size_t cap, char *detail,
                                    size_t detail_cap);

/* The rules for a root of this trust domain: a CA, which may sign certificates, whose name, if it
 * has one, is that of the domain. PIL_E_SYNTAX with a sentence. */
int pil_verify_root(X509 *root, const char *domain, char *detail, size_t detail_cap) PIL_USERESULT;

#endif
