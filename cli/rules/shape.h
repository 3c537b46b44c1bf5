/*
 * From the one thing that a program did to the things that it may do the next time: what is
 * generalised, and what is not.
 *
 *     listen on 0.0.0.0:80                   "*:80", as the socket itself says
 *     a port that the kernel chose           the range it chooses from, at the same address
 *     unix:/tmp/app-k2J3h4/x                 "unix:/tmp/app-[*]/x": a run that looks made up at
 * random unix:/run/app-17.sock, -18.sock        "unix:/run/app-*.sock": numbers, when several
 * differ peers of accept                        each as it was, or the class that --widen names
 *     peers that showed who they are         by that and not by where they are
 *
 * With `exact` nothing is. Everything else stays as it was seen.
 *
 * Cost: quadratic in the unix paths. Memory: results are malloc'd. Threads: one.
 */
#ifndef PIL_CLI_RULES_SHAPE_H
#define PIL_CLI_RULES_SHAPE_H

#include "cli/rules/seen.h"
#include "core/image.h"

/* Classes that a peer's address may be widened to. */
enum pil_widen {
    PIL_WIDEN_LOOPBACK = 1u << 0, /* 127.0.0.0/8, ::1 */
    PIL_WIDEN_NETWORK = 1u << 1,  /* the network of the interface that it is reached by */
    PIL_WIDEN_PRIVATE = 1u << 2,  /* 10/8, 172.16/12, 192.168/16, fc00::/7, fe80::/10 */
    PIL_WIDEN_ANY = 1u << 3,      /* whoever it is */
};

struct pil_shape {
    bool exact;
    unsigned widen;                  /* enum pil_widen */
    struct pil_ports chosen;         /* the kernel's range; low 0: not known */
    const struct pil_seen_list *all; /* what was seen besides */
    const char *const *path;         /* unix paths that a policy allows already */
    size_t paths;
    const struct pil_image *image; /* whose workloads give peers their names; may be NULL */
    struct pil_prefix *network;    /* of the interfaces */
    size_t networks;
};

/* "loopback,network,private,any" into bits; false when a word is none of them. */
bool pil_shape_widen(const char *text, unsigned *out) PIL_USERESULT;

/* Reads the kernel's range of ports, and the interfaces' networks when they are wanted. */
void pil_shape_open(struct pil_shape *shape);
void pil_shape_close(struct pil_shape *shape);

/* The resource as the language writes it, NULL when memory is out; *note says in a few words what
 * was generalised, or is NULL. Resources of other families have no words: "". */
char *pil_shape_resource(const struct pil_shape *shape, const struct pil_seen *seen,
                         const char **note) PIL_USERESULT;

/* The prefix of a peer; NULL when any will do or memory is out (*any tells). */
char *pil_shape_source(const struct pil_shape *shape, const struct pil_ip *source,
                       bool *any) PIL_USERESULT;

/* Who a peer is: "workload:TITLE" when it is one of the image's, else its SPIFFE ID. NULL when
 * memory is out. */
char *pil_shape_peer(const struct pil_shape *shape, const char *id) PIL_USERESULT;

/* The path with what is volatile in it as "*". */
char *pil_shape_path(const struct pil_shape *shape, const char *path,
                     const char **note) PIL_USERESULT;

#endif
