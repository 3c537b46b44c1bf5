/*
 * The policy as it was written: parsed, located, not yet checked or compiled.
 *
 * Open structs, filled by load, judged by check, read by compile and render. Every thing that a
 * message may be about carries the place where it stands; "has" flags tell "unset" from zero.
 * Lists keep the order of the text; canonical order is compile's business.
 *
 * Memory: everything belongs to the model, strings included; pil_model_free releases it all.
 * Threads: one at a time. Errors: none here.
 */
#ifndef PIL_CONF_MODEL_H
#define PIL_CONF_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/image.h"
#include "core/query.h"

/* A place in the text. `file` belongs to the model's list of files. */
struct pil_at {
    const char *file;
    unsigned line;
};

/* A list of strings as they were written. */
struct pil_strings {
    char **item;
    size_t count;
    bool has; /* the keyword was there, perhaps with an empty list */
    struct pil_at at;
    unsigned *line; /* of each item; NULL: all stand at `at` */
};

struct pil_workload {
    char *title;
    struct pil_at at;
    char *exe;  /* absolute path, or a glob of one; NULL: not asked */
    char *user; /* name or number */
    char *unit;
    char *cgroup; /* glob */
    char *sha256; /* 64 lower-case hex digits */
    bool covered; /* coverage = required (children must stay covered); default report */
};

struct pil_role {
    char *title;
    struct pil_at at;
    struct pil_strings members; /* "workload:NAME", "role:NAME", "spiffe://DOMAIN/GLOB" */
};

struct pil_service {
    char *title;
    struct pil_at at;
    struct pil_strings endpoints; /* resources, without "service:" */
    char *identity;               /* SPIFFE ID, or a pattern of it, expected behind it */
    uint8_t encrypt;              /* enum pil_encrypt; UNSET when not written */
    bool server_first;            /* its server speaks before its clients do */
    struct pil_at identity_at, encrypt_at;
};

enum pil_exceed {
    PIL_EXCEED_DENY = 0,
    PIL_EXCEED_DELAY,
    PIL_EXCEED_SHADOW,
};

enum pil_rate_key {
    PIL_RATE_BY_SUBJECT = 0,
    PIL_RATE_BY_PROCESS,
    PIL_RATE_BY_RESOURCE,
    PIL_RATE_BY_SOURCE,
};

struct pil_rate {
    bool has;
    struct pil_at at;
    uint32_t limit;
    uint32_t per_ms;
    uint32_t burst; /* limit when not written */
    uint8_t by;     /* enum pil_rate_key */
    uint8_t exceed; /* enum pil_exceed */
};

/* Minutes of the day, low inclusive, high exclusive; low > high runs over midnight. */
struct pil_hours {
    uint16_t low;
    uint16_t high;
};

struct pil_when {
    bool has;
    struct pil_at at;
    bool has_hours, has_days, has_uids;
    struct pil_hours hours;
    uint8_t days;              /* bit 0 is Monday */
    char *timezone;            /* "Europe/Berlin"; NULL: the file's, else UTC */
    struct pil_strings source; /* prefixes */
    struct pil_strings caller; /* globs of module base names */
    struct pil_strings peer;   /* "workload:NAME", "role:NAME", "spiffe://DOMAIN/GLOB" */
    uint32_t *uid;
    size_t uid_count;
};

struct pil_rule {
    char *title;
    struct pil_at at;
    bool has_effect;
    uint8_t effect;               /* PIL_ALLOW or PIL_DENY */
    struct pil_strings subjects;  /* "workload:", "role:", "spiffe://", "*"; absent: everyone the
                                     policy applies to */
    struct pil_strings actions;   /* absent: every action */
    struct pil_strings resources; /* absent: every resource */
    struct pil_when when;
    struct pil_rate rate;
};

struct pil_policy {
    char *title;
    struct pil_at at;
    char *owner;
    bool has_version, has_default;
    uint32_t version;
    uint8_t stage;          /* enum pil_stage; ENFORCE when not written */
    uint8_t rollout;        /* percent; 100 when not written */
    uint8_t default_effect; /* with has_default */
    struct pil_at default_at;
    uint16_t deny_errno;         /* 0: the default of the action */
    struct pil_strings inherits; /* policy titles */
    struct pil_strings applies;  /* "workload:", "role:", "spiffe://", "*" */
    struct pil_rule *rule;
    size_t rule_count;
};

struct pil_breaker {
    bool has;
    uint32_t failures, open_ms, half_open;
};

struct pil_route {
    char *title; /* names a service */
    struct pil_at at;
    bool has_timeout, has_retries;
    uint32_t timeout_ms, retries;
    struct pil_strings fallback; /* addresses with port */
    struct pil_breaker breaker;
};

struct pil_model {
    bool has_schema, has_default;
    uint32_t schema;
    char *trust_domain; /* NULL when not written */
    struct pil_at trust_domain_at;
    uint8_t default_effect;
    struct pil_at default_at;
    char *timezone; /* NULL: UTC */
    struct pil_at timezone_at;
    struct pil_workload *workload;
    size_t workload_count;
    struct pil_role *role;
    size_t role_count;
    struct pil_service *service;
    size_t service_count;
    struct pil_policy *policy;
    size_t policy_count;
    struct pil_route *route;
    size_t route_count;
    char **file; /* every file that was read, in order */
    size_t file_count;
};

/* Release what one thing holds, not the struct itself; for the loader's half-built things. */
void pil_model_free_workload(struct pil_workload *workload);
void pil_model_free_role(struct pil_role *role);
void pil_model_free_service(struct pil_service *service);
void pil_model_free_rule(struct pil_rule *rule);
void pil_model_free_policy(struct pil_policy *policy);
void pil_model_free_route(struct pil_route *route);

/* Releases everything and leaves an empty model; an empty or zeroed one is legal. */
void pil_model_free(struct pil_model *model);

#endif
