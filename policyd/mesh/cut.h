/*
 * Ends a standing connection, idle or busy, whoever has it.
 *
 * A relay is reset here. A connection that is a program's own is destroyed by the kernel
 * (SOCK_DESTROY), or, where policyd may not ask for that, shut down through a duplicate that is
 * taken out of a process which has it (pidfd_getfd).
 *
 * Cost: some system calls; by the second way a look at the descriptors of processes.
 * Errors: NULL when it stands still. Threads: main thread only.
 */
#ifndef PIL_POLICYD_MESH_CUT_H
#define PIL_POLICYD_MESH_CUT_H

struct pil_conn;
struct pil_mesh;

/* How it was done, for the log: "reset", "destroyed", "shut-down", "gone"; NULL: it could not. */
const char *pil_cut_connection(struct pil_mesh *m, const struct pil_conn *c);

#endif
