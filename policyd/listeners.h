/*
 * The two sockets that processes connect to, and who keeps them over a restart.
 *
 * systemd (policyd.socket) or the keeper (keeper.h) may hand them over as LISTEN_FDS. Whoever
 * connects while no policyd runs then waits in their backlog and is served by the next one; so
 * they are neither removed nor made anew here. What was not handed over is made.
 *
 * Cost: some system calls at start. Errors: with a sentence in the diag. Threads: main thread.
 */
#ifndef PIL_POLICYD_LISTENERS_H
#define PIL_POLICYD_LISTENERS_H

#include <stdbool.h>

#include "conf/diag.h"
#include "conf/settings.h"
#include "policyd/fdstore.h"

#define PIL_LISTENERS 2u

struct pil_listeners {
    int fd[PIL_LISTENERS]; /* setting socket, setting abstract; -1: none */
    bool kept;             /* handed over: somebody else removes the path */
};

#define PIL_LISTENERS_NONE                                                                         \
    (struct pil_listeners)                                                                         \
    {                                                                                              \
        .fd = { -1, -1 }                                                                           \
    }

/* Takes what was handed to this process. What policyd itself had kept (fdstore.h) goes to `kept`;
 * any other descriptor that is no listening socket of one of the two settings is an error. */
int pil_listeners_inherit(const struct pil_settings *set, struct pil_diag *diag,
                          struct pil_listeners *out, struct pil_fds *kept) PIL_USERESULT;

/* Makes what is missing. After an error what was made is gone again. */
int pil_listeners_open(const struct pil_settings *set, struct pil_diag *diag,
                       struct pil_listeners *listeners) PIL_USERESULT;

/* Puts them, and what is kept, where an exec'ed successor of this very process looks for them, and
 * says so in the environment. Whatever had descriptors 3, 4, and so on is lost. */
int pil_listeners_bequeath(const struct pil_listeners *listeners,
                           const struct pil_fds *kept) PIL_USERESULT;

/* Closes them, and removes the path when nobody else keeps it. */
void pil_listeners_close(const struct pil_settings *set, struct pil_listeners *listeners);

#endif
