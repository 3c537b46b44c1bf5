/*
 * The whole road from policy text to a verified image, for everyone who is not conf/ itself:
 * policyd, the command, tests.
 *
 * Cost: linear in the text, n log n in the rules. Memory: results belong to the caller.
 * Errors: every error of the load goes to the diag; then the call fails as a whole and leaves
 * nothing behind. Threads: one at a time (libconfuse keeps global state while parsing).
 */
#ifndef PIL_CONF_POLICY_H
#define PIL_CONF_POLICY_H

#include <stddef.h>

#include "conf/diag.h"
#include "conf/model.h"
#include "core/eval.h"
#include "core/image.h"

/*
 * Reads files, and directories (their *.conf in byte order, not recursive), into *model: parsed,
 * nothing checked across things. PIL_E_SYNTAX with errors in the diag; the model is then empty.
 */
int pil_load(const char *const *paths, size_t count, struct pil_diag *diag,
             struct pil_model *model) PIL_USERESULT;

/* Names resolve, lists are bounded, nothing runs in circles, unreachable rules are warned about.
 * PIL_E_SYNTAX when there were errors. */
int pil_check(const struct pil_model *model, struct pil_diag *diag) PIL_USERESULT;

/* Compiles a checked model. *block is malloc'd and belongs to the caller. Deterministic. */
int pil_compile(const struct pil_model *model, void **block, size_t *len) PIL_USERESULT;

/* load, check, compile and open in one; *block and *len as above, *img refers to it. `met` is the
 * mask of obligations this build can keep (enum pil_obligation): an image that needs another is
 * refused with an error for each. */
int pil_policy_build(const char *const *paths, size_t count, unsigned met, struct pil_diag *diag,
                     void **block, size_t *len, struct pil_image *img) PIL_USERESULT;

/* The same behind the load, for who wants to look at the model; it is released in any case. */
int pil_policy_finish(struct pil_model *model, unsigned met, struct pil_diag *diag, void **block,
                      size_t *len, struct pil_image *img) PIL_USERESULT;

/*
 * Stable text of an image, the form that diffs, golden tests and audit records quote: canonical
 * order, one thing a line, no places and no comments. *text is malloc'd, NUL-terminated.
 */
int pil_render(const struct pil_image *img, char **text) PIL_USERESULT;

/*
 * Seconds east of UTC at `now` for every zone of the image, into offsets[0..zones). Uses libc's
 * time zone data through TZ and tzset, and leaves TZ as it was; so not while other threads read
 * local time. PIL_E_NOTFOUND when a zone is unknown on this host.
 */
int pil_zone_offsets(const struct pil_image *img, int64_t now, int32_t *offsets) PIL_USERESULT;
/* True when this host knows the zone. */
bool pil_zone_known(const char *name);

/* 0..99 from a host id (contents of /etc/machine-id, or any text): FNV-1a, the same everywhere. */
unsigned pil_host_bucket(const char *host_id);

#endif
