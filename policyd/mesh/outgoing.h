/*
 * A program's connection that policyd secures as its client, until it is answered for.
 *
 * The answer goes into a channel whose other end the program waits on, and which it may have filled
 * so that it looks busy: the frame is sent first and the channel emptied behind it, so that
 * verdict and readiness come together. A channel that ends without an answer is a refusal: that is
 * what the program sees when policyd is killed. When the program closes its end, nobody waits any
 * more.
 *
 * Cost: two descriptors and an allocation while it is under way. Errors: told through the channel.
 * Threads: main thread only.
 */
#ifndef PIL_POLICYD_MESH_OUTGOING_H
#define PIL_POLICYD_MESH_OUTGOING_H

#include "core/wire_tls.h"

struct pil_mesh;
struct pil_outgoing;
struct pil_owner;

/* Takes both descriptors over, in any case. */
void pil_outgoing_begin(struct pil_mesh *m, struct pil_owner *owner, const struct pil_secure *ask,
                        int fd, int channel);

/* Ends it without an answer. */
void pil_outgoing_drop(struct pil_outgoing *out);

#endif
