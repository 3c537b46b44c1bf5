/*
 * Who may change what is in force and see what others do.
 *
 * Cost: a system call for members of groups. Errors: no. Threads: main thread only.
 */
#ifndef PIL_POLICYD_ACCESS_H
#define PIL_POLICYD_ACCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct pil_daemon;

/* Root, policyd's own user, or a member of control_group by what the kernel says of the peer on
 * fd: its group and, where the kernel tells them, its supplementary groups. */
bool pil_access_control(const struct pil_daemon *d, uid_t uid, gid_t gid, int fd);

#endif
