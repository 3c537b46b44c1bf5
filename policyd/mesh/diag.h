/*
 * The kernel's own knowledge of TCP sockets, by their cookies (NETLINK_SOCK_DIAG): whether one
 * still stands, and its end by force.
 *
 * It speaks of the network namespace that policyd is in; sockets of others are not found.
 * Cost: one exchange with the kernel, some microseconds. Errors: enum pil_err. Threads: main only.
 */
#ifndef PIL_POLICYD_MESH_DIAG_H
#define PIL_POLICYD_MESH_DIAG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/standin.h"

/* A socket for such questions; -1 when the kernel gives none. */
int pil_diag_open(void);

/* PIL_OK: it stands. PIL_E_NOTFOUND: it does not, or is being closed with nobody left who has it.
 * PIL_E_SYSTEM. */
int pil_diag_find(int diag, const union pil_standin_addr *own, const union pil_standin_addr *other,
                  uint64_t cookie) PIL_USERESULT;

/* Resets it. PIL_E_NOTFOUND; PIL_E_PERMISSION: without the right (CAP_NET_ADMIN), or by a kernel
 * that does not do it (CONFIG_INET_DIAG_DESTROY). */
int pil_diag_destroy(int diag, const union pil_standin_addr *own,
                     const union pil_standin_addr *other, uint64_t cookie) PIL_USERESULT;

#endif
