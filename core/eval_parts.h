/*
 * What eval.c, eval_when.c and eval_explain.c share, and nobody else includes.
 *
 * Cost, errors, threads: as eval.h.
 */
#ifndef PIL_CORE_EVAL_PARTS_H
#define PIL_CORE_EVAL_PARTS_H

#include "core/eval.h"
#include "core/image_layout.h"

/* One question under way. */
struct pil_eval_asked {
    const struct pil_layout_head *head;
    const struct pil_subject *who;
    const struct pil_query *q;
    const struct pil_eval_env *env;
    unsigned bucket; /* 0..99 */
    uint32_t ttl_ms; /* shortened by every time condition that is looked at */
    bool peer_later; /* a handshake will tell who is there, and then it is asked again */
};

/* Connections under this encryption end in a handshake of policyd's. */
static inline bool pil_eval_secures(unsigned encrypt)
{
    return encrypt == PIL_ENCRYPT_REQUIRED || encrypt == PIL_ENCRYPT_PERMISSIVE;
}

/*
 * What the conditions say: PIL_STEP_MATCH, PIL_STEP_LATER when all hold but for a peer that is not
 * known yet, PIL_STEP_UNSEEN when one of them cannot be seen, or
 * the first that does not fit. Shortens the TTL to where a time condition changes its mind.
 */
enum pil_step pil_eval_when(struct pil_eval_asked *a, const struct pil_layout_when *when);

/* The name of the question stands for an address, and this enforcement point cannot tell it. */
bool pil_eval_name_unseen(const struct pil_query *q);

#endif
