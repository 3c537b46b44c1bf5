/*
 * Why OpenSSL gave up: its error queue and what the connection saw, as one reason and a sentence.
 *
 * Cost: only on failure. Errors: none; what is not known is "malformed" when the peer can have
 * caused it. Threads: the error queue is that of the calling thread, and is empty afterwards.
 */
#ifndef PIL_POLICYD_TLS_REASON_H
#define PIL_POLICYD_TLS_REASON_H

#include <stddef.h>

#include "core/tls_reason.h"
#include "policyd/tls/peer_bio.h"

/* After a call of OpenSSL has failed for good on this peer. detail gets a text without line ends.
 * PIL_TLS_NONE: the failure is one of verification, whose reason the verifier has kept. */
enum pil_tls_reason pil_reason_of_failure(const struct pil_peer *peer, char *detail, size_t size);

/* The same for a system call on the connection that gave this errno. */
enum pil_tls_reason pil_reason_of_errno(int error, char *detail, size_t size);

/* enum pil_err for a reason, as struct pil_hand_result has it. */
int pil_reason_err(enum pil_tls_reason reason);

/* The error of X509_verify_cert that makes OpenSSL send the alert which fits the reason. */
int pil_reason_x509(enum pil_tls_reason reason);

#endif
