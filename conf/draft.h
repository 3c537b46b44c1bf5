/*
 * The things that a parse is in the middle of; between conf/keywords.c, whose tables say where in
 * it a value goes, and conf/schema.c, which fills it.
 *
 * Data only.
 */
#ifndef PIL_CONF_DRAFT_H
#define PIL_CONF_DRAFT_H

#include "conf/model.h"

/*
 * What is being read: one thing of each kind, moved into the model when its block ends. Inner
 * blocks end before outer ones, so a rule is complete before its policy is.
 */
struct pil_draft {
    struct pil_workload workload; /* first: an offset of 0 is "no flag" in the tables */
    struct pil_model top;         /* what stands outside of all blocks, of this file */
    struct pil_role role;
    struct pil_service service;
    struct pil_policy policy;
    struct pil_rule rule;
    struct pil_route route;
    bool has_limit, has_per, has_failures, has_open;
};

#endif
