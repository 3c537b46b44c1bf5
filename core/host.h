/*
 * What this host is to Pillion.
 *
 * The library, which must not follow what a user's environment names, and the command, which says
 * so before a program is started in vain, have to give the same answer.
 *
 * Cost: one system call. Errors: none; what cannot be told is a no. No allocation; errno is not
 * touched. Threads, fork, signals: safe everywhere.
 */
#ifndef PIL_CORE_HOST_H
#define PIL_CORE_HOST_H

#include <stdbool.h>

#include "core/sysops.h"

/* Root has given this host a policyd (its settings are there): nobody else brings one of his own.
 */
bool pil_host_is_governed(const struct pil_sysops *sys);

#endif
