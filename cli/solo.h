/*
 * A private policyd for one command: no root, no installation, no trace afterwards.
 *
 * The daemon runs in a session of its own, as a child of a keeper that removes the private folder
 * when it ends. Neither is a child of the program: the program may wait for any child of its own
 * and will find none of ours. policyd watches the program by its pid and ends after it.
 *
 * Cost: two forks, one exec, one load of the policy. Errors: policyd's own messages are passed on
 * to stderr. Threads: one.
 */
#ifndef PIL_CLI_SOLO_H
#define PIL_CLI_SOLO_H

#include "cli/cli.h"
#include "core/defs.h"

struct pil_solo {
    char folder[PIL_SOCKET_MAX + 1];
    char socket[PIL_SOCKET_MAX + 1];
    char abstract[PIL_SOCKET_MAX + 1];
};

/*
 * Starts it with that policy for this very process, and returns when it is ready: PIL_EXIT_OK,
 * else PIL_EXIT_FAILED. log: NULL keeps no decision log, "-" is stderr, else a file.
 */
int pil_solo_start(struct pil_solo *solo, const char *policy, const char *log) PIL_USERESULT;

#endif
