/*
 * The evaluator: image x subject x query -> verdict, a pure function.
 *
 * Order (independent of the order of rules):
 *   1. any matching enforced deny, own or inherited -> deny
 *   2. else any matching enforced allow -> allow, with the strictest of all their obligations
 *   3. else the nearest default on the inheritance path, mesh-wide last; without one, deny
 * Among several rules of the deciding kind the one named is the first in the image's canonical
 * order, so the answer is the same whatever order the text had. A rule with a condition that the
 * query does not carry (pil_query.seen) never allows and always denies. Policies in stage shadow
 * never change the outcome; what they would have changed stands beside it.
 *
 * Encryption is the endpoint's and not the rule's: the verdict carries the strictest of all
 * services whose endpoint the question is about, whatever allowed it. A datagram to one that
 * requires it is denied, because nothing encrypts datagrams. A listener on all addresses is at
 * every endpoint that has its port.
 *
 * Cost: a number of index probes fixed by the shapes of prefixes and ports that the policy uses,
 * plus the rules that can apply to this workload, action and resource; not the number of rules.
 * No allocation, no system call. Errors: none; what cannot be decided is a denial with its reason.
 * Threads, fork, signals: safe everywhere.
 */
#ifndef PIL_CORE_EVAL_H
#define PIL_CORE_EVAL_H

#include "core/image.h"
#include "core/query.h"

/* What the world adds to a question. */
struct pil_eval_env {
    int64_t now;                /* UTC, seconds since 1970 */
    const int32_t *zone_offset; /* seconds east of UTC now, per zone of the image */
    uint32_t zone_count;        /* must be pil_image_zones(img), else time conditions are unseen */
    uint8_t host_bucket;        /* 0..99: this host's place in rollouts (rollout > bucket: in) */
    uint32_t ttl_ms;            /* longest TTL to give; shortened to the next edge of a time
                                   condition that was looked at */
};

/* Fills *out wholly; out->generation and out->tier are left zero for the caller. */
void pil_eval(const struct pil_image *img, const struct pil_subject *who, const struct pil_query *q,
              const struct pil_eval_env *env, struct pil_verdict *out);

/*
 * Encryption that the endpoint of a question asks for (enum pil_encrypt), as in the verdict.
 * UNSET: none. For an accept the address is the own one of the connection.
 */
uint8_t pil_eval_encrypt(const struct pil_image *img, const struct pil_query *q);

/*
 * Calls tell for the identity of every service whose endpoint the question, a connect, is about;
 * twice for one that stands twice. Returns how many calls; 0: none of them has one. The text lives
 * as long as the image.
 */
unsigned pil_eval_identities(const struct pil_image *img, const struct pil_query *q,
                             void (*tell)(void *cookie, const char *identity), void *cookie);

/* Why a rule that was looked at did or did not match, for people. */
enum pil_step {
    PIL_STEP_MATCH = 0,
    PIL_STEP_UNSEEN,  /* a condition cannot be seen here */
    PIL_STEP_STAGE,   /* its policy is off, or this host is outside its rollout */
    PIL_STEP_SUBJECT, /* another workload's rule */
    PIL_STEP_ACTION,
    PIL_STEP_RESOURCE, /* address, name or path */
    PIL_STEP_PORT,
    PIL_STEP_SOURCE,
    PIL_STEP_HOURS,
    PIL_STEP_DAYS,
    PIL_STEP_UID,
    PIL_STEP_CALLER,
    PIL_STEP_PEER,
    PIL_STEP_LATER, /* fits but for the peer, which a handshake has still to tell: an allow rule
                       counts, a deny rule does not */
};

struct pil_eval_step {
    uint32_t rule;
    uint32_t policy;
    enum pil_step outcome; /* the first thing that did not fit */
    uint8_t fits;          /* how many of subject, action, resource, port and conditions fitted
                              before and besides: nearness, for sorting */
    uint8_t effect;        /* what the rule would say */
    bool shadow;           /* its policy is in stage shadow */
    const char *wanted;    /* what the rule asks for where it did not fit; points into buf of
                              pil_eval_explain's caller or into the image */
};

/*
 * The same decision, plus one call for every rule of the image, matching or not, in canonical
 * order. Linear in the image: for people, not for programs. The step is valid during the call.
 */
void pil_eval_explain(const struct pil_image *img, const struct pil_subject *who,
                      const struct pil_query *q, const struct pil_eval_env *env,
                      struct pil_verdict *out,
                      void (*step)(void *cookie, const struct pil_eval_step *step), void *cookie);

/* "matches", "condition cannot be seen here", "policy is off", ... Never NULL. */
const char *pil_step_text(enum pil_step step);

#endif
