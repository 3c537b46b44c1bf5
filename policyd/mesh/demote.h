/*
 * A connection that its process has protected until now becomes a relay: the process hands back
 * keys, sequence numbers and the bytes that are under way.
 *
 * It has the socket, which is what proves that the connection is its own, whatever user it has
 * become since. One that an earlier policyd admitted is taken as it is.
 * Cost: that of making a relay. Errors: enum pil_err. Threads: main thread only.
 */
#ifndef PIL_POLICYD_MESH_DEMOTE_H
#define PIL_POLICYD_MESH_DEMOTE_H

#include "core/wire_tls.h"

struct pil_mesh;
struct pil_process;

/* fd and memfd stay the caller's. PIL_OK with the program's end in *program. */
int pil_demote_take(struct pil_mesh *m, const struct pil_process *p, const struct pil_demote *ask,
                    int fd, int memfd, int *program) PIL_USERESULT;

#endif
