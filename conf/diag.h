/*
 * Located messages about a policy: counted, all shown, one shape.
 *
 *     rules.conf:12: bad action "conect" in actions; legal is connect, accept, listen, send,
 *     resolve
 *
 * Cost: one call of the sink per message. Errors: counted here; a load with errors is refused as
 * a whole. Threads: one at a time.
 */
#ifndef PIL_CONF_DIAG_H
#define PIL_CONF_DIAG_H

#include <stdarg.h>

#include "core/defs.h"
#include "conf/model.h"

enum pil_severity {
    PIL_SEVERITY_ERROR = 0,
    PIL_SEVERITY_WARNING,
};

/* Called with each finished message "file:line: text" (no newline), valid during the call. */
typedef void pil_diag_sink(void *cookie, enum pil_severity severity, const char *message);

struct pil_diag {
    pil_diag_sink *sink; /* NULL: only count */
    void *cookie;
    unsigned errors;
    unsigned warnings;
};

/* Adds a message. at.file may be NULL when no place is known. */
void pil_diag_error(struct pil_diag *d, struct pil_at at, const char *format, ...) PIL_PRINTF(3, 4);
void pil_diag_warning(struct pil_diag *d, struct pil_at at, const char *format, ...)
    PIL_PRINTF(3, 4);

#endif
