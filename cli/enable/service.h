/*
 * A systemd service as its files say: the fragment and all drop-ins, in the order in which systemd
 * reads them.
 *
 * Read from the files and not asked from systemd, so that it works in another tree (an image, a
 * chroot) and keeps the text as it was written.
 *
 * Cost: linear in the files. Errors: an exit code, with a sentence on stderr. Memory: malloc'd,
 * released by pil_service_free. Threads: one.
 */
#ifndef PIL_CLI_ENABLE_SERVICE_H
#define PIL_CLI_ENABLE_SERVICE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/cli.h"

/* One "key=value" with what it was continued by; section and key are never NULL. */
struct pil_service_line {
    char *section, *key, *value;
    const char *file; /* whose path; the unit's */
    unsigned line;
};

struct pil_service {
    char name[NAME_MAX + 1]; /* with its ".service" */
    struct pil_service_line *line;
    size_t lines;
    char **file; /* fragment first */
    size_t files;
};

/* Adds ".service" where there is no suffix; false, with a sentence, for what is no service. */
bool pil_service_name(const char *given, char out[NAME_MAX + 1]) PIL_USERESULT;

/* `root` is "" or another tree's path; a drop-in of the file name `without` is left out. */
int pil_service_load(const char *root, const char *name, const char *without,
                     struct pil_service *out) PIL_USERESULT;
void pil_service_free(struct pil_service *unit);

/* What the key has last; "" when it is not set. */
const char *pil_service_value(const struct pil_service *unit, const char *section, const char *key);

#endif
