/*
 * The drop-in by which a systemd service is started under Pillion: each of its start-up commands
 * with `pillion run --` in front, ordered behind policyd, and its sandbox opened as far as the
 * library needs.
 *
 * Its name sorts behind override.conf, which `systemctl edit` writes, so that what an administrator
 * has changed is what is started.
 *
 * Cost: linear in the unit. Errors: an exit code, with a sentence on stderr. Memory: the text is
 * malloc'd. Threads: one.
 */
#ifndef PIL_CLI_ENABLE_DROPIN_H
#define PIL_CLI_ENABLE_DROPIN_H

#include "cli/enable/service.h"

#define PIL_DROPIN_NAME "zz-pillion.conf"
/* Its first line: what does not begin so was written by somebody else. */
#define PIL_DROPIN_MARK "# Written by \"pillion enable\"; \"pillion disable\" removes it.\n"

/* What the text is made for. */
struct pil_dropin {
    const struct pil_service *unit;
    const char *pillion; /* the command, as the unit sees it */
    const char *socket;  /* NULL: the usual one */
};

/* Called for each program that the unit starts, as systemd will see its path. An exit code. */
typedef int pil_dropin_judge(void *cookie, const char *path);

/* Makes the text. What cannot be mended by a drop-in and may keep the library or policyd out of
 * reach is named on stderr; what would keep the program from starting is an error. */
int pil_dropin_make(const struct pil_dropin *how, pil_dropin_judge *judge, void *cookie,
                    char **out) PIL_USERESULT;

#endif
