/*
 * Parked connections: the kernel has begun or made the connection, the handshake is under way.
 *
 * The program's socket stays in its place, and nobody may use it yet. What the program would wait
 * for on it is taken from the gate meanwhile: our end of a SEQPACKET pair, on which policyd sends
 * one answer. Registrations in epoll sets lie on the gate, tagged with an address of our own memory
 * that no program's data can be; when the answer is there they are made on the real socket, as the
 * program wrote them, so that the edges and one-shots which the program sees are the kernel's own.
 *
 * Cost: with nothing parked, one load. Parked, some system calls for each event. Errors: negated
 * errno. Memory: PIL_PARK_MAX entries, static; a connection that finds no room is refused. Threads:
 * one lock, taken with signals blocked and never held while waiting. Fork: a child has copies;
 * whoever is first to read an answer has it, and the other's connection fails. A child of vfork
 * changes nothing.
 */
#ifndef PIL_SHIM_PARK_H
#define PIL_SHIM_PARK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#define PIL_PARK_MAX  2048u
#define PIL_PARK_SETS 4u /* epoll sets that one parked socket may be in */

/* Longer than policyd lets a handshake take; what has no answer then gets none. */
#define PIL_PARK_WAIT_NS UINT64_C(30000000000)

/* How many are parked or have failed and not told it yet. */
extern _Atomic uint32_t pil_park_count;

/* One was parked at some time in this process. */
extern _Atomic bool pil_park_ever;

static inline bool pil_park_any(void)
{
    return atomic_load_explicit(&pil_park_count, memory_order_relaxed) != 0;
}

/*
 * Parks fd. gate, a fresh descriptor, is taken over in any case. watched says that the socket may
 * be in epoll sets already. 0, or -EMFILE when there is no room or no number for the gate.
 */
int pil_park_begin(int fd, int gate, bool watched);

/* fd is parked, or was and has not told yet that it failed. Not exact for a number that was closed
 * behind the hooks; the others here look closer. */
bool pil_park_lists(int fd);

static inline bool pil_park_has(int fd)
{
    return pil_park_any() && pil_park_lists(fd);
}

/* The gate of a parked socket that has no answer yet; -1 for every other descriptor. */
int pil_park_gate(int fd);

/*
 * Takes the answer if it is there. 0: fd is not parked, or is secured now. -EAGAIN: no answer yet.
 * Else why it failed (a negated errno), which is what every call gets until one of them was told
 * by pil_park_tell or the socket is closed.
 */
int pil_park_settle(int fd);

/* The same, waiting for the answer, as long as end_ns (CLOCK_MONOTONIC): -EAGAIN when it is over. A
 * cancellation point; -EINTR when a signal was taken. */
int pil_park_wait(int fd, uint64_t end_ns);

/* SO_ERROR: 0 while there is no answer or it was good; else the errno, once, after which the
 * descriptor is what it is to the kernel, a socket that was shut down. */
int pil_park_tell(int fd);

/* The program closes fd, or puts another file in its place. */
void pil_park_close(int fd);

/* For numbers first..last. */
void pil_park_close_range(unsigned first, unsigned last);

/* epoll_ctl on a parked socket: true when it was dealt with, with the negated errno or 0. */
bool pil_park_control(int set, int op, int fd, struct epoll_event *event, int *result);

/* Takes our own events out of count that epoll_wait gave, settling what they are of; how many are
 * left. */
int pil_park_filter(struct epoll_event *events, int count);

#endif
