/*
 * The threads that relays run in: each waits for the sockets of many relays with one epoll, moves a
 * little of each in turn, and says to the main thread which have ended. For relay.c alone.
 *
 * Threads: as each function says.
 */
#ifndef PIL_POLICYD_MESH_RELAY_THREAD_H
#define PIL_POLICYD_MESH_RELAY_THREAD_H

#include <pthread.h>
#include <stdbool.h>

#include "policyd/mesh/pump.h"

struct pil_conn;
struct pil_relay_thread;

struct pil_relay {
    struct pil_pump pump;
    struct pil_conn *conn;           /* main thread's; NULL: it has been removed */
    struct pil_relay_thread *thread; /* never changes */
    struct pil_relay *next_done;     /* under the lock of done */
    struct pil_relay *next_new;      /* under the lock of its thread */
    _Atomic bool cut;                /* to be reset */
    /* The thread's alone. */
    struct pil_relay *next, **link; /* all of the thread's */
    struct pil_relay *next_run;
    bool running; /* in the list of those that can go on */
};

/* Relays that have ended, on their way to the main thread. */
struct pil_relay_done {
    pthread_mutex_t lock;
    struct pil_relay *first;
    int wake; /* eventfd that the main thread waits on */
};

int pil_relay_done_open(struct pil_relay_done *done) PIL_USERESULT;
void pil_relay_done_close(struct pil_relay_done *done);
struct pil_relay *pil_relay_done_take(struct pil_relay_done *done); /* main; NULL: no more */

/* Main thread. */
int pil_relay_thread_start(struct pil_relay_done *done,
                           struct pil_relay_thread **out) PIL_USERESULT;
void pil_relay_thread_add(struct pil_relay_thread *thread, struct pil_relay *relay);
void pil_relay_thread_cut(struct pil_relay_thread *thread, struct pil_relay *relay);
void pil_relay_thread_stop(struct pil_relay_thread *thread); /* its relays are reset and done */

#endif
