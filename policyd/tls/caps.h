/*
 * How many handshakes are under way for each client address: an IPv4 address, or an IPv6 /64.
 *
 * Cost: a look-up. Errors: refusal. Threads: main thread only.
 */
#ifndef PIL_POLICYD_TLS_CAPS_H
#define PIL_POLICYD_TLS_CAPS_H

#include "core/addr.h"
#include "core/defs.h"

struct pil_caps;

/* addresses: the most that can be counted at once. */
int pil_caps_open(unsigned addresses, unsigned per_address, struct pil_caps **out) PIL_USERESULT;

/* One more of this address. False: it has as many as it may. */
bool pil_caps_take(struct pil_caps *caps, const struct pil_ip *ip) PIL_USERESULT;

/* One fewer; it must have been taken. */
void pil_caps_give(struct pil_caps *caps, const struct pil_ip *ip);

void pil_caps_close(struct pil_caps *caps); /* NULL is legal */

#endif
