/*
 * The environment, read once. No other file of the shim looks at it.
 *
 * Whoever sets the environment of a program must not choose who governs it. In secure-execution
 * mode (AT_SECURE: setuid, setgid, file capabilities), and on a host that root has given a policyd
 * (its settings are there) for everybody but root, policyd is where the build says it is.
 *
 * Cost: once at start. Errors: a value that is too long or malformed is ignored, as if it were
 * not set; the defaults are the closed choice. Memory: static, set once, immutable after, hence
 * no lock. Safe after fork and in signal handlers once read.
 */
#ifndef PIL_SHIM_ENV_H
#define PIL_SHIM_ENV_H

#include <stdbool.h>
#include <stdint.h>

#include "core/defs.h"

#define PIL_ENV_PATH 256u /* longest path of the library that exec can put back */

struct pil_env {
    bool secure;
    uint32_t uid;                         /* real uid at start */
    char socket[PIL_SOCKET_MAX + 1];      /* a path or "@name" */
    char alternative[PIL_SOCKET_MAX + 1]; /* second place to try; empty when the first was named */
    char preload[PIL_ENV_PATH + 1];       /* how LD_PRELOAD named us; empty: not by LD_PRELOAD */
    bool greets;                          /* policyd waits for this process: PIL_ENV_GREET */
    bool all_greet;                       /* and for each of its children */
    char program[PIL_CALLER_MAX + 1];     /* see pil_env_program */
};

/* What a seccomp filter of a former program of this process took from the shim (confine.h). */
#define PIL_ENV_CONFINED "PILLION_CONFINED"

extern struct pil_env pil_env;

/* Reads everything from envp, as the loader gave it; own is the path that this library was loaded
 * from, as the loader knows it. */
void pil_env_read(char *const envp[], const char *own);

/* Base name of the executable, cut at PIL_CALLER_MAX; empty where /proc is not there. Looked up
 * when it is first asked for, because most processes never need it and it costs 20 us. */
const char *pil_env_program(void);

/* The value of NAME in an environment, or NULL. */
const char *pil_env_find(char *const envp[], const char *name);

/* An LD_PRELOAD value names this library, by the very word that named it at start: another file of
 * that name may be anything. */
bool pil_env_preloads(const char *value);

#endif
