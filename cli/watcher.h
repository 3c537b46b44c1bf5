/*
 * Proof of load: a small process that `pillion run` leaves behind before its exec, until policyd
 * has heard the hello of the program's library.
 *
 * policyd tells it how the promise was settled (the verb `arrival`). When no hello came in time it
 * says so on the program's standard error and ends the program with PIL_EXIT_NOHELLO. It holds
 * nothing but that standard error, the connection to policyd and a pidfd of the program; it lives
 * in a session of its own below init, and is gone as soon as the hello came or the program ended.
 *
 * When policyd itself is gone meanwhile, the library in the program's memory map is proof enough:
 * what is loaded refuses by itself what nobody decides.
 *
 * There is none where the program would find it as a child of its own, because it is init of a pid
 * namespace or a subreaper; nor when no process can be made. policyd kills a late program then.
 *
 * Cost: two forks, some hundred microseconds. Errors: none that matter, see above. Threads: one.
 */
#ifndef PIL_CLI_WATCHER_H
#define PIL_CLI_WATCHER_H

#include <stdint.h>

#include "cli/client.h"

/* The client has promised (expect) for this process. program is for the message. Nothing of it is
 * left in this process but descriptors that close on exec. */
void pil_watcher_leave(struct pil_client *c, const char *program, uint64_t timeout_ms);

#endif
