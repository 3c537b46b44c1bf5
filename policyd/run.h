/*
 * The daemon's life: everything is opened in one fixed order, privileges go, threads start, the
 * policy is loaded, the loop runs until it is told to end, everything is closed in reverse.
 *
 * Order: log, sockets (as whoever it was started as) - privileges - threads - loop.
 * Signals: HUP reloads, USR1 opens the log anew, TERM and INT end.
 *
 * Cost: none by itself. Errors: what failed is in the diag. Threads: the main thread.
 */
#ifndef PIL_POLICYD_RUN_H
#define PIL_POLICYD_RUN_H

#include "conf/diag.h"
#include "conf/settings.h"
#include "policyd/fdstore.h"
#include "policyd/listeners.h"
#include "policyd/options.h"

struct pil_start {
    const struct pil_options *options;
    struct pil_diag *diag;
    struct pil_listeners listeners; /* those that are open already; taken over */
    struct pil_fds kept;            /* descriptors that were kept for policyd; taken over */
    pid_t keeper;                   /* whose child this is and with whom it ends; 0: nobody's */
    const char *after;              /* how the daemon before this one ended; NULL: none was */
    void (*ready)(void *cookie);    /* called once, when the first load has ended; may be NULL */
    void *cookie;
};

/* Takes the settings over. PIL_OK after an orderly end. */
int pil_run(struct pil_settings *settings, const struct pil_start *how) PIL_USERESULT;

#endif
