/*
 * The decision log's way to the disk: a bounded buffer in memory and one writer thread.
 *
 * Decisions never wait for a disk unless the operator chose so. Whole lines go into the buffer;
 * the writer empties it with plain writes, keeps at it while the disk is full, and changes the
 * file on demand between two lines. What happens when the buffer cannot take a line is the
 * setting on_full:
 *   drop   the line is lost and counted (default)
 *   block  pil_log_write waits for room
 *   deny   the line is lost and counted, and pil_log_denies is true from the moment on that a
 *          write failed or a line found no room, until the buffer is empty again; decisions are
 *          denials meanwhile. What the buffer holds at a crash is lost: at most log_buffer bytes.
 *
 * Cost: pil_log_write a lock and a copy; pil_log_denies one load. Errors: enum pil_err.
 * Threads: all functions on the main thread; the writer thread is private.
 */
#ifndef PIL_POLICYD_LOG_H
#define PIL_POLICYD_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/settings.h"
#include "core/defs.h"

struct pil_log;

struct pil_log_status {
    uint64_t lines, bytes; /* written to the file */
    uint64_t dropped;      /* lines */
    uint64_t waiting;      /* bytes in the buffer */
    int error;             /* errno of the last write or open when that failed, else 0 */
    bool denying;
};

/* Opens path ("stderr" duplicates it; else created with mode 0640 and appended to) and reserves
 * the buffer. PIL_E_SYSTEM with errno set; without `follow`, a symbolic link in its place is ELOOP
 * and a file of several names EMLINK. Lines are kept until pil_log_start. */
int pil_log_open(const char *path, size_t buffer, enum pil_on_full on_full, bool follow,
                 struct pil_log **out) PIL_USERESULT;

/* Starts the writer. After privileges are dropped: they are per thread. */
int pil_log_start(struct pil_log *log) PIL_USERESULT;

/* Gives the file to another user, so that it can be opened again after privileges are gone; and
 * its folder, if that is named in LOGS_DIRECTORY: then it was made for policyd alone. What is no
 * file stays whose it is. */
void pil_log_own(const struct pil_log *log, unsigned uid, unsigned gid);

/* Takes one line, newline included. False when it was lost. */
bool pil_log_write(struct pil_log *log, const char *line, size_t len);

/* Wakes the writer; call once after a run of writes. */
void pil_log_kick(struct pil_log *log);

/* Asks the writer to open the path anew; the old file stays in use when that fails. */
void pil_log_reopen(struct pil_log *log);

bool pil_log_denies(const struct pil_log *log);
void pil_log_state(struct pil_log *log, struct pil_log_status *out);

/* Writes what is left, for at most two seconds, and releases everything. NULL is legal. */
void pil_log_close(struct pil_log *log);

#endif
