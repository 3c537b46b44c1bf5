/*
 * The keeper: a small process that holds the listening sockets and starts policyd again whenever
 * it ends, for hosts where systemd does not do so.
 *
 * It serves nobody and reads nothing but signals. What serves is its child; when that crashes, or
 * is stopped to be upgraded, whoever connects meanwhile waits in the backlog of the sockets.
 * Signals: TERM and INT end both, HUP and USR1 are the child's, USR2 starts the program anew from
 * its file, keeper and child: an upgrade. That is refused, and nothing changes, when the new
 * program does not find settings and policy good (--check).
 *
 * Cost: one process that sleeps. Errors: those of starting, in the diag. Threads: one.
 */
#ifndef PIL_POLICYD_KEEPER_H
#define PIL_POLICYD_KEEPER_H

#include "conf/diag.h"
#include "conf/settings.h"
#include "policyd/run.h"

/* Takes the settings over. start->listeners may be partly open; argv is the program's own. Returns
 * the exit code of the daemon, in its child as well. */
int pil_keeper_run(struct pil_settings *settings, const struct pil_start *start, char **argv);

#endif
