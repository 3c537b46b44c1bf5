/*
 * What the parts of the check share; pil_check of conf/policy.h is the way in.
 *
 * check.c finds titles, check_graph.c circles and depths, check_rule.c what a rule says by
 * itself, check_peer.c encryption and peers, check_reach.c rules that can never decide. All of them
 * read the model and tell the diag; nothing changes.
 *
 * Cost: n log n in the things, and a fixed budget for comparing rules with each other.
 * Threads: one at a time.
 */
#ifndef PIL_CONF_CHECK_H
#define PIL_CONF_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/diag.h"
#include "conf/model.h"
#include "core/bytes.h"

/* One title of a kind and the thing that has it. */
struct pil_check_title {
    const char *title;
    struct pil_at at;
    size_t index; /* in the model's array */
};

/* All titles of a kind, sorted. */
struct pil_check_titles {
    struct pil_check_title *item;
    size_t count;
};

struct pil_check {
    const struct pil_model *model;
    struct pil_diag *diag;
    struct pil_check_titles workload, role, service, policy;
    bool *inherited; /* per policy: another one inherits it */
    size_t budget;   /* comparisons between rules that are left */
    bool partial;    /* parts of the text were refused: only what is wrong all the same is told */
    bool nomem;
};

#define PIL_CHECK_NONE ((size_t)-1)

/* The check of a model of which the loader refused some values: duplicate titles, names that lead
 * nowhere and circles, so that they are told together with what the loader found. */
void pil_check_partial(const struct pil_model *model, struct pil_diag *diag);

/* Index of the thing with that title, or PIL_CHECK_NONE. */
size_t pil_check_find(const struct pil_check_titles *titles, const char *title);

/* Place of item i of a list. */
struct pil_at pil_check_item_at(const struct pil_strings *list, size_t i);

/* The title behind "prefix", or NULL when text does not begin with it. */
const char *pil_check_behind(const char *text, const char *prefix);

/* Circles and depths of roles and of policies. */
void pil_check_graphs(struct pil_check *c);

/* All that can be said of a rule without looking at others; of a partial model only its names. */
void pil_check_rule(struct pil_check *c, const struct pil_policy *policy,
                    const struct pil_rule *rule);

/* Encryption that cannot be, and such as nobody could pass. */
void pil_check_service(struct pil_check *c, const struct pil_service *service);

/* A condition on peers where nobody shows who they are. */
void pil_check_peer(struct pil_check *c, const struct pil_rule *rule);

/* Rules that another one makes pointless. */
void pil_check_reach(struct pil_check *c, const struct pil_policy *policy);

/* enum pil_action as bits: which actions a rule is about. */
unsigned pil_check_actions(const struct pil_rule *rule);

#endif
