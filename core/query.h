/*
 * The question and the answer: what every decision in Pillion is made of.
 *
 * Plain data, no ownership: the strings of a query belong to whoever asked. Zeroed memory is a
 * query that nothing can match and a verdict that refuses, so a forgotten field fails closed.
 * Threads, fork, signals: data only.
 */
#ifndef PIL_CORE_QUERY_H
#define PIL_CORE_QUERY_H

#include <stdint.h>

#include "core/addr.h"
#include "core/bytes.h"

/* What the program wants to do. The numbers are on the wire and in images. */
#define PIL_ACTION_LIST(X)                                                                         \
    X(CONNECT, 1, "connect")                                                                       \
    X(ACCEPT, 2, "accept")                                                                         \
    X(LISTEN, 3, "listen")                                                                         \
    X(SEND, 4, "send")                                                                             \
    X(RESOLVE, 5, "resolve")

enum pil_action {
    PIL_ACTION_NONE = 0,
#define PIL_ACTION_ENUM(id, number, text) PIL_ACTION_##id = number,
    PIL_ACTION_LIST(PIL_ACTION_ENUM)
#undef PIL_ACTION_ENUM
        PIL_ACTION_COUNT
};

/*
 * Conditions that an enforcement point may or may not see. A query says which of them it carries
 * (`seen`); an image says which of them any of its rules looks at (`fields`), and the shim leaves
 * out of the query, and so out of the cache key, what nobody looks at.
 */
enum pil_field {
    PIL_FIELD_NAME = 1u << 0,   /* host name that gave the address */
    PIL_FIELD_SOURCE = 1u << 1, /* address of the peer, on accept */
    PIL_FIELD_CALLER = 1u << 2, /* base name of the calling module */
    PIL_FIELD_PEER = 1u << 3,   /* SPIFFE ID at the other end, on connect and accept */
};
#define PIL_FIELD_ALL 15u
/* What a process may tell. Who is at the other end is policyd's finding alone, so there is no way
 * to say it on the wire or in a ring. */
#define PIL_FIELD_TOLD (PIL_FIELD_ALL & ~(unsigned)PIL_FIELD_PEER)

/* Asked ahead of the call, which may never be made: answered like any other, but neither logged nor
 * counted, because nothing has happened yet. */
#define PIL_QUERY_AHEAD 1u

/* A connect that is asked before a handshake can have shown who is there. When the endpoint is one
 * whose connections are secured, rules with a peer condition allow as if it held and do not deny,
 * and policyd asks again with the peer after the handshake; everywhere else the peer is unseen.
 * Never beside a seen PIL_FIELD_PEER. */
#define PIL_QUERY_PEER_LATER 2u
#define PIL_QUERY_FLAGS      (PIL_QUERY_AHEAD | PIL_QUERY_PEER_LATER)

/* Bytes of a SPIFFE ID at most. */
#define PIL_PEER_MAX 255u

struct pil_query {
    uint8_t action;          /* enum pil_action */
    uint8_t kind;            /* enum pil_kind of the resource */
    uint8_t seen;            /* enum pil_field: what this enforcement point could tell. A seen
                                name may be empty: the program resolved none */
    uint8_t flags;           /* PIL_QUERY_FLAGS */
    uint16_t port;           /* host order; PIL_KIND_INET */
    struct pil_ip ip;        /* PIL_KIND_INET */
    struct pil_ip source;    /* PIL_FIELD_SOURCE */
    struct pil_slice name;   /* INET: host name or empty. NAME: the name. UNIX: the path.
                                OTHER: "family:NUMBER".
                                Host names are lower case without a final dot. */
    struct pil_slice caller; /* PIL_FIELD_CALLER: "libpq.so.5"; the program itself: its name */
    struct pil_slice peer;   /* PIL_FIELD_PEER: "spiffe://corp.example/web", whose certificate was
                                checked; empty: the peer is not authenticated. Only policyd sets
                                it, after a handshake; never taken from a process */
};

/* Who asks, as policyd attested it; never taken from the process itself. */
struct pil_subject {
    uint32_t workload; /* index in the image's workload table; 0: none matched */
    uint32_t uid;
};

/* Refusal is the zero. */
enum pil_effect {
    PIL_DENY = 0,
    PIL_ALLOW = 1,
    PIL_THROTTLE = 2,
};

