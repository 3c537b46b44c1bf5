/*
 * system and popen: libc starts the shell by itself, with the environment of the process.
 *
 * A program that cleared its environment would lose coverage there without a hook noticing. So for
 * the time of the call `environ` points to a copy with ours put back. Another thread may read it
 * meanwhile; one that changes it gets an array of its own from libc, and that one stays.
 */
#include <stdio.h>
#include <unistd.h>

#include "shim/call.h"
#include "shim/conn.h"
#include "shim/exec.h"
#include "shim/mend.h"
#include "shim/real.h"
#include "shim/shim.h"
#include "shim/state.h"

/* One of the two; `stream` tells which. */
struct shell {
    const char *command, *mode;
    int status;
    FILE *stream;
};

static void call(struct shell *s)
{
    pil_conn_before_spawn();
    if (s->mode)
        s->stream = pil_real_libc.popen(s->command, s->mode);
    else
        s->status = pil_real_libc.system(s->command);
    pil_conn_after_spawn();
}

/* A frame of its own, because its size follows the environment. */
static __attribute__((noinline)) void call_mended(struct shell *s, const struct pil_lacks *lacks)
{
    char **room = __builtin_alloca(pil_mend_room(lacks)), **kept = environ;

    environ = pil_mend(kept, lacks, room);
    call(s);
    if (environ == room)
        environ = kept;
}

static void run(struct shell *s)
{
    struct pil_lacks lacks;
    int error;

    if (!pil_state_booted())
        pil_state_boot(environ);
    error = pil_real_libc.system && pil_real_libc.popen ? pil_exec_shell() : ENOSYS;
    if (!error && pil_mend_look(environ, &lacks)) {
        if (lacks.count > PIL_MEND_MAX)
            error = E2BIG;
        else
            call_mended(s, &lacks);
    } else if (!error) {
        call(s);
    }
    if (error)
        errno = error;
}

/* system(NULL) only asks whether there is a shell. */
int pil_shim_system(const char *command)
{
    struct shell s = {.command = command, .status = -1};

    if (!command && pil_real_libc.system)
        return pil_real_libc.system(NULL);
    run(&s);
    return s.status;
}

FILE *pil_shim_popen(const char *command, const char *mode)
{
    struct shell s = {.command = command, .mode = mode ? mode : ""};

    run(&s);
    return s.stream;
}
