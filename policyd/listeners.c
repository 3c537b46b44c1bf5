#include "policyd/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/listener.h"

static const struct pil_at nowhere = {0};

/* ---- handed over --------------------------------------------------------------------------- */

/* "@name" is the kernel's "\0name". */
static bool is_named(int fd, const char *name)
{
    char bytes[PIL_SOCKET_MAX + 1] = "";
    size_t len = strlen(name);

    if (len == 0 || len > PIL_SOCKET_MAX)
        return false;
    memcpy(bytes, name, len);
    if (bytes[0] == '@')
        bytes[0] = '\0';
    /* For a path the length is that of the text; 0 lets systemd's library count it. */
    return sd_is_socket_unix(fd, SOCK_SEQPACKET, 1, bytes, name[0] == '@' ? len : 0) > 0;
}

/* Connections inherit SO_PASSCRED, and accept must never wait. */
static bool make_ready(int fd)
{
    int one = 1, flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) == 0;
}

static int take_one(int fd, const char *const names[PIL_LISTENERS], struct pil_diag *diag,
                    struct pil_listeners *out)
{
    for (unsigned i = 0; i < PIL_LISTENERS; i++) {
        if (out->fd[i] >= 0 || !is_named(fd, names[i]))
            continue;
        if (!make_ready(fd))
            break;
        out->fd[i] = fd;
        return PIL_OK;
    }
    pil_diag_error(diag, nowhere,
                   "descriptor %d was handed over (LISTEN_FDS) and is no listening socket of "
                   "policyd; legal are SOCK_SEQPACKET on socket = \"%s\" and abstract = \"%s\"",
                   fd, names[0], names[1]);
    return PIL_E_RANGE;
}

static bool is_kept(const char *name)
{
    return name && strncmp(name, PIL_FDSTORE_NAME "-", sizeof(PIL_FDSTORE_NAME)) == 0;
}

static void free_names(char **names)
{
    for (char **name = names; name && *name; name++)
        free(*name);
    free(names);
}

int pil_listeners_inherit(const struct pil_settings *set, struct pil_diag *diag,
                          struct pil_listeners *out, struct pil_fds *kept)
{
    const char *const wanted[PIL_LISTENERS] = {set->socket, set->abstract};
    char **names = NULL;
    int count = sd_listen_fds_with_names(1, &names), err = PIL_OK;

    *out = PIL_LISTENERS_NONE;
    for (int i = 0; i < count && !err; i++) {
        if (is_kept(names[i]))
            err = pil_fds_add(kept, names[i], SD_LISTEN_FDS_START + i);
        else
            err = take_one(SD_LISTEN_FDS_START + i, wanted, diag, out);
    }
    free_names(names);
    out->kept = out->fd[0] >= 0;
    return err;
}

/* ---- made ----------------------------------------------------------------------------------- */

int pil_listeners_open(const struct pil_settings *set, struct pil_diag *diag,
                       struct pil_listeners *listeners)
{
    if (listeners->fd[0] < 0)
        listeners->fd[0] =
            pil_listener_unix("socket", set->socket, SOCK_SEQPACKET, set->socket_mode, diag);
    if (listeners->fd[0] >= 0 && listeners->fd[1] < 0 && set->abstract[0] != '\0')
        listeners->fd[1] = pil_listener_unix("abstract", set->abstract, SOCK_SEQPACKET, 0, diag);
    if (listeners->fd[0] >= 0 && (listeners->fd[1] >= 0 || set->abstract[0] == '\0'))
        return PIL_OK;
    pil_listeners_close(set, listeners);
    return PIL_E_SYSTEM;
}

void pil_listeners_close(const struct pil_settings *set, struct pil_listeners *listeners)
{
    /* Where privileges are gone this fails, and the next start finds it stale. */
    if (listeners->fd[0] >= 0 && !listeners->kept)
        unlink(set->socket);
    for (unsigned i = 0; i < PIL_LISTENERS; i++)
        if (listeners->fd[i] >= 0)
            close(listeners->fd[i]);
    *listeners = PIL_LISTENERS_NONE;
}

/* ---- left to a successor -------------------------------------------------------------------- */

static bool set_number(const char *name, int value)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", value);
    return setenv(name, text, 1) == 0;
}

/* All that is left, by name. */
static int gather(const struct pil_listeners *listeners, const struct pil_fds *kept,
                  struct pil_fds *out)
{
    int err = PIL_OK;

    for (unsigned i = 0; i < PIL_LISTENERS && !err; i++)
        if (listeners->fd[i] >= 0)
            err = pil_fds_add(out, "policyd", fcntl(listeners->fd[i], F_DUPFD_CLOEXEC, 3));
    for (unsigned i = 0; i < kept->count && !err; i++)
        err = pil_fds_add(out, kept->item[i].name, fcntl(kept->item[i].fd, F_DUPFD_CLOEXEC, 3));
    return err;
}

/* First out of the way of where they are going. */
static bool move(struct pil_fds *all)
{
    int first_free = SD_LISTEN_FDS_START + (int)all->count;

    for (unsigned i = 0; i < all->count; i++) {
        int high = fcntl(all->item[i].fd, F_DUPFD_CLOEXEC, first_free);

        if (high < 0)
            return false;
        close(all->item[i].fd);
        all->item[i].fd = high;
    }
    for (unsigned i = 0; i < all->count; i++)
        if (dup2(all->item[i].fd, SD_LISTEN_FDS_START + (int)i) < 0)
            return false;
    return true;
}

static bool set_names(const struct pil_fds *all)
{
    char *text = malloc(all->count * (size_t)PIL_FDSTORE_TEXT + 1), *at = text;
    bool good;

    if (!text)
        return false;
    *at = '\0';
    for (unsigned i = 0; i < all->count; i++)
        at += sprintf(at, "%s%s", i ? ":" : "", all->item[i].name);
    good = setenv("LISTEN_FDNAMES", text, 1) == 0;
    free(text);
    return good;
}

int pil_listeners_bequeath(const struct pil_listeners *listeners, const struct pil_fds *kept)
{
    struct pil_fds all = {0};
    int err = gather(listeners, kept, &all);

    if (!err && !move(&all))
        err = PIL_E_SYSTEM;
    if (!err && !(set_number("LISTEN_FDS", (int)all.count) &&
                  set_number("LISTEN_PID", (int)getpid()) && set_names(&all)))
        err = PIL_E_NOMEM;
    if (err)
        pil_fds_close(&all);
    free(all.item);
    return err;
}
