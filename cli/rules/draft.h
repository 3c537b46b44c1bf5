/*
 * Grants put into the things of the policy language: services, roles and rules with their titles,
 * each as short as it can be said, in an order that depends on nothing but what is said.
 *
 * A host name that is looked up and reached becomes a service. Grants with the same subjects, the
 * same actions and the same peers become one rule. A set of several subjects that more than one
 * rule speaks of becomes a role.
 *
 * Memory: the draft owns everything. Errors: enum pil_err. Threads: one.
 */
#ifndef PIL_CLI_RULES_DRAFT_H
#define PIL_CLI_RULES_DRAFT_H

#include "cli/rules/grant.h"

/* One value of a list. */
struct pil_draft_line {
    char *text;
    struct pil_times times; /* count 0: nothing to be said */
    const char *note;
};

struct pil_draft_list {
    struct pil_draft_line *item;
    size_t count, room;
};

struct pil_draft_rule {
    char *title;
    uint64_t who;
    unsigned actions;
    struct pil_draft_list resources, sources;
};

struct pil_draft_service {
    char *title;
    char *host;
    bool known; /* it is there already */
    uint64_t who;
    unsigned actions;
    struct pil_draft_list endpoints;
};

struct pil_draft_role {
    char *title;
    uint64_t who;
};

struct pil_draft {
    const char *title;          /* of the policy; roles are named after it */
    const char *const *subject; /* titles of the workloads, by bit of `who` */
    uint64_t all;               /* those that the policy applies to */
    /* True when something is called that already; may be NULL. kind: "service", "role", "rule". */
    bool (*taken)(void *cookie, const char *kind, const char *title);
    /* Title of a service that has exactly these endpoints, or NULL; may be NULL. */
    const char *(*known)(void *cookie, const struct pil_draft_list *endpoints);
    void *cookie;
    bool no_services; /* write host names into rules */
    struct pil_draft_service *service;
    struct pil_draft_role *role;
    struct pil_draft_rule *rule;
    size_t services, roles, rules;
};

/* The members down to no_services are the caller's; grants must be settled. */
int pil_draft_make(struct pil_draft *draft, const struct pil_grants *grants) PIL_USERESULT;
void pil_draft_free(struct pil_draft *draft);

/* The role of exactly these subjects, or NULL. */
const struct pil_draft_role *pil_draft_role_of(const struct pil_draft *draft, uint64_t who);

/* A title out of any text: what may not stand in one becomes "-". */
char *pil_draft_title(const char *text) PIL_USERESULT;

#endif
