/*
 * Files and directories to a model; pil_load of conf/policy.h is the way in, this is what else
 * there is to it.
 *
 * A file is opened once and judged by its open descriptor: a regular file of root or of the
 * calling user, writable by nobody else, of bounded size. include("path") is relative to the
 * folder of the file it stands in; a file that comes up twice is read once, a circle is an error.
 *
 * Errors: told to the diag; PIL_E_SYNTAX, or PIL_E_NOMEM. Threads: one at a time.
 */
#ifndef PIL_CONF_LOAD_H
#define PIL_CONF_LOAD_H

#include "conf/diag.h"
#include "conf/model.h"

#define PIL_LOAD_FILE_MAX  (16u << 20) /* bytes of one file */
#define PIL_LOAD_TOTAL_MAX (64u << 20) /* bytes of all files of a load */
#define PIL_LOAD_FILES_MAX 4096u       /* files of a load */
#define PIL_LOAD_DEPTH_MAX 8u          /* includes within each other */

/* Loads one text from memory, as if it were a file of that name. An include() in it is an error,
 * because there is no folder that it could be relative to. The model is empty after an error. */
int pil_load_text(const char *name, const char *text, size_t len, struct pil_diag *diag,
                  struct pil_model *model) PIL_USERESULT;

#endif
