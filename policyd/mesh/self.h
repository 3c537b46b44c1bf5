/*
 * Whom this side is in a handshake, and whom it believes: references, taken and given back
 * together.
 *
 * Cost: two look-ups. Errors: false, with the sentence of the identity module. Threads: main only.
 */
#ifndef PIL_POLICYD_MESH_SELF_H
#define PIL_POLICYD_MESH_SELF_H

#include <stdbool.h>

struct pil_bundle;
struct pil_mesh;
struct pil_owner;
struct pil_svid;

struct pil_self {
    const struct pil_svid *svid;
    const struct pil_bundle *bundle;
    const char *problem; /* when there is none; valid until the next question */
};

/* False: the owner has no identity. To be dropped in any case. */
bool pil_self_get(const struct pil_owner *owner, struct pil_self *out);
void pil_self_drop(struct pil_self *self);

#endif
