/*
 * The decision log's content: one JSON object a line, for each decision that is to be logged and
 * for each event of policyd's own life.
 *
 * Noting a decision copies it into a queue; the text is made later, by a short timer, when the
 * queue is full, or before something the notes refer to goes away. So a decision costs a copy and
 * no system call. Denials and shadow differences are always noted, allows as log_allows says.
 * docs/wire.md does not describe this format; policyd(8) does.
 *
 * Cost: pil_journal_decision a copy of 600 bytes. Errors: what the log does when full is its
 * setting. Threads: main thread only.
 */
#ifndef PIL_POLICYD_JOURNAL_H
#define PIL_POLICYD_JOURNAL_H

#include "core/query.h"
#include "core/ring.h"
#include "policyd/json.h"

struct pil_daemon;
struct pil_journal;
struct pil_process;

/* One decision, with its own copies of text. */
struct pil_note {
    uint64_t id;
    uint64_t realtime_ns, elapsed_ns;
    const struct pil_process *who; /* NULL: unknown */
    struct pil_verdict verdict;
    struct pil_query query; /* its slices are not used; the text is below */
    uint32_t tid;           /* 0: not told */
    int error;
    uint16_t name_len, caller_len, peer_len;
    char name[PIL_NAME_MAX + 1], caller[PIL_CALLER_MAX + 1], peer[PIL_PEER_MAX + 1];
};

/* Sees each line that is written, after it was made. note is NULL for events. */
typedef void pil_journal_tap(void *cookie, const struct pil_note *note, const char *line,
                             size_t len);

int pil_journal_open(struct pil_daemon *d, struct pil_journal **out) PIL_USERESULT;
void pil_journal_close(struct pil_journal *j);

void pil_journal_tap_set(struct pil_journal *j, pil_journal_tap *tap, void *cookie);

/* A decision policyd took. */
void pil_journal_decision(struct pil_journal *j, const struct pil_process *who,
                          const struct pil_query *q, const struct pil_verdict *v,
                          uint64_t realtime_ns, uint64_t elapsed_ns);

/* A decision a process took, from its ring. */
void pil_journal_event(struct pil_journal *j, const struct pil_process *who,
                       const struct pil_event *event);

/* An event of policyd's own: begin gives a line with time and event, the caller adds to it. */
struct pil_json *pil_journal_begin(struct pil_journal *j, const char *event);
void pil_journal_end(struct pil_journal *j);
/* Adds pid, uid, exe and workload. */
void pil_journal_who(struct pil_journal *j, struct pil_json *json, const struct pil_process *who);

/* Makes the text of what is queued and hands it to the log. */
void pil_journal_flush(struct pil_journal *j);

#endif
