/*
 * Descriptors with names that outlive a daemon: systemd's protocol of FDSTORE=1, spoken by the
 * keeper as it is by systemd, and the list in which they come back.
 *
 * Cost: one datagram or a few system calls each. Errors: enum pil_err. Threads: main thread.
 */
#ifndef PIL_POLICYD_FDSTORE_H
#define PIL_POLICYD_FDSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/defs.h"

#define PIL_FDSTORE_NAME "pillion" /* what names of ours begin with */
#define PIL_FDSTORE_TEXT 64u       /* a name with its NUL */
#define PIL_FDSTORE_MAX  12288u    /* descriptors that a keeper keeps */

struct pil_fd {
    int fd; /* -1: taken out */
    char name[PIL_FDSTORE_TEXT];
};

struct pil_fds {
    struct pil_fd *item;
    unsigned count, cap;
};

/* Takes the descriptor over, also when it fails; then it is closed. */
int pil_fds_add(struct pil_fds *fds, const char *name, int fd);

/* Closes all of that name. */
void pil_fds_remove(struct pil_fds *fds, const char *name);

void pil_fds_close(struct pil_fds *fds);

/* ---- who keeps ------------------------------------------------------------------------------ */

/* A socket for notifications, and NOTIFY_SOCKET for children that will speak to it. What they say
 * beside descriptors goes on to the one that was in the environment before. */
struct pil_fdstore {
    int fd;
    char name[112]; /* its own, as in the environment */
    char *onward;   /* where NOTIFY_SOCKET led; NULL: nowhere */
    struct pil_fds kept;
};

int pil_fdstore_open(struct pil_fdstore *store) PIL_USERESULT;

/* Takes what there is to read; only `child` counts. */
void pil_fdstore_read(struct pil_fdstore *store, pid_t child);

/* NOTIFY_SOCKET as it was before, for who takes this process over; and as it is again. */
void pil_fdstore_hide(const struct pil_fdstore *store);
void pil_fdstore_show(const struct pil_fdstore *store);

/* Closes everything, and puts NOTIFY_SOCKET back. */
void pil_fdstore_close(struct pil_fdstore *store);

#endif
