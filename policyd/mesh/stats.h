/*
 * What is counted of secured connections. Plain numbers of the main thread; metrics and status
 * read them.
 */
#ifndef PIL_POLICYD_MESH_STATS_H
#define PIL_POLICYD_MESH_STATS_H

#include <stdint.h>

#include "core/tls_reason.h"
#include "core/wire_tls.h"

/* Why a standing connection was cut. */
#define PIL_CUT_LIST(X)                                                                            \
    X(POLICY, "policy", "the policy denies it")                                                    \
    X(ENCRYPT, "encrypt", "the policy asks for encryption now")                                    \
    X(REVOKED, "revoked", "the peer's identity is revoked")                                        \
    X(IDENTITY, "identity", "the service may be somebody else only")                               \
    X(EXPIRED, "expired", "the peer's certificate has expired")

enum pil_cut {
#define PIL_CUT_ENUM(id, name, text) PIL_CUT_##id,
    PIL_CUT_LIST(PIL_CUT_ENUM)
#undef PIL_CUT_ENUM
        PIL_CUT_COUNT
};

#define PIL_HAND_BUCKETS 6u

struct pil_mesh_stats {
    uint64_t delegated, delegate_refused;         /* listening sockets */
    uint64_t accepted, delivered;                 /* on them */
    uint64_t good[2], resumed[2], plain[2];       /* by enum pil_tls_role */
    uint64_t refused[2][PIL_TLS_REASON_COUNT];    /* likewise */
    uint64_t took[PIL_HAND_BUCKETS + 1], took_ns; /* of those that were good */
    uint64_t opened[PIL_PATH_COUNT];              /* connections by path */
    uint64_t demoted, demote_refused;
    uint64_t cut[PIL_CUT_COUNT], cut_failed;
    uint64_t relayed_in, relayed_out; /* bytes of relays that have ended */
};

/* Upper bounds of the buckets, nanoseconds. */
extern const uint64_t pil_mesh_bounds[PIL_HAND_BUCKETS];

void pil_mesh_took(struct pil_mesh_stats *s, uint64_t ns);
const char *pil_cut_name(enum pil_cut why);
const char *pil_cut_text(enum pil_cut why);

#endif
