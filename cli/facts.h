/*
 * Who a question is about: by workload title, by a process, or by facts that are made up for a
 * process that does not run yet.
 *
 * policyd attests for itself; this is for people who ask what it would say. Errors: a sentence
 * on stderr. Threads: one.
 */
#ifndef PIL_CLI_FACTS_H
#define PIL_CLI_FACTS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/image.h"

#define PIL_FACTS_CGROUP 1024u

struct pil_process_facts {
    char exe[PATH_MAX];
    char user[64];
    char cgroup[PIL_FACTS_CGROUP];
    char unit[PIL_FACTS_CGROUP];
    uint32_t uid;
};

/* Facts of a running process from /proc. PIL_E_NOTFOUND when there is none such, PIL_E_PERMISSION
 * when its executable may not be read. Nothing is said. */
int pil_facts_of(uint32_t pid, struct pil_process_facts *out) PIL_USERESULT;

/* A user by name or number; PIL_E_NOTFOUND when a name is unknown. */
int pil_facts_user(const char *text, struct pil_process_facts *out) PIL_USERESULT;

#endif
