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

int pil_listeners_inherit(const struct pil_settings *set, struct pil_diag *diag,
                          struct pil_listeners *out)
{
    const char *const names[PIL_LISTENERS] = {set->socket, set->abstract};
    int count = sd_listen_fds(1);

    *out = PIL_LISTENERS_NONE;
    for (int i = 0; i < count; i++) {
        int err = take_one(SD_LISTEN_FDS_START + i, names, diag, out);

        if (err)
            return err;
    }
    out->kept = out->fd[0] >= 0;
    return PIL_OK;
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

int pil_listeners_bequeath(const struct pil_listeners *listeners)
{
    int high[PIL_LISTENERS], count = 0;

    /* First out of the way of where they are going. */
    for (unsigned i = 0; i < PIL_LISTENERS; i++) {
        if (listeners->fd[i] < 0)
            continue;
        high[count] = fcntl(listeners->fd[i], F_DUPFD_CLOEXEC, 16);
        if (high[count++] < 0)
            return PIL_E_SYSTEM;
    }
    for (int i = 0; i < count; i++)
        if (dup2(high[i], SD_LISTEN_FDS_START + i) < 0)
            return PIL_E_SYSTEM;
    unsetenv("LISTEN_FDNAMES");
    return set_number("LISTEN_FDS", count) && set_number("LISTEN_PID", (int)getpid()) ? PIL_OK
                                                                                      : PIL_E_NOMEM;
}
