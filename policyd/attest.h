/*
 * Who is at the other end of a socket, by what the kernel says and nobody else.
 *
 * The peer's pid, uid and gid come from the socket. The pid is held to one process by a pidfd of
 * the socket where the kernel has that, else by a pidfd of the number and the process's start
 * time, read before and after its facts. Facts come from /proc and are owned by the caller.
 *
 * Cost: a handful of system calls, at hello only. Errors: enum pil_err. PIL_E_PEER: the process
 * is gone or its number was used again. Threads: main thread (names of users go through libc).
 */
#ifndef PIL_POLICYD_ATTEST_H
#define PIL_POLICYD_ATTEST_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/defs.h"

struct pil_peer {
    pid_t pid;
    uid_t uid;
    gid_t gid;
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

/* Peer of a connected socket. Only uid and gid matter to control clients, so a process that has
 * ended already is PIL_OK with start 0. */
int pil_attest_peer(int fd, struct pil_peer *out) PIL_USERESULT;
void pil_attest_drop(struct pil_peer *peer); /* closes the pidfd */

/* Facts of a live peer. */
int pil_attest_read(const struct pil_peer *peer, struct pil_attested *out) PIL_USERESULT;

/* A descriptor of its executable, for hashing; -1 when it cannot be opened. */
int pil_attest_open(const struct pil_peer *peer);

/* Contents of /proc/PID/cgroup: the unified hierarchy's path if it is not the root, else the
 * systemd one's; and the innermost unit on it. out->cgroup and out->unit are written. */
void pil_attest_cgroup(char *text, struct pil_attested *out);

/* Start time from the contents of /proc/PID/stat; 0 when it cannot be read. The name of the
 * process may hold anything, parentheses included. */
uint64_t pil_attest_start(const char *stat);

#endif
