/*
 * The kill switch's file: one word that turns enforcement of this host on, to shadow, or off, and
 * who said so, until when and why.
 *
 *     off
 *     until = 2026-11-25T18:00:00Z
 *     by = root (uid 0, login 1000)
 *     reason = the ledger is down
 *
 * The first line that is neither empty nor a comment (#) is the mode; the others are optional, so
 * that `echo off > /etc/pillion/switch` is enough. A file that is wrong in any way, or that
 * somebody else could have written, means on: enforcement goes on.
 *
 * Cost: some system calls. Memory: none. Errors: with a sentence. Threads: any.
 */
#ifndef PIL_CONF_SWITCH_H
#define PIL_CONF_SWITCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/defs.h"

#define PIL_SWITCH_TEXT 256u  /* bytes of a value with its NUL */
#define PIL_SWITCH_FILE 4096u /* bytes of the longest file */

/* What is safest is the zero. */
enum pil_switch_mode {
    PIL_SWITCH_ON = 0, /* policy is enforced */
    PIL_SWITCH_SHADOW, /* nothing is refused; what would have been is reported */
    PIL_SWITCH_OFF,    /* nothing is refused, and nobody is asked */
    PIL_SWITCH_MODES
};

struct pil_switch_order {
    enum pil_switch_mode mode;
    int64_t until; /* seconds since 1970; 0: until somebody turns it on */
    char by[PIL_SWITCH_TEXT], reason[PIL_SWITCH_TEXT];
};

const char *pil_switch_name(enum pil_switch_mode mode); /* "on", "shadow", "off" */
/* PIL_SWITCH_MODES: no such mode. */
enum pil_switch_mode pil_switch_mode_of(const char *name);

/* "2026-11-25T18:00:00Z"; out has room for 24 bytes. */
void pil_switch_time(int64_t seconds, char *out, size_t cap);

/* Reads the text of a file; PIL_E_SYNTAX with a sentence, and *out is on then. */
int pil_switch_parse(const char *text, size_t len, struct pil_switch_order *out, char *problem,
                     size_t cap) PIL_USERESULT;

/*
 * Reads the file. None, or "" for the path, is on. It must be a regular file of root, or of `own`,
 * that nobody else can write. Anything else is PIL_E_PERMISSION, PIL_E_SYSTEM or PIL_E_SYNTAX with
 * a sentence, and *out is on then.
 */
int pil_switch_load(const char *path, uid_t own, struct pil_switch_order *out, char *problem,
                    size_t cap) PIL_USERESULT;

/* Replaces the file whole, or leaves it as it was. PIL_E_SYNTAX for text that the file cannot hold,
 * PIL_E_PERMISSION, PIL_E_SYSTEM, with a sentence. */
int pil_switch_save(const char *path, const struct pil_switch_order *order, char *problem,
                    size_t cap) PIL_USERESULT;

#endif
