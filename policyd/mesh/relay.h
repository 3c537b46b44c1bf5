/*
 * Relays: connections whose program cannot protect them itself. The program has one end of a
 * stream socket pair, named after the connection (core/standin.h); policyd moves bytes between
 * the other end and TLS (pump.h), in threads of its own, because ciphers must not hold up
 * decisions.
 *
 * A relay has the only descriptor of its TCP socket, so policyd's end, of whatever kind, resets it,
 * and resets the program's socket too.
 *
 * Cost: two descriptors, and each byte twice through the kernel and once through the cipher.
 * Errors: enum pil_err. Threads: all functions on the main thread.
 */
#ifndef PIL_POLICYD_MESH_RELAY_H
#define PIL_POLICYD_MESH_RELAY_H

#include <stdint.h>

#include "core/wire_tls.h"
#include "policyd/tls/handshake.h"

struct pil_conn;
struct pil_mesh;
struct pil_relay;
struct pil_relays;

/* No thread is started before the first relay. */
int pil_relays_open(struct pil_mesh *m, struct pil_relays **out) PIL_USERESULT;
void pil_relays_close(struct pil_relays *all); /* resets all of them; NULL is legal */

/* A fresh connection; fd stays the caller's, and is to be closed when *program, the program's end,
 * has been sent. */
int pil_relay_begin(struct pil_mesh *m, struct pil_conn *c, int fd,
                    const struct pil_hand_result *result, int *program) PIL_USERESULT;

/* A connection that the process has protected until now, with the bytes that were under way (three
 * stretches, as in struct pil_demote, one behind the other in `bytes`). */
int pil_relay_take(struct pil_mesh *m, struct pil_conn *c, int fd, const struct pil_demote *demote,
                   const uint8_t *bytes, int *program) PIL_USERESULT;

/* Resets it; its connection is removed a little later, as when it ends by itself. */
void pil_relay_cut(struct pil_relay *relay);

/* The same, for a connection whose entry goes at once. */
void pil_relay_forget(struct pil_relay *relay);

/* Bytes so far: from the peer, from the program. */
void pil_relay_bytes(const struct pil_relay *relay, uint64_t *in, uint64_t *out);

#endif
