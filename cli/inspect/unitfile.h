/*
 * A systemd unit as one table of settings: what `systemctl show` says of it, or what its files say.
 *
 * Where systemd runs it is asked. Elsewhere, and where SYSTEMD_UNIT_PATH is set, the unit's file
 * and its drop-ins are read from the folders that systemd searches (or from those of that
 * variable), the file of its template for an instance. Limits of that reading: specifiers are not
 * expanded but for %i, %I, %n, %N, %p and %%; only the section [Service] is looked at; settings
 * that systemd derives from others are not derived.
 *
 * A setting that was given several times has its values in one text, parted by newlines; an empty
 * value takes back what was given before. Memory: pil_unit_free. Errors: enum pil_err. Threads:
 * one.
 */
#ifndef PIL_CLI_INSPECT_UNITFILE_H
#define PIL_CLI_INSPECT_UNITFILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/defs.h"

struct pil_unit_setting {
    char *key, *value;
};

struct pil_unit {
    char name[256];
    char source[PATH_MAX]; /* "systemctl show", or the unit's file */
    struct pil_unit_setting *item;
    size_t count;
};

/* Adds the settings of [Service] in a file's text. A line that is no setting is passed over, as
 * systemd does. */
void pil_unit_parse(struct pil_unit *unit, const char *text, size_t len);

/* One setting, as a line of a file gives it. */
void pil_unit_set(struct pil_unit *unit, const char *key, const char *value);

/* By systemd or by files, see above. PIL_E_NOTFOUND; PIL_E_RANGE for a name that is too long. */
int pil_unit_load(struct pil_unit *unit, const char *name) PIL_USERESULT;

/* The value; "" when it was not given. */
const char *pil_unit_get(const struct pil_unit *unit, const char *key);

/* yes, true, on, 1 */
bool pil_unit_is(const struct pil_unit *unit, const char *key);

void pil_unit_free(struct pil_unit *unit);

#endif
