/*
 * Giving connections to policyd's relay. Private to conn*.c.
 *
 * Cost: a round trip to policyd and a dozen system calls. Errors: negated errno; nothing has
 * changed then. Threads: the slot's locks are taken, or held where said. Signals: any. Fork: the
 * slot is of no use to other processes that hold it, from then on.
 */
#ifndef PIL_SHIM_CONN_DEMOTE_H
#define PIL_SHIM_CONN_DEMOTE_H

#include "shim/conn_slot.h"

/* pil_conn_demote, and `also` becomes the relay's, too. */
int pil_demote_with(int fd, int also);

/* pil_conn_demote where no other process has the connection; -EBUSY where one has. */
int pil_demote_alone(int fd);

/* Both ends are over, and policyd gets what is still to be sent. out_lock is held. */
bool pil_demote_rest(struct pil_slot *slot, int fd);

#endif
