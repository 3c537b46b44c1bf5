/*
 * What kind of socket a descriptor is, for its first connect.
 *
 * socket() notes the type, the next question about that number takes the note away, and closing
 * or duplicating over it wipes it; without a note the kernel is asked. So the usual life of a
 * client, socket then connect, is spared a system call, and a note that went stale because
 * somebody closed behind the hooks would need a socket of another type, received under the same
 * number and connected without ever having been asked about: state by number that lives longer
 * than that is what this project does without.
 *
 * Cost: a load and a store. Errors: none. Memory: a byte for each low number. Threads, signals:
 * relaxed atomics; the number itself is what two threads would have to fight over.
 */
#ifndef PIL_SHIM_FRESH_H
#define PIL_SHIM_FRESH_H

/* socket() returned fd, of this type (with or without SOCK_NONBLOCK and SOCK_CLOEXEC). */
void pil_fresh_note(int fd, int type);

/* The type that was noted, once; 0 when there is no note. */
int pil_fresh_take(int fd);

#define PIL_FRESH_NOTES 4096u /* numbers from here on are asked from the kernel */

/* The numbers first..last may be something else from now on. */
void pil_fresh_wipe(unsigned first, unsigned last);

static inline void pil_fresh_wipe_one(int fd)
{
    if ((unsigned)fd < PIL_FRESH_NOTES)
        pil_fresh_wipe((unsigned)fd, (unsigned)fd);
}

#endif
