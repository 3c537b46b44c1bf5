#include "shim/fresh.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/socket.h>

static _Atomic uint8_t note[PIL_FRESH_NOTES]; /* SOCK_STREAM, ...; 0: none */

void pil_fresh_note(int fd, int type)
{
    type &= ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    if ((unsigned)fd < PIL_FRESH_NOTES)
        atomic_store_explicit(&note[fd], (uint8_t)type, memory_order_relaxed);
}

int pil_fresh_take(int fd)
{
    int type;

    if ((unsigned)fd >= PIL_FRESH_NOTES)
        return 0;
    type = atomic_load_explicit(&note[fd], memory_order_relaxed);
    if (type)
        atomic_store_explicit(&note[fd], 0, memory_order_relaxed);
    return type;
}

void pil_fresh_wipe(unsigned first, unsigned last)
{
    for (unsigned fd = first; fd <= last && fd < PIL_FRESH_NOTES; fd++)
        if (atomic_load_explicit(&note[fd], memory_order_relaxed))
            atomic_store_explicit(&note[fd], 0, memory_order_relaxed);
}
