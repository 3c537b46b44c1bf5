/*
 * What a unit's sandbox does to the library and to the way to policyd.
 *
 * Errors: findings. Threads: one.
 */
#ifndef PIL_CLI_INSPECT_SANDBOX_H
#define PIL_CLI_INSPECT_SANDBOX_H

#include <stdbool.h>

#include "cli/inspect/finding.h"
#include "cli/inspect/unitfile.h"

/* Judges the settings for a library and a socket at these paths. */
void pil_sandbox_judge(const struct pil_unit *unit, const char *library, const char *socket,
                       struct pil_findings *f);

/* Would the unit see that path, as far as its settings tell? why gets the setting that hides it. */
bool pil_sandbox_shows(const struct pil_unit *unit, const char *path, char why[256]);

/* Is the word in a filter of lists, as RestrictAddressFamilies= and SystemCallFilter= are: one list
 * a line, "~" before one that forbids. expand says whether a group ("@network-io") holds the word:
 * 1, 0, or -1 when it cannot tell, which *unknown is then set for. */
bool pil_sandbox_allows(const char *lists, const char *word,
                        int (*expand)(const char *group, const char *word), bool *unknown);

#endif
