/*
 * Live decisions for the command: each line of the journal that passes a follower's filter, one
 * frame each, as long as the follower reads. One that does not keep up loses lines; the number
 * lost so far is told in the next line that fits, {"event":"follow-dropped","count":N}.
 *
 * Cost: per follower and line a comparison and a send. Errors: enum pil_err with a sentence.
 * Threads: main thread only.
 */
#ifndef PIL_POLICYD_FOLLOW_H
#define PIL_POLICYD_FOLLOW_H

#include <jansson.h>
#include <stddef.h>

#include "core/defs.h"

struct pil_daemon;
struct pil_note;
struct pil_session;

/* Filters, all optional: "verdict" (allow, deny), "action", "workload", "pid", "shadow" (true:
 * only differences), "events" (false: no lines that are not decisions). */
int pil_follow_start(struct pil_session *s, const json_t *filter, char *problem,
                     size_t cap) PIL_USERESULT;

/* The session ends. Harmless for one that does not follow. */
void pil_follow_stop(struct pil_session *s);

/* The journal's tap. */
void pil_follow_line(void *daemon, const struct pil_note *note, const char *line, size_t len);

#endif
