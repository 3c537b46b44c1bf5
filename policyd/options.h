/*
 * policyd's command line. An option that has a setting of the same meaning overrides the file's.
 *
 * Cost: none. Errors: PIL_E_SYNTAX with all errors in the diag. Threads: main thread only.
 */
#ifndef PIL_POLICYD_OPTIONS_H
#define PIL_POLICYD_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#include "conf/diag.h"
#include "conf/settings.h"

struct pil_options {
    bool check;      /* -n: read everything, say what is wrong, exit */
    bool foreground; /* -f */
    bool keep;       /* -k: a keeper holds the sockets and starts what serves them again */
    bool help, version;
    pid_t solo; /* --solo-pid: private to that process; 0: not */
};

/* Reads settings file and options into *settings. */
int pil_options_read(int argc, char **argv, struct pil_diag *diag, struct pil_options *out,
                     struct pil_settings *settings) PIL_USERESULT;

/* What --help prints. */
const char *pil_options_help(void);

#endif
