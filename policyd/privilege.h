/*
 * Gives up what policyd does not need, in one fixed order: groups, group, user, capabilities,
 * no-new-privileges, no core dumps and no tracing.
 *
 * Started as root, three capabilities stay: CAP_SYS_PTRACE (to see which executable another
 * user's process is), CAP_DAC_READ_SEARCH (to read that executable and the policy), CAP_KILL (to
 * end a process that promised a hello and did not keep it). Started as anybody else there is
 * nothing to give up but the last two.
 *
 * Cost: a few system calls, once. Errors: PIL_E_SYSTEM with an error in the diag; the caller must
 * not go on. Threads: before any thread is started, capabilities are per thread.
 */
#ifndef PIL_POLICYD_PRIVILEGE_H
#define PIL_POLICYD_PRIVILEGE_H

#include <stdbool.h>
#include <sys/types.h>

#include "conf/diag.h"
#include "conf/settings.h"

struct pil_privilege {
    bool change;
    uid_t uid;
    gid_t gid;
    gid_t control_gid; /* (gid_t)-1: none */
};

/* Looks the names up; an unknown one is an error in the diag. */
int pil_privilege_find(const struct pil_settings *settings, struct pil_diag *diag,
                       struct pil_privilege *out) PIL_USERESULT;

int pil_privilege_drop(const struct pil_privilege *who, struct pil_diag *diag) PIL_USERESULT;

#endif
