/*
 * What the files of compile share, and nobody else includes.
 *
 * A compilation is one struct with a pool of bytes for each section of the image. Failure is
 * sticky: the first error stays in `err`, later work on it does no harm, and the end looks once.
 *
 * Canonical order: workloads, roles, services, policies and routes by title, rules by title within
 * their policy, lists by their text; so nothing in the image depends on the order of the text.
 *
 * Cost: n log n. Memory: pools and one arena, released together. Threads: one at a time.
 */
#ifndef PIL_CONF_COMPILE_PARTS_H
#define PIL_CONF_COMPILE_PARTS_H

#include "conf/model.h"
#include "core/image_layout.h"

/* Where a run of bytes of a pool was first seen. */
struct pil_pool_seen {
    uint32_t at, len;
    uint32_t value; /* the owner's */
    bool used;
};

/* Bytes that grow, with an index over what was interned in it. */
struct pil_pool {
    uint8_t *at;
    size_t len, cap;
    struct pil_pool_seen *seen;
    size_t seen_cap, seen_count;
};

/* Things by title: position is the canonical index, `model` the one in the model. */
struct pil_title {
    const char *text;
    uint32_t model;
};

struct pil_titles {
    struct pil_title *item;
    uint32_t count;
};

/* A set of workloads; SETS[0] and this [0] are everyone. */
struct pil_members {
    const uint32_t *item; /* set by pil_compile_members */
    uint32_t at;          /* where they are in the pool of members */
    uint32_t count;
    bool everyone;
};

/* Policy q reaches the appliers of policy p at a distance, as well as the path allows. */
struct pil_reach {
    uint32_t q, p;
    uint8_t distance, enforce, active;
};

/* A rule for one set of workloads, or a service, still without its keys. */
struct pil_pending {
    uint32_t rule, set, when;
    struct pil_layout_span targets;
    uint8_t enforce, active, effect, actions;
    uint8_t encrypt; /* of a service, which is pending with its index as rule */
};

enum pil_compile_place {
    PIL_PLACE_RULE = 0,
    PIL_PLACE_POLICY,
    PIL_PLACE_SERVICE,
    PIL_PLACE_RATE,
    PIL_PLACE_ROUTE,
    PIL_PLACE_COUNT
};

struct pil_compile {
    const struct pil_model *model;
    int err;
    struct pil_pool_seen nothing; /* what interning gives after a failure */
    void *arena;                  /* chunks, each with a pointer to the one before */
    struct pil_pool section[PIL_LAYOUT_SECTION_COUNT];
    struct pil_pool places[PIL_PLACE_COUNT]; /* struct pil_at */
    struct pil_pool members;                 /* interned lists of workloads; value: the set */
    struct pil_pool sets;                    /* struct pil_members */
    struct pil_pool reach;                   /* struct pil_reach */
    struct pil_pool pending;                 /* struct pil_pending */
    struct pil_titles workloads, roles, services, policies, routes;
    uint32_t *role_set;    /* per role: its set, or a state of being worked on */
    uint32_t *applier_set; /* per policy */
    uint32_t fields;
};

/* ---- compile_pool.c -------------------------------------------------------------------------- */

/* Notes the first error and returns it. */
int pil_compile_fail(struct pil_compile *c, int err);

/* Zeroed memory that lives as long as the compilation; NULL after a failure. */
void *pil_compile_alloc(struct pil_compile *c, size_t count, size_t size);
void pil_compile_release(struct pil_compile *c);

/* Gives back what was allocated since the mark was taken: the value of c->arena then. */
void pil_compile_rewind(struct pil_compile *c, void *mark);

/* Appends bytes. */
void pil_pool_add(struct pil_compile *c, struct pil_pool *pool, const void *bytes, size_t len);

/* Appends bytes unless they are there. The result is valid until the next call for this pool;
 * never NULL (after a failure it is some record that is thrown away). */
struct pil_pool_seen *pil_pool_intern(struct pil_compile *c, struct pil_pool *pool,
                                      const void *bytes, size_t len, bool *fresh);

/* Adds a record to a section; returns its index. */
uint32_t pil_compile_add(struct pil_compile *c, unsigned section, const void *record, size_t size);

/* Adds a record unless there is an equal one; returns its index. */
uint32_t pil_compile_intern(struct pil_compile *c, unsigned section, const void *record,
                            size_t size);

/* Offset of a text; NULL is "". */
uint32_t pil_compile_text(struct pil_compile *c, const char *text);

/* Span of numbers in LISTS. */
struct pil_layout_span pil_compile_list(struct pil_compile *c, const uint32_t *item, size_t count);

/* ---- compile_names.c ------------------------------------------------------------------------- */

/* How a list of strings is brought to its canonical form. */
enum pil_list_form {
    PIL_LIST_PLAIN = 0, /* sorted, each once */
    PIL_LIST_RESOURCES, /* and normalised */
    PIL_LIST_ORDERED,   /* normalised, in the order of the text */
};

/* The canonical form of a list, in the arena. */
char **pil_compile_strings(struct pil_compile *c, const struct pil_strings *in,
                           enum pil_list_form form, size_t *count);

/* The same as a span of LISTS. */
struct pil_layout_span pil_compile_texts(struct pil_compile *c, const struct pil_strings *in,
                                         enum pil_list_form form);

/* Sorts all titles of the model. */
void pil_compile_titles(struct pil_compile *c);

/* Canonical index of a title, PIL_NO_INDEX when there is none. */
uint32_t pil_compile_find(const struct pil_titles *titles, struct pil_slice text);

/* Workloads that subjects stand for, as a set. */
uint32_t pil_compile_subjects(struct pil_compile *c, const struct pil_strings *subjects);

uint32_t pil_compile_set(struct pil_compile *c, const uint32_t *item, uint32_t count);
/* Valid until the next new set. */
const struct pil_members *pil_compile_members(const struct pil_compile *c, uint32_t set);
uint32_t pil_compile_intersect(struct pil_compile *c, uint32_t a, uint32_t b);

/* Patterns of SPIFFE IDs that a list of "workload:", "role:" and "spiffe://" stands for. */
struct pil_layout_span pil_compile_peers(struct pil_compile *c, const struct pil_strings *list);

/* Writes SETS, LISTS and WORDS once all sets are known. */
void pil_compile_write_sets(struct pil_compile *c);

/* ---- the steps ------------------------------------------------------------------------------- */

void pil_compile_reach(struct pil_compile *c); /* compile_grants.c: fills reach, applier_set */
struct pil_layout_span pil_compile_grants(struct pil_compile *c, uint32_t policy);
void pil_compile_defaults(struct pil_compile *c, struct pil_layout_span *per_workload);
void pil_compile_policies(struct pil_compile *c); /* compile_rules.c: policies, rules, pending */
/* Endpoints of a service that is encrypted or has an identity: pending for the index. */
void pil_compile_service(struct pil_compile *c, const struct pil_service *service,
                         const struct pil_layout_service *s, uint32_t index);
void pil_compile_index(struct pil_compile *c); /* compile_index.c: parts to candidates */

#endif
