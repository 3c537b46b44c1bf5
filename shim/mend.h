/*
 * Environments for children: what they lack of ours, and the same with it put back.
 *
 * Children stay with the policyd of their parent: a PILLION_SOCKET that leads elsewhere is
 * replaced, or taken out where none was named. LD_PRELOAD is not put back where it was not there: a
 * process that came under Pillion by ld.so.preload, or by a needed library, needs no help.
 *
 * Cost: one pass over the environment. Errors: none. Memory: the caller's, usually its stack,
 * because this runs in vfork children too; entries that stay are not copied. Threads, signals:
 * reads only the environment it is given.
 */
#ifndef PIL_SHIM_MEND_H
#define PIL_SHIM_MEND_H

#include <stdbool.h>
#include <stddef.h>

/* More variables than this are not copied: the caller refuses. */
#define PIL_MEND_MAX 1024u

struct pil_lacks {
    bool preload;       /* our word in LD_PRELOAD */
    bool socket;        /* PILLION_SOCKET as it was at start, which may be: none */
    bool greet;         /* PILLION_GREET=all */
    bool confined;      /* what a filter took, PIL_ENV_CONFINED */
    size_t count;       /* of variables */
    const char *others; /* LD_PRELOAD of somebody else, to be kept */
};

/* True when the environment lacks something. */
bool pil_mend_look(char *const envp[], struct pil_lacks *lacks);

/* Bytes that pil_mend needs, aligned as a pointer. */
size_t pil_mend_room(const struct pil_lacks *lacks);

/* The environment with ours put back, in room; good as long as room and envp are. */
char **pil_mend(char *const envp[], const struct pil_lacks *lacks, char **room);

#endif
