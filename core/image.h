/*
 * The compiled policy: one position-independent read-only block.
 *
 * A header, a table of sections, and arrays that refer to each other by index and to text by
 * offset; no pointers, no padding that is not zero. The same policy gives the same bytes on every
 * host. pil_image_open verifies the whole block once (magic, version, size, digest, every index
 * and offset, every enumeration, the index structure itself); after that, readers need no checks.
 *
 * Cost: pil_image_open is linear in the image, everything else is constant.
 * Errors: PIL_E_MALFORMED, PIL_E_TRUNCATED, PIL_E_VERSION. Memory: the block belongs to the
 * caller and must outlive the handle; strings point into it and are NUL-terminated.
 * Threads, fork, signals: read-only, safe everywhere.
 */
#ifndef PIL_CORE_IMAGE_H
#define PIL_CORE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/defs.h"
#include "core/query.h"

#define PIL_IMAGE_MAGIC   0x4d494c50u /* "PLIM" */
#define PIL_IMAGE_VERSION 2u

enum pil_stage {
    PIL_STAGE_OFF = 0,
    PIL_STAGE_SHADOW,
    PIL_STAGE_ENFORCE,
};

/* A verified image. */
struct pil_image {
    const uint8_t *base;
    size_t len;
    const void *view; /* private to image.c and eval.c */
};

/* What the image holds, for status and metrics. */
struct pil_image_counts {
    uint32_t workloads, roles, services, policies, rules, entries, zones;
    uint64_t bytes;
    uint64_t digest; /* of the whole block; names a policy in logs */
};

/* Facts about a process, as the kernel tells them; NULL or empty: could not be told. */
struct pil_facts {
    const char *exe;    /* path of the executable, without " (deleted)" */
    const char *user;   /* name of the uid, or its number as text when it has no name */
    const char *unit;   /* systemd unit, "nginx.service" */
    const char *cgroup; /* path in the unified hierarchy, else in the systemd one */
    const char *sha256; /* of the executable, 64 lower-case hex digits */
};

/* Where something stands in the policy text. */
struct pil_place {
    const char *file;
    uint32_t line;
};

/* The block must lie on a multiple of 8, as malloc and mmap give it; on one of 64 it is fastest. */
int pil_image_open(struct pil_image *img, const void *block, size_t len) PIL_USERESULT;

void pil_image_count(const struct pil_image *img, struct pil_image_counts *out);

/* enum pil_field: which conditions any rule of any stage looks at. */
unsigned pil_image_fields(const struct pil_image *img);

const char *pil_image_trust_domain(const struct pil_image *img);

/* Whether any service asks for encryption by Pillion: required or permissive. */
bool pil_image_encrypts(const struct pil_image *img);

/*
 * Index of the workload whose selectors all hold and that has the most of them; 0 when none
 * does. A selector whose fact is missing does not hold. Index 0 is the workload without a name.
 */
uint32_t pil_image_attest(const struct pil_image *img, const struct pil_facts *facts);

/* Some workload asks for the sha256 of executables: hashing is worth its price. With exe given:
 * only when a workload could match this executable path. */
bool pil_image_wants_sha256(const struct pil_image *img, const char *exe);

const char *pil_image_workload_name(const struct pil_image *img, uint32_t workload);
/* Index of a workload by title; 0 when there is none such (titles are never empty). */
uint32_t pil_image_workload_find(const struct pil_image *img, struct pil_slice title);
/* The workload's children must stay covered (coverage = required). */
bool pil_image_workload_covered(const struct pil_image *img, uint32_t workload);

/* Rules and policies by index; an index out of range gives "" and an empty place. */
const char *pil_image_rule_name(const struct pil_image *img, uint32_t rule);
uint32_t pil_image_rule_policy(const struct pil_image *img, uint32_t rule);
struct pil_place pil_image_rule_place(const struct pil_image *img, uint32_t rule);
const char *pil_image_policy_name(const struct pil_image *img, uint32_t policy);
const char *pil_image_policy_owner(const struct pil_image *img, uint32_t policy);
uint32_t pil_image_policy_version(const struct pil_image *img, uint32_t policy);
enum pil_stage pil_image_policy_stage(const struct pil_image *img, uint32_t policy);
struct pil_place pil_image_policy_place(const struct pil_image *img, uint32_t policy);
/* Place of the mesh-wide default; file is "" when there is none. */
struct pil_place pil_image_default_place(const struct pil_image *img);

/* Time zones that rules name, by index 0..count-1: "UTC", "Europe/Berlin". */
uint32_t pil_image_zones(const struct pil_image *img);
const char *pil_image_zone_name(const struct pil_image *img, uint32_t zone);

/*
 * Obligations that the image needs and `met` does not have. Calls tell once for each, in the
 * order of the image, with the place and a sentence; returns how many there were.
 */
enum pil_obligation {
    PIL_OBLIGATION_NATIVE = 1u << 0, /* encrypt = native; the others are always kept */
    PIL_OBLIGATION_RATE = 1u << 1,
    PIL_OBLIGATION_ROUTE = 1u << 2,
};
unsigned pil_image_unmet(const struct pil_image *img, unsigned met,
                         void (*tell)(void *cookie, struct pil_place place, const char *what),
                         void *cookie);

#endif
