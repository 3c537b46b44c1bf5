/*
 * By which facts a program that was seen becomes a workload.
 *
 * The executable always; the systemd unit when a unit was looked at; the user when the executable
 * is an interpreter, which by itself says nothing of the program that it runs. --by names others.
 *
 * Memory: the list owns titles; facts point into what was seen. Errors: enum pil_err. Threads: one.
 */
#ifndef PIL_CLI_RULES_WHO_H
#define PIL_CLI_RULES_WHO_H

#include "cli/rules/grant.h"

enum pil_who_fact {
    PIL_WHO_EXE = 1u << 0,
    PIL_WHO_USER = 1u << 1,
    PIL_WHO_UNIT = 1u << 2,
    PIL_WHO_CGROUP = 1u << 3,
};

struct pil_who {
    char *title;
    unsigned facts; /* enum pil_who_fact */
    const struct pil_seen *as;
};

struct pil_who_list {
    struct pil_who item[PIL_WHO_MAX];
    size_t count;
    unsigned by;   /* enum pil_who_fact; 0: chosen for each */
    bool of_units; /* a unit was looked at */
};

/* "exe,user" into bits; false when a word is no fact or exe and unit are both missing. */
bool pil_who_by(const char *text, unsigned *out) PIL_USERESULT;

/* Index of the subject that it belongs to, made when there is none. PIL_E_FULL: PIL_WHO_MAX are
 * there. The title is NULL until pil_who_name. */
int pil_who_of(struct pil_who_list *list, const struct pil_seen *seen, unsigned *out) PIL_USERESULT;

/* Gives titles to those without: the one it has in the policy in force, else base name of the
 * executable, or of the unit when that is what an interpreter belongs to. `taken` may be NULL. */
int pil_who_name(struct pil_who_list *list, bool (*taken)(void *cookie, const char *title),
                 void *cookie) PIL_USERESULT;

/* Its executable runs programs that are not executables. */
bool pil_who_interprets(const struct pil_who *who);

void pil_who_free(struct pil_who_list *list);

#endif
