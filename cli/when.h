/*
 * A point in time as people write it, for `explain --at`.
 *
 *     now   1767600000   2026-01-05T08:30   2026-01-05 08:30:15Z   2026-01-05T08:30+01:00
 *
 * Without "Z" or an offset it is this host's local time. Errors: PIL_E_SYNTAX. Threads: libc's
 * time zone state is read.
 */
#ifndef PIL_CLI_WHEN_H
#define PIL_CLI_WHEN_H

#include <stdint.h>

#include "core/defs.h"

#define PIL_WHEN_LEGAL "now, seconds since 1970, or YYYY-MM-DDTHH:MM[:SS][Z|+HH:MM]"

/* UTC, seconds since 1970. */
int pil_when_parse(const char *text, int64_t *out) PIL_USERESULT;

#endif
