#include "policyd/mesh/cut.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/daemon.h"
#include "policyd/mesh/diag.h"
#include "policyd/mesh/parts.h"
#include "policyd/mesh/relay.h"

/* A duplicate of a descriptor of another process; -1. */
static int take(pid_t pid, int fd)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), got = -1;

    if (pidfd >= 0) {
        got = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
        close(pidfd);
    }
    return got;
}

/* Whether it is the connection, and if so its end. */
static bool shut(const struct pil_conn *c, int fd)
{
    bool is = fd >= 0 && pil_conns_is(c, fd);

    if (is)
        shutdown(fd, SHUT_RDWR);
    if (fd >= 0)
        close(fd);
    return is;
}

/* The number that leads to a socket, by the text of its link: "socket:[123]". */
static bool shut_in(const struct pil_conn *c, pid_t pid)
{
    char path[64], want[32], link[64];
    struct dirent *entry;
    bool done = false;
    DIR *folder;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    snprintf(want, sizeof(want), "socket:[%llu]", (unsigned long long)c->inode);
    folder = opendir(path);
    while (folder && !done && (entry = readdir(folder))) {
        ssize_t len = readlinkat(dirfd(folder), entry->d_name, link, sizeof(link) - 1);

        link[len > 0 ? len : 0] = '\0';
        if (strcmp(link, want) == 0)
            done = shut(c, take(pid, atoi(entry->d_name)));
    }
    if (folder)
        closedir(folder);
    return done;
}

/* The process that it was admitted for first: others may have inherited it. */
static bool shut_anywhere(const struct pil_mesh *m, const struct pil_conn *c)
{
    if (shut_in(c, c->owner->who.pid))
        return true;
    for (const struct pil_process *p = m->d->processes.all; p; p = p->next)
        if (p->pid != c->owner->who.pid && shut_in(c, p->pid))
            return true;
    return false;
}

const char *pil_cut_connection(struct pil_mesh *m, const struct pil_conn *c)
{
    int err = PIL_E_PERMISSION;

    if (c->relay) {
        pil_relay_cut(c->relay);
        return "reset";
    }
    if (c->here && m->diag >= 0)
        err = pil_diag_destroy(m->diag, &c->own, &c->other, c->cookie);
    if (!err)
        return "destroyed";
    if (err == PIL_E_NOTFOUND)
        return "gone";
    return shut_anywhere(m, c) ? "shut-down" : NULL;
}
