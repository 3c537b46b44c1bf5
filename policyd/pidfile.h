/*
 * The file that names the process to send signals to.
 *
 * Cost: some system calls. Errors: with a sentence in the diag. Threads: main thread only.
 */
#ifndef PIL_POLICYD_PIDFILE_H
#define PIL_POLICYD_PIDFILE_H

#include "conf/diag.h"
#include "core/defs.h"

/* Writes this process's id; "" writes nothing. */
int pil_pidfile_write(const char *path, struct pil_diag *diag) PIL_USERESULT;

void pil_pidfile_remove(const char *path);

#endif
