/*
 * What a policy says to what was seen: the policy's own decision about each, by the evaluator that
 * policyd uses. Stages are taken as if enforced, so that a policy in shadow can be worked on.
 *
 * Memory: everything that a struct holds belongs to it. Errors: enum pil_err. Threads: one.
 */
#ifndef PIL_CLI_RULES_COVER_H
#define PIL_CLI_RULES_COVER_H

#include "cli/rules/seen.h"
#include "conf/diag.h"
#include "conf/policy.h"

enum pil_covered {
    PIL_COVERED = 0,
    PIL_MISSING, /* no rule allows it */
    PIL_OPPOSED, /* a rule denies it, and no other rule can help */
};

struct pil_cover {
    struct pil_image image;
    void *block;
    size_t len;
    int32_t *offsets; /* of the image's time zones, now */
    uint32_t zones;
    int64_t now;
};

/* Loads the files; messages go to the diag. */
int pil_cover_open(struct pil_cover *cover, const char *path, struct pil_diag *diag) PIL_USERESULT;
void pil_cover_close(struct pil_cover *cover);

/* Judges. *workload is the title of the subject, "" for none; *policy and *rule are those that
 * decided, "" when there is none; all live as long as the cover. */
enum pil_covered pil_cover_judge(const struct pil_cover *cover, const struct pil_seen *seen,
                                 const char **workload, const char **policy, const char **rule);

/* Does a resource of the language, not a service, speak of it? Ports count but for resolve. */
bool pil_cover_fits(const char *resource, size_t len, const struct pil_seen *seen);

/* Does a prefix hold its peer? */
bool pil_cover_peer_fits(const char *prefix, size_t len, const struct pil_seen *seen);

#endif
