/*
 * The processes that are attached: what the kernel said about each, its workload, its event ring.
 *
 * A process is one pid, start time and executable; all its links share one entry and one ring.
 * An exec makes another process of it: the old entry lives on until its links are closed.
 * Facts are kept, so that a new policy can tell anew which workload a process is, without asking
 * the kernel about a number that may have been used again. Strings are shared (intern.h).
 *
 * Cost: a few hundred bytes each and one descriptor; the ring is mapped when it is first looked
 * at. Errors: enum pil_err. Threads: main thread only.
 */
#ifndef PIL_POLICYD_PROCESS_H
#define PIL_POLICYD_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/image.h"
#include "core/ring.h"
#include "policyd/attest.h"

struct pil_daemon;
struct pil_session;

#define PIL_LINKS_MAX 8u /* links of one process */

/* What a process told later, beside its hello flags. */
#define PIL_PROCESS_CONFINED     (UINT32_C(1) << 16)
#define PIL_PROCESS_OUT_OF_REACH (UINT32_C(1) << 17)

struct pil_process {
    struct pil_daemon *daemon;
    struct pil_process *next, **link; /* all of them */
    struct pil_process *next_same;    /* hash chain by pid */
    pid_t pid;
    uid_t uid;
    gid_t gid;
    uint64_t start;
    struct pil_exe_id id;
    const struct pil_class *class; /* of its executable; NULL: could not be told */
    const char *exe, *user, *unit, *cgroup, *sha256; /* interned, NULL: could not be told */
    uint32_t workload;                               /* in the image in force */
    bool hashing;   /* waits for its executable's hash; no decisions meanwhile */
    uint32_t flags; /* enum pil_hello_flag, PIL_PROCESS_...; the process's own word */
    unsigned links;
    struct pil_session *sessions;
    int ring_fd;
    uint32_t tail, told;   /* how far its ring has been read */
    struct pil_ring *ring; /* NULL until first looked at */
    uint64_t since_ns;     /* CLOCK_REALTIME */
    uint64_t decisions, denials;
};

struct pil_process_table {
    struct pil_process *all;
    struct pil_process *bucket[256];
    unsigned count;
};

/* The entry for these facts, with one link more; made when there is none. */
int pil_process_attach(struct pil_daemon *d, const struct pil_peer *peer,
                       const struct pil_attested *facts, struct pil_process **out) PIL_USERESULT;

/* One link less; the last one drains the ring, keeps its counters and releases the entry. */
void pil_process_detach(struct pil_daemon *d, struct pil_process *p);

/* Finds out the workload under the image in force. May begin to hash; `hashing` is then set, and
 * its sessions go on when the hash is there. exe_fd is taken over, -1 opens none. */
void pil_process_judge(struct pil_daemon *d, struct pil_process *p, int exe_fd);

/* After a swap: all of them anew. */
void pil_process_judge_all(struct pil_daemon *d);

/* Title of its workload, "" for none. */
const char *pil_process_workload(const struct pil_daemon *d, const struct pil_process *p);

/* Maps its ring; NULL when that fails. */
struct pil_ring *pil_process_ring(struct pil_process *p);

#endif
