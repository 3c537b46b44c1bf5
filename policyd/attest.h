/*
 * Who is at the other end of a socket, by what the kernel says and nobody else.
 *
 * The peer's pid, uid and gid come from the socket and are those of connect. A descriptor is
 * inherited and passed on, so who sent a message is asked too (SCM_CREDENTIALS), and a sender that
 * is not who connected is nobody. The process is held by a pidfd of the socket where the kernel has
 * that; else by a pidfd of the number, which counts only while start time and real uid are those of
 * the sender, read before and after its facts. Facts come from /proc and are owned by the caller.
 *
 * Cost: a handful of system calls, at hello and expect only. Errors: enum pil_err. PIL_E_PEER: it
 * is not who sent the message, is gone, or its number was used again. Threads: main thread (names
 * of users go through libc).
 */
#ifndef PIL_POLICYD_ATTEST_H
#define PIL_POLICYD_ATTEST_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "core/classes.h"
#include "core/defs.h"

struct pil_peer {
    pid_t pid;
    uid_t uid;
    gid_t gid;
    uid_t sender;   /* real uid of who sent the message */
    bool by_number; /* the pidfd was opened by pid: the kernel has none of the socket */
    int pidfd;      /* -1 when there is none */
    uint64_t start; /* clock ticks since boot */
};

/* An executable as a file: the same id means the same content. */
struct pil_exe_id {
    uint64_t device, inode, size;
    int64_t mtime_ns, ctime_ns;
};

#define PIL_ATTEST_CGROUP 1024u

struct pil_attested {
    char exe[PATH_MAX]; /* without " (deleted)"; "" when it cannot be read */
    struct pil_exe_id id;
    char user[64];                  /* name, or the number as text */
    char cgroup[PIL_ATTEST_CGROUP]; /* "" when there is none */
    char unit[PIL_ATTEST_CGROUP];   /* "" when there is none */
};

/* Peer of a connected socket, alive, and the process that sent the message. Its uid is the sender's
 * too, but for a program whose effective and real users differ. Nothing is to be dropped after an
 * error. */
int pil_attest_peer(int fd, const struct ucred *sender, struct pil_peer *out) PIL_USERESULT;
void pil_attest_drop(struct pil_peer *peer); /* closes the pidfd */

/* Facts of a live peer. */
int pil_attest_read(const struct pil_peer *peer, struct pil_attested *out) PIL_USERESULT;

/* A descriptor of its executable, for hashing; -1 when it cannot be opened. */
int pil_attest_open(const struct pil_peer *peer);

/* The class of the executable behind such a descriptor; NULL when it is not the file of id, or of
 * no class that this machine is known for. The descriptor stays the caller's. */
const struct pil_class *pil_attest_class(int fd, const struct pil_exe_id *id);

/* Real and effective user from the contents of /proc/PID/status; false when they are not there. The
 * name of the process, which is above them, cannot hold the end of a line. */
bool pil_attest_users(const char *status, uid_t *real, uid_t *effective);

/* Start time from the contents of /proc/PID/stat; 0 when it cannot be read. The name of the
 * process may hold anything, parentheses included. */
uint64_t pil_attest_start(const char *stat);

#endif
