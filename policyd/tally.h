/*
 * Decisions added up: each distinct one once, with how often, when first and when last.
 *
 * Distinct is who (executable, user, unit, workload), what (action, resource, peer, caller) and how
 * it was decided, with policies and rules by name, so that a reload of the policy changes nothing
 * that was kept. Memory is bounded in bytes: when it is full, what is already there counts on, and
 * what is new is counted as missed.
 *
 * Cost: building and hashing a key of some hundred bytes; one allocation for each distinct one.
 * Errors: none but memory at open; a tally that gets no memory misses. Threads: main thread only.
 */
#ifndef PIL_POLICYD_TALLY_H
#define PIL_POLICYD_TALLY_H

#include <jansson.h>

#include "core/query.h"

struct pil_tally;

/* What is added. Texts may be NULL, which is the same as "". */
struct pil_tally_item {
    const char *exe, *user, *unit, *cgroup, *workload;
    const char *policy, *rule;               /* that decided */
    const char *shadow_policy, *shadow_rule; /* that would have */
    uint32_t uid;
    struct pil_query query;
    struct pil_verdict verdict; /* effect, reason, shadow and shadow_reason are used */
};

int pil_tally_open(size_t max_bytes, struct pil_tally **out) PIL_USERESULT;
void pil_tally_close(struct pil_tally *t); /* NULL is legal */

/* Adds it `calls` times. */
void pil_tally_add(struct pil_tally *t, const struct pil_tally_item *item, uint64_t calls,
                   uint64_t realtime_ns);

void pil_tally_reset(struct pil_tally *t);

/* Calls that were added, those that were missed, entries and their bytes. */
struct pil_tally_counts {
    uint64_t calls, missed;
    size_t entries, bytes, max_bytes;
};
void pil_tally_count(const struct pil_tally *t, struct pil_tally_counts *out);

/* A list of all entries, in no order. The keys are those of the decision log (record.c), and user,
 * unit, cgroup, shadow_reason, count, first, last. NULL when memory is out. */
json_t *pil_tally_json(const struct pil_tally *t);

#endif
