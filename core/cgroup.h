/*
 * What /proc/PID/cgroup says: the process's control group, and the systemd unit it belongs to.
 *
 * One reading for the daemon that decides by it and the command that explains the decision.
 *
 * Cost: linear in the text. Errors: none; what cannot be told is empty. Memory: the caller's; the
 * text is cut up. Threads, fork, signals: safe everywhere.
 */
#ifndef PIL_CORE_CGROUP_H
#define PIL_CORE_CGROUP_H

#include <stddef.h>

/*
 * The path in the unified hierarchy (cgroups(7)), else in systemd's own, into cgroup; the innermost
 * part of it that is a service or a scope into unit. Both have cap bytes; a path that does not fit
 * is none.
 */
void pil_cgroup_read(char *text, char *cgroup, char *unit, size_t cap);

#endif
