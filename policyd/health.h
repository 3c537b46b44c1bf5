/*
 * Whether policyd is well, and if not, why: one list for /healthz, status and systemd.
 *
 * Cost: a few look-ups. Errors: none. Threads: main thread only.
 */
#ifndef PIL_POLICYD_HEALTH_H
#define PIL_POLICYD_HEALTH_H

#include "core/bytes.h"

struct pil_daemon;

#define PIL_HEALTH_MAX  16u
#define PIL_HEALTH_TEXT 512u

struct pil_health {
    unsigned count; /* 0: well */
    struct {
        const char *name;           /* "no-policy", "reload-failed", ... */
        char text[PIL_HEALTH_TEXT]; /* the sentence */
    } reason[PIL_HEALTH_MAX];
};

void pil_health_check(const struct pil_daemon *d, struct pil_health *out);

#endif