/* Why. The numbers are on the wire and in rings; append only. */
#define PIL_REASON_LIST(X)                                                                         \
    X(UNDECIDED, 0, "undecided", "nothing has decided")                                            \
    X(RULE_ALLOW, 1, "rule-allow", "an allow rule matched and no deny rule did")                   \
    X(RULE_DENY, 2, "rule-deny", "a deny rule matched")                                            \
    X(DEFAULT_ALLOW, 3, "default-allow", "no rule matched; the default is allow")                  \
    X(DEFAULT_DENY, 4, "default-deny", "no rule matched; the default is deny")                     \
    X(NO_DEFAULT, 5, "no-default", "no rule matched and there is no default")                      \
    X(UNSEEN_FIELD, 6, "unseen-field", "a deny rule has a condition that cannot be seen here")     \
    X(UNREACHABLE, 7, "unreachable", "policyd cannot be reached")                                  \
    X(TIMED_OUT, 8, "timed-out", "policyd did not answer in time")                                 \
    X(REFUSED, 9, "refused", "policyd refused to decide")                                          \
    X(MALFORMED, 10, "malformed", "policyd's answer or the question was malformed")                \
    X(POLICY_STALE, 11, "policy-stale", "the policy in force is older than max_age")               \
    X(NO_POLICY, 12, "no-policy", "policyd has no policy yet")                                     \
    X(LOG_FULL, 13, "log-full", "the decision log cannot be written and the choice is deny")       \
    X(LIMIT, 14, "limit", "a limit of policyd is reached")                                         \
    X(SWITCHED, 15, "switched", "the host's kill switch lets everything through")                  \
    X(UNENCRYPTED, 16, "unencrypted", "the service wants encryption, which datagrams have not")

enum pil_reason {
#define PIL_REASON_ENUM(id, number, name, text) PIL_REASON_##id = number,
    PIL_REASON_LIST(PIL_REASON_ENUM)
#undef PIL_REASON_ENUM
        PIL_REASON_COUNT
};

/* What policies in stage shadow would have changed. */
enum pil_shadow {
    PIL_SHADOW_NONE = 0, /* same outcome, or no shadow policy applies */
    PIL_SHADOW_WOULD_DENY,
    PIL_SHADOW_WOULD_ALLOW,
};

/* Obligation: encryption mode, strictest last, so that the union is the maximum. It is about
 * streams: on a socket of another type, of which a verdict knows nothing, REQUIRED cannot be kept
 * and who asked has to refuse, and PERMISSIVE goes as it is. */
enum pil_encrypt {
    PIL_ENCRYPT_UNSET = 0,
    PIL_ENCRYPT_OFF,
    PIL_ENCRYPT_PERMISSIVE,
    PIL_ENCRYPT_NATIVE,
    PIL_ENCRYPT_REQUIRED,
};

/* Where a decision was taken, for logs and counters. */
enum pil_tier {
    PIL_TIER_NONE = 0,
    PIL_TIER_PROCESS, /* cache in the process */
    PIL_TIER_HOST,    /* cache in policyd */
    PIL_TIER_ENGINE,  /* evaluated */
    PIL_TIER_FAIL,    /* the fail-closed rule of the shim */
    PIL_TIER_COUNT
};

#define PIL_NO_INDEX UINT32_MAX

struct pil_verdict {
    uint8_t effect;         /* enum pil_effect */
    uint8_t reason;         /* enum pil_reason */
    uint8_t shadow;         /* enum pil_shadow */
    uint8_t shadow_reason;  /* enum pil_reason of the shadow outcome, when shadow is not NONE */
    uint8_t encrypt;        /* enum pil_encrypt: what the endpoint asks for, allowed or not */
    uint8_t tier;           /* enum pil_tier */
    uint16_t error;         /* errno for the program when effect is not ALLOW; 0: the default of
                               the action (EACCES; accept: ECONNABORTED) */
    uint32_t rule;          /* deciding rule of the image, or PIL_NO_INDEX */
    uint32_t policy;        /* deciding policy (of the rule or of the default), or PIL_NO_INDEX:
                               the mesh-wide default or none */
    uint32_t shadow_rule;   /* as rule, for the shadow outcome */
    uint32_t shadow_policy; /* as policy, for the shadow outcome */
    uint32_t ttl_ms;        /* how long it may be cached; 0: not at all */
    uint64_t generation;    /* policy generation it was made under */
};

/* "connect", ... ; "none" for a number that is not on the list. Never NULL. */
const char *pil_action_name(unsigned action);
/* enum pil_action of a name, PIL_ACTION_NONE when there is none such. */
unsigned pil_action_parse(struct pil_slice name);
const char *pil_effect_name(unsigned effect); /* "deny", "allow", "throttle" */
const char *pil_reason_name(unsigned reason); /* "rule-allow", ... ; "undecided" otherwise */
const char *pil_reason_text(unsigned reason); /* the sentence */
const char *pil_shadow_name(unsigned shadow); /* "none", "would-deny", "would-allow" */
const char *pil_encrypt_name(unsigned mode);  /* "unset", "off", "permissive", ... */
const char *pil_tier_name(unsigned tier);     /* "none", "process", "host", "engine", "fail" */

/* Appends the resource as people write it: "10.0.0.1:5432", "[fd00::1]:443",
 * "ledger.corp.example:5432 (10.0.0.1)", "unix:/run/x.sock", "ledger.corp.example". */
void pil_query_print(const struct pil_query *q, struct pil_text *out);

/* Errno the program gets for this verdict; 0 when it allows. Never anything but the documented
 * ones: EACCES, ECONNREFUSED, ETIMEDOUT, ECONNABORTED. */
int pil_verdict_errno(const struct pil_verdict *v, unsigned action);

#endif
