/*
 * A length of time as the policy language writes it: 250ms, 90s, 10m, 2h, and days: 7d.
 * Errors: false. Threads: pure.
 */
#ifndef PIL_CLI_DURATION_H
#define PIL_CLI_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/defs.h"

/* Milliseconds; at least 1 and at most a year. */
bool pil_duration_parse(const char *text, uint64_t *out) PIL_USERESULT;

#endif
