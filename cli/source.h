/*
 * The image that a command works on: compiled from files, or the very bytes that decide, from
 * policyd.
 *
 * Errors: messages of a load and failures of policyd are said on stderr. Memory: pil_source_close
 * releases it. Threads: one.
 */
#ifndef PIL_CLI_SOURCE_H
#define PIL_CLI_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/options.h"
#include "conf/policy.h"

/* Obligations this build can keep. */
#define PIL_MET 0u

/* All there are, for commands that judge policies meant for other builds. */
#define PIL_MET_ALL (PIL_OBLIGATION_NATIVE | PIL_OBLIGATION_RATE | PIL_OBLIGATION_ROUTE)

struct pil_source {
    struct pil_image image;
    void *block;
    size_t len;
    bool mapped; /* from policyd; else malloc'd */
};

/* From files when there are any, else the one in force. Returns enum pil_err, all said. */
int pil_source_open(struct pil_source *s, const struct pil_words *files,
                    const char *socket) PIL_USERESULT;
void pil_source_close(struct pil_source *s);

/* Sink of a diag: messages on stderr, each with its severity in front. */
void pil_source_tell(void *cookie, enum pil_severity severity, const char *message);

#endif
