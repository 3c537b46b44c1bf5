/*
 * Why a handshake or a connection of TLS was refused: one list, for logs, metrics and the wire.
 *
 * Names and sentences only. What a peer did wrong and what this side decided have each their own
 * number, so that a metric by reason tells them apart.
 * Cost: none. Errors: none. Threads, fork, signals: safe everywhere.
 */
#ifndef PIL_CORE_TLS_REASON_H
#define PIL_CORE_TLS_REASON_H

/* The numbers are on the wire and in rings; append only. The last column is the errno with which a
 * connect() ends. */
#define PIL_TLS_REASON_LIST(X)                                                                     \
    X(NONE, 0, "none", "nothing was refused", 0)                                                   \
    X(WRONG_ROOT, 1, "wrong-root", "the peer's certificate leads to no root that is trusted here", \
      ECONNREFUSED)                                                                                \
    X(SELF_SIGNED, 2, "self-signed", "the peer's certificate is signed by itself", ECONNREFUSED)   \
    X(EXPIRED, 3, "expired", "the peer's certificate is no longer valid", ECONNREFUSED)            \
    X(NOT_YET_VALID, 4, "not-yet-valid", "the peer's certificate is not valid yet", ECONNREFUSED)  \
    X(BAD_CHAIN, 5, "bad-chain", "the path from the peer's certificate to a root breaks a rule",   \
      ECONNREFUSED)                                                                                \
    X(NO_URI, 6, "no-uri", "the peer's certificate names no SPIFFE ID", ECONNREFUSED)              \
    X(MANY_URIS, 7, "many-uris", "the peer's certificate has more than one URI name",              \
      ECONNREFUSED)                                                                                \
    X(BAD_SVID, 8, "bad-svid", "the peer's certificate breaks a rule of SPIFFE", ECONNREFUSED)     \
    X(WRONG_DOMAIN, 9, "wrong-domain", "the peer belongs to another trust domain", EACCES)         \
    X(WRONG_ID, 10, "wrong-id", "the peer is none of those that the service may be", EACCES)       \
    X(REVOKED, 11, "revoked", "the peer's identity is revoked", EACCES)                            \
    X(NO_CERTIFICATE, 12, "no-certificate", "the peer presents no certificate", ECONNREFUSED)      \
    X(NO_IDENTITY, 13, "no-identity", "this side has no identity to present", EACCES)              \
    X(BAD_VERSION, 14, "bad-version", "the peer does not speak TLS 1.3", ECONNREFUSED)             \
    X(BAD_CIPHER, 15, "bad-cipher", "no suite, group or signature that both sides speak",          \
      ECONNREFUSED)                                                                                \
    X(NO_PROTOCOL, 16, "no-protocol", "the peer insists on an application protocol of its own",    \
      ECONNREFUSED)                                                                                \
    X(PLAINTEXT, 17, "plaintext", "the peer does not speak TLS", ECONNREFUSED)                     \
    X(NO_HELLO, 18, "no-hello", "the peer closed before its first byte", ECONNREFUSED)             \
    X(TRUNCATED, 19, "truncated", "the peer closed in the middle of the handshake", ECONNREFUSED)  \
    X(RESET, 20, "reset", "the connection was reset", ECONNREFUSED)                                \
    X(UNREACHABLE, 21, "unreachable", "the connection could not be made", ECONNREFUSED)            \
    X(TIMEOUT, 22, "timeout", "the handshake was not done in time", ETIMEDOUT)                     \
    X(MALFORMED, 23, "malformed", "the peer's messages break the rules of TLS", ECONNREFUSED)      \
    X(FORGED, 24, "forged", "a record or signature does not hold: replayed, forged or damaged",    \
      ECONNREFUSED)                                                                                \
    X(PEER_REFUSED, 25, "peer-refused", "the peer refused the handshake", ECONNREFUSED)            \
    X(PEER_DENIED, 26, "peer-denied", "the peer's policy denies the connection", EACCES)           \
    X(DENIED, 27, "denied", "the policy denies the connection", EACCES)                            \
    X(LIMIT, 28, "limit", "too many handshakes are under way", ECONNREFUSED)                       \
    X(STOPPED, 29, "stopped", "policyd is ending", ECONNREFUSED)                                   \
    X(INTERNAL, 30, "internal", "this side could not go on", EACCES)

enum pil_tls_reason {
#define PIL_TLS_REASON_ENUM(id, number, name, text, error) PIL_TLS_##id = number,
    PIL_TLS_REASON_LIST(PIL_TLS_REASON_ENUM)
#undef PIL_TLS_REASON_ENUM
        PIL_TLS_REASON_COUNT
};

/* "none", "wrong-root", ...; "internal" for a number that is not on the list. Never NULL. */
const char *pil_tls_reason_name(unsigned reason);

/* The sentence; that of "internal" for a number that is not on the list. Never NULL. */
const char *pil_tls_reason_text(unsigned reason);

/* errno for the program whose connect() ended so; 0 only for PIL_TLS_NONE. */
int pil_tls_reason_errno(unsigned reason);

#endif
