/*
 * What is kept over a restart of policyd by whoever started it: for each delegated listening
 * socket that socket, our end of its stand-in, and a memfd with what else there is to know.
 *
 * Both systemd and the keeper (policyd/keeper.h) are told by sd_notify's FDSTORE=1 and
 * FDSTOREREMOVE=1, and give descriptors back as LISTEN_FDS with their names in LISTEN_FDNAMES.
 * Where neither is there, nothing is kept and listening sockets end with policyd.
 *
 * Cost: one datagram. Errors: none that matter: what cannot be kept is not. Threads: main only.
 */
#ifndef PIL_POLICYD_MESH_KEPT_H
#define PIL_POLICYD_MESH_KEPT_H

struct pil_fds;
struct pil_listener;
struct pil_mesh;

void pil_kept_add(struct pil_listener *l);
void pil_kept_forget(struct pil_listener *l);

/* Descriptors that were given back: listeners are made of them. All are taken over; what makes no
 * whole listener is closed and forgotten. */
void pil_kept_restore(struct pil_mesh *m, struct pil_fds *given);

#endif
