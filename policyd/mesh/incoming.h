/*
 * One connection on a delegated listening socket, from accept until the program has it.
 *
 *   TLS first, where policy wants it; in mode permissive only if the first bytes are TLS
 *   the peer is known  -> decision: accept, own address, source, peer
 *   admitted           -> SECURED with the socket through the stand-in, or waits for room in it
 *
 * Refused ones are reset or told by an alert, logged, counted by reason, and never seen by the
 * program. Threads: main thread only.
 */
#ifndef PIL_POLICYD_MESH_INCOMING_H
#define PIL_POLICYD_MESH_INCOMING_H

struct pil_incoming;
struct pil_listener;

/* Takes fd over. */
void pil_incoming_begin(struct pil_listener *l, int fd);

/* Sends what is ready, as far as there is room. */
void pil_incoming_deliver(struct pil_listener *l);

/* Resets it, without a word in the log: the listener ends. */
void pil_incoming_drop(struct pil_incoming *in);

#endif
