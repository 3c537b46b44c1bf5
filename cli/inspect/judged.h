/*
 * What decides about a socket of a process under Pillion, and how that is known.
 *
 * Errors: none. Threads: any.
 */
#ifndef PIL_CLI_INSPECT_JUDGED_H
#define PIL_CLI_INSPECT_JUDGED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/inspect/sockets.h"

struct pil_judged_process {
    bool covered;           /* the library is in it */
    const uint64_t *parent; /* inodes of sockets of its parent, and how many */
    size_t parents;
    unsigned passed;           /* LISTEN_FDS: descriptors from 3 on */
    const uint16_t *listening; /* ports it listens at, and how many */
    size_t listeners;
    const char *policyd; /* policyd's socket and its abstract name, as the kernel has them */
    const char *abstract;
};

struct pil_judged {
    const char *by; /* "connect", "accept", "listen", "send", "inherited", "link", "nothing", ... */
    const char *why; /* one sentence */
};

/* socket NULL: the kernel's tables do not have it. */
struct pil_judged pil_judged_by(const struct pil_judged_process *p, int fd, uint64_t inode,
                                const struct pil_socket *socket);

#endif
