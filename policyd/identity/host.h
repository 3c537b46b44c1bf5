/*
 * Identities within the daemon: what the policy in force asks of them, who among the attached
 * processes needs one, and what the log is told.
 *
 * Cost: a look-up per process. Errors: enum pil_err. Threads: main thread only.
 */
#ifndef PIL_POLICYD_IDENTITY_HOST_H
#define PIL_POLICYD_IDENTITY_HOST_H

#include "conf/diag.h"
#include "core/defs.h"

struct pil_daemon;
struct pil_settings;

/* Makes the state folder when it is not there and gives it to the user that policyd is about to
 * become; before privileges are dropped. What fails is told when the folder is needed. */
void pil_identity_host_own(const struct pil_settings *settings, unsigned uid, unsigned gid);

/* Sets d->identity. A private daemon's lives in memory. */
int pil_identity_host_open(struct pil_daemon *d) PIL_USERESULT;

/* Another policy is in force: its trust domain, and identities for those who are there. */
void pil_identity_host_swapped(struct pil_daemon *d);

#endif
