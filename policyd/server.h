/*
 * The listening sockets and the limits on who may come in: sessions per user and in all, and a
 * reserve of descriptors below which nobody is accepted until somebody leaves.
 *
 * The socket is made before privileges are dropped, because its credentials are those of who
 * called listen(2), and processes check them. Another policyd that answers on the path is left
 * alone; a socket nobody answers on is stale and replaced.
 *
 * Cost: a session is a few hundred bytes. Errors: enum pil_err, with a sentence in the diag.
 * Threads: main thread only.
 */
#ifndef PIL_POLICYD_SERVER_H
#define PIL_POLICYD_SERVER_H

#include "conf/diag.h"
#include "core/defs.h"

struct pil_daemon;
struct pil_listeners;
struct pil_server;
struct pil_session;

/* Makes the sockets that the settings name and that are not among `given`, which is taken over. */
int pil_server_open(struct pil_daemon *d, const struct pil_listeners *given, struct pil_diag *diag,
                    struct pil_server **out) PIL_USERESULT;

/* Begins to accept. */
int pil_server_start(struct pil_server *server) PIL_USERESULT;

/* A session is about to be released. NULL is legal. */
void pil_server_forget(struct pil_server *server, struct pil_session *s);

unsigned pil_server_sessions(const struct pil_server *server);
/* Called whenever the number of sessions falls to 0. */
void pil_server_on_empty(struct pil_server *server, void (*call)(void *cookie), void *cookie);

/* Closes all sessions and sockets, and removes the path when nobody else keeps it. NULL is legal.
 */
void pil_server_close(struct pil_server *server);

#endif
