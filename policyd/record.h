/*
 * One decision as a line of the log. The only place that spells the log's keys.
 *
 * Names of policies and rules come from the image of the generation the decision was made under;
 * when that is neither the one in force nor the one before, they are null.
 *
 * Cost: linear in the text. Errors: 0 when the line did not fit. Threads: main thread only.
 */
#ifndef PIL_POLICYD_RECORD_H
#define PIL_POLICYD_RECORD_H

#include <stddef.h>

struct pil_daemon;
struct pil_note;

/* The line with its newline into out; its length. */
size_t pil_record_decision(const struct pil_daemon *d, const struct pil_note *note, char *out,
                           size_t cap);

#endif
