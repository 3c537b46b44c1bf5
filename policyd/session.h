/*
 * One client: a process under Pillion, or the command. A dispatch table by message; anything that
 * is not on it, at that moment, ends the session and nothing else.
 *
 * Who connected is who says hello and who gives the command's orders: a child or whoever else came
 * by the descriptor is refused. Questions are not held to that, because a child of vfork asks in
 * its parent's name with its parent's memory.
 *
 * A process says hello first and then asks for decisions, or for connections to be secured
 * (mesh/mesh.h), which are the messages that carry descriptors. While its identity is being
 * found out (its executable is hashed) the session is not read: what it sends meanwhile waits in
 * the socket, in order and bounded by the kernel. A client that does not read its answers is
 * closed. No buffers are kept per session.
 *
 * Cost: a decision is one recvmsg, one sendmsg and no allocation. Errors: a session that ends has
 * been counted by its reason and, at a bounded rate, logged. Threads: main thread only.
 */
#ifndef PIL_POLICYD_SESSION_H
#define PIL_POLICYD_SESSION_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/wire.h"
#include "policyd/attest.h"
#include "policyd/stats.h"

struct pil_daemon;
struct pil_process;
struct pil_reply;
struct pil_follower;
struct pil_learner;

enum pil_session_state {
    PIL_SESSION_NEW = 0,  /* nothing was said yet */
    PIL_SESSION_HELD,     /* hello was said, identity is being found out */
    PIL_SESSION_ATTACHED, /* a process that may ask for decisions */
    PIL_SESSION_CONTROL,  /* the command */
};

struct pil_session {
    struct pil_daemon *d;
    struct pil_session *next, **link;       /* all of them (server.c) */
    struct pil_session *next_of, **link_of; /* those of one process */
    struct pil_process *process;
    struct pil_reply *reply; /* an answer under way (control.c) */
    struct event event;
    int fd;
    enum pil_session_state state;
    uint32_t sequence;   /* of the frame being answered */
    uint16_t type;       /* likewise */
    struct ucred sender; /* likewise */
    pid_t pid;           /* these three are of who connected */
    uid_t uid;
    gid_t gid;
    struct pil_follower *follower; /* follow.c */
    struct pil_learner *learner;   /* observe.c */
};

/* Takes the connection over, in any case. NULL when it could not be served. */
struct pil_session *pil_session_open(struct pil_daemon *d, int fd, uid_t uid, gid_t gid, pid_t pid);

/* Closes it, for whatever reason the other side had. */
void pil_session_close(struct pil_session *s);

/* Closes it, counts why and says so. */
void pil_session_refuse(struct pil_session *s, enum pil_refusal why, const char *detail);

/* A frame that was received, and who sent it by the kernel's word. fds are taken over, in any case.
 * False: the session is gone. For the loop and for fuzzing. */
bool pil_session_frame(struct pil_session *s, const void *frame, size_t len,
                       const struct ucred *sender, int *fds, unsigned fd_count);

/* The process's identity is known: its sessions go on. */
void pil_session_resume(struct pil_daemon *d, struct pil_process *p);
/* ... is not known any more: its sessions wait. */
void pil_session_hold(struct pil_process *p);

/* Sends a finished frame without waiting. PIL_E_AGAIN: the client does not read. PIL_E_CLOSED: it
 * is gone, which is its right and no refusal. */
int pil_session_send(struct pil_session *s, const struct pil_writer *w, const int *fds,
                     unsigned fd_count) PIL_USERESULT;

/* What pil_session_send said could not be sent; the session is gone afterwards. A short-lived
 * process that has left is nobody who was turned away. */
void pil_session_unsent(struct pil_session *s, int err, const char *what);

/* Says in the log, at most ten times a second, that somebody was turned away. */
void pil_session_tell(struct pil_daemon *d, pid_t pid, uid_t uid, enum pil_refusal why,
                      const char *detail);

#endif
