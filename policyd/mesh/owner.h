/*
 * Whose connections these are: what was attested of a process, kept for as long as anything that
 * it opened stands.
 *
 * A process's entry (process.h) goes with its links, while its sockets may be served on; and a
 * restarted policyd takes listening sockets over before their programs have said hello again. The
 * facts are those of the entry, so that each new policy can tell anew which workload it is.
 *
 * Cost: one allocation for each process that has anything secured. Errors: NULL without memory.
 * Threads: main thread only.
 */
#ifndef PIL_POLICYD_MESH_OWNER_H
#define PIL_POLICYD_MESH_OWNER_H

#include <stdbool.h>

#include "core/bytes.h"
#include "policyd/process.h"

struct pil_mesh;

struct pil_owner {
    struct pil_mesh *m;
    struct pil_owner *next, **link;
    struct pil_process who; /* a copy in no table: facts, and the workload in force */
    bool relay_only;        /* of a class whose library has no record layer */
    bool unsettled;         /* its executable is being hashed: not judged meanwhile */
    unsigned connecting;    /* connections of its own that are being secured */
    unsigned refs;
};

/* The owner of this process, with one reference more. */
struct pil_owner *pil_owner_of(struct pil_mesh *m, const struct pil_process *p);

struct pil_owner *pil_owner_ref(struct pil_owner *o);
void pil_owner_unref(struct pil_owner *o); /* NULL is legal */

/* Facts as text, for who keeps them over a restart; and back. */
void pil_owner_put(const struct pil_owner *o, struct pil_writer *w);
struct pil_owner *pil_owner_get(struct pil_mesh *m, struct pil_reader *r);

/* After a swap of the policy, or when a hash is there. */
void pil_owner_judge_all(struct pil_mesh *m);

/* Title of its workload; "" for none. Valid until the next swap. */
const char *pil_owner_workload(const struct pil_owner *o);

#endif
