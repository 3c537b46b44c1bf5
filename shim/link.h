/*
 * The link to policyd: connect, hello, ask, within a deadline.
 *
 * A thread that needs an answer takes a free link, sends one frame, reads one frame and gives the
 * link back, so no thread ever waits for another one's answer. Signals are blocked meanwhile: a
 * handler that jumps away must not leave a link half-way. After a failure the next attempt waits
 * (50 ms, doubling to 1 s); until then calls fail at once. For five seconds after a policyd that
 * had welcomed this process went away, calls wait for the next one instead, within their deadline:
 * a restart refuses nobody.
 *
 * Cost: one send and one receive; a few system calls more for a fresh link. Errors:
 * PIL_E_UNREACHABLE, PIL_E_TIMEOUT, PIL_E_REFUSED, PIL_E_MALFORMED: the four causes of the
 * fail-closed rule, and no others. Threads: any. Signals: usable from handlers. Fork: see state.h.
 */
#ifndef PIL_SHIM_LINK_H
#define PIL_SHIM_LINK_H

#include <stdbool.h>

#include "core/query.h"
#include "core/wire.h"

/* Sends hello without waiting for the answer; for the constructor of a process that policyd is to
 * hear of before its first call. Failing is no matter. */
void pil_link_greet(void);

/* When a call that begins now must have its answer (pil_real_now_ns). The first one of a process
 * has longer, for the welcome and no other part of it: pil_dial_first_ms. */
uint64_t pil_link_deadline(void);

/* Makes sure that a policyd has said welcome, so that pil_process.page is there. However many
 * steps it takes, it is over at end_ns, like the question below. */
int pil_link_welcome(uint64_t end_ns) PIL_USERESULT;

/* The same, but one that went away is not waited for: whether a cached verdict serves meanwhile is
 * not known here. */
int pil_link_renew(uint64_t end_ns) PIL_USERESULT;

/* Asks count (1..PIL_BATCH_MAX) questions in one frame. */
int pil_link_ask(const struct pil_query *queries, unsigned count, struct pil_verdict *verdicts,
                 uint64_t end_ns) PIL_USERESULT;

/*
 * Any message and its answer: how they are written and read, and the descriptors that go along.
 * Where no answer is expected, answer is PIL_WIRE_NONE. Descriptors that came belong to the caller,
 * also when it fails; got_count is how many there is room for, and then how many came.
 */
struct pil_link_call {
    enum pil_wire_type type, answer;
    void (*put)(struct pil_writer *w, const void *message);
    const void *message;
    int (*get)(struct pil_reader *r, void *out);
    void *out;
    const int *fds;
    unsigned fd_count;
    int *got;
    unsigned got_count;
    bool hasty; /* a policyd that went away is not waited for */
};
int pil_link_call(struct pil_link_call *call, uint64_t end_ns) PIL_USERESULT;

/* The policy in force wants this program's children covered. Asks policyd when that is not known,
 * or known from an older policy; what nobody can tell is a yes. */
bool pil_link_cover_children(void);

/* Looks without waiting whether the policyd that gave us our page is still there. When it is not,
 * false, and the next pil_link_welcome or ask finds another one. */
bool pil_link_alive(void);

/* Whether a new link could be made from here, by a process that has none. Keeps nothing. */
bool pil_link_reachable(void);

/* fd, a listed number, is really ours. When it turns out not to be, because somebody closed ours by
 * a raw system call and the number went to another file, it is listed no more. */
bool pil_link_holds(int fd);

/* Makes a descriptor of ours free for the program to dup onto. False when a round trip that uses
 * it did not end within the deadline. */
bool pil_link_evict(int fd);

#endif
