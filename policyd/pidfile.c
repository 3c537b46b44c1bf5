#include "policyd/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/err.h"

static const struct pil_at nowhere = {0};

int pil_pidfile_write(const char *path, struct pil_diag *diag)
{
    int fd, err;

    if (path[0] == '\0')
        return PIL_OK;
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    err = fd >= 0 && dprintf(fd, "%d\n", (int)getpid()) > 0 ? PIL_OK : PIL_E_SYSTEM;
    if (err)
        pil_diag_error(diag, nowhere, "pidfile = \"%s\": %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return err;
}

void pil_pidfile_remove(const char *path)
{
    if (path && path[0] != '\0')
        unlink(path);
}
