/* The two directions of a pump; for pump.c alone. Each moves what it can in one step: WAIT, MORE or
 * LOST. Threads: that of the relay. */
#ifndef PIL_POLICYD_MESH_PUMP_PARTS_H
#define PIL_POLICYD_MESH_PUMP_PARTS_H

#include "policyd/mesh/pump.h"

/* From the peer to the program. */
enum pil_pump_state pil_pump_in(struct pil_pump *p, struct pil_buffers *pool);

/* From the program to the peer. */
enum pil_pump_state pil_pump_out(struct pil_pump *p, struct pil_buffers *pool);

#endif
