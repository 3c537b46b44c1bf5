/*
 * What the parts of a merge share; pil_merge of cli/rules/merge.h is the way in.
 *
 * merge.c goes the whole way, sights.c tells which values of a policy were seen and which not,
 * place.c finds where something new belongs. Threads: one.
 */
#ifndef PIL_CLI_RULES_MERGE_PARTS_H
#define PIL_CLI_RULES_MERGE_PARTS_H

#include "cli/rules/cover.h"
#include "cli/rules/draft.h"
#include "cli/rules/edit.h"
#include "cli/rules/merge.h"
#include "cli/rules/who.h"

struct pil_merging {
    const struct pil_merge_wishes *wishes;
    const struct pil_seen_list *seen;
    bool fresh;             /* there is no policy yet */
    char *text;             /* of the file; "" when fresh */
    struct pil_model model; /* likewise */
    struct pil_cover cover; /* likewise */
    struct pil_edit edit;
    bool *wanted;            /* of each that was seen: it has to be covered at the end */
    struct pil_times *sight; /* of each value that was seen, by where it stands */
    size_t *sight_at, sights;
    size_t added, kept, unseen, opposed, refused, unsaid; /* for the last sentence */
    struct pil_shape shape;
    char **titles; /* of services that were added */
    size_t title_count;
    char **paths; /* unix paths that the policy allows */
    size_t path_count;
};

/* Adds what was seen of a covered decision to the values that cover it. */
int pil_sights_credit(struct pil_merging *m, const struct pil_seen *seen, const char *policy,
                      const char *rule) PIL_USERESULT;

/* Tells the values of allow rules that nothing was seen of. */
void pil_sights_tell_unseen(struct pil_merging *m);

/* Unix paths that allow rules name, for the shapes of new ones. */
int pil_sights_paths(struct pil_merging *m) PIL_USERESULT;

/* Index of a policy of this very file that applies to the workload, that workload alone if there
 * is one such; SIZE_MAX: none. */
size_t pil_place_policy(const struct pil_merging *m, const char *workload);

/* Puts the rules of one workload into that policy. */
int pil_place_into(struct pil_merging *m, size_t policy, const char *workload,
                   const struct pil_grants *grants) PIL_USERESULT;

/* Writes workloads, services, roles and one policy behind everything. `titled` has a bit for each
 * subject that is a workload already. */
int pil_place_new(struct pil_merging *m, const struct pil_who_list *who, uint64_t titled,
                  const struct pil_grants *grants) PIL_USERESULT;

/* Tells what is added: "+ connect 127.0.0.1:6379 (redis-cli)". */
void pil_place_tell(struct pil_merging *m, const struct pil_grants *grants,
                    const char *const *subject);

#endif
