#include "policyd/access.h"

#include <sys/socket.h>
#include <unistd.h>

#include "policyd/daemon.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

#define GROUPS_MAX 1024u /* a peer in more groups has to come with the right one as its own */

static bool is_member(gid_t wanted, int fd)
{
    static gid_t groups[GROUPS_MAX]; /* main thread only */
    socklen_t len = sizeof(groups);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
        return false;
    for (size_t i = 0; i < len / sizeof(gid_t); i++)
        if (groups[i] == wanted)
            return true;
    return false;
}

bool pil_access_control(const struct pil_daemon *d, uid_t uid, gid_t gid, int fd)
{
    if (uid == 0 || uid == geteuid())
        return true;
    if (d->control_gid == (gid_t)-1)
        return false;
    return gid == d->control_gid || is_member(d->control_gid, fd);
}
