/*
 * Makes listening sockets: unix SEQPACKET by path or abstract name, and stream sockets for HTTP on
 * loopback or a unix path.
 *
 * Cost: a few system calls. Errors: -1 with an error in the diag that names the setting and what
 * is legal. Threads: main thread only.
 */
#ifndef PIL_POLICYD_LISTENER_H
#define PIL_POLICYD_LISTENER_H

#include <stdbool.h>
#include <sys/stat.h>

#include "conf/diag.h"

/* name is a path, or "@name". type is SOCK_SEQPACKET or SOCK_STREAM. */
int pil_listener_unix(const char *setting, const char *name, int type, mode_t mode,
                      struct pil_diag *diag);

/* "127.0.0.1:9464", "[::1]:9464" or "unix:/path". */
int pil_listener_http(const char *text, struct pil_diag *diag);

#endif
