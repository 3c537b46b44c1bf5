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
#include "policyd/options.h"

/* Takes the settings over. `ready` is called once when the first load has ended; it may be NULL.
 * PIL_OK after an orderly end. */
int pil_run(struct pil_settings *settings, const struct pil_options *options, struct pil_diag *diag,
            void (*ready)(void *cookie), void *cookie) PIL_USERESULT;

#endif
