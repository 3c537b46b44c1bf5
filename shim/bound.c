#include "shim/bound.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/un.h>

#include "shim/real.h"

#define BEING_WRITTEN 1u /* the kernel counts cookies up from 1, for the whole host: long taken */

static struct note {
    _Atomic uint64_t cookie; /* 0: free */
    struct sockaddr_un address;
    socklen_t len;
} notes[PIL_BOUND_MAX];

/* 0 when the kernel has none to give. */
static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof(cookie);

    return pil_real_sys.getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) ? 0 : cookie;
}

static struct note *find(uint64_t cookie)
{
    for (unsigned i = 0; i < PIL_BOUND_MAX && cookie > BEING_WRITTEN; i++)
        if (atomic_load_explicit(&notes[i].cookie, memory_order_acquire) == cookie)
            return &notes[i];
    return NULL;
}

bool pil_bound_note(int fd, const struct pil_copied *absolute)
{
    uint64_t cookie = cookie_of(fd);

    if (cookie <= BEING_WRITTEN || absolute->len > sizeof(notes[0].address))
        return false;
    for (unsigned i = 0; i < PIL_BOUND_MAX; i++) {
        uint64_t none = 0;

        if (!atomic_compare_exchange_strong(&notes[i].cookie, &none, BEING_WRITTEN))
            continue;
        memcpy(&notes[i].address, &absolute->sa, absolute->len);
        notes[i].len = absolute->len;
        atomic_store_explicit(&notes[i].cookie, cookie, memory_order_release);
        return true;
    }
    return false;
}

void pil_bound_forget(int fd)
{
    struct note *note = find(cookie_of(fd));

    if (note)
        atomic_store(&note->cookie, 0);
}

static bool is_relative(const struct pil_copied *addr)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&addr->sa;

    return addr->len > offsetof(struct sockaddr_un, sun_path) && un->sun_family == AF_UNIX &&
           un->sun_path[0] != '\0' && un->sun_path[0] != '/';
}

void pil_bound_complete(int fd, struct pil_copied *addr)
{
    const struct note *note = is_relative(addr) ? find(cookie_of(fd)) : NULL;

    if (!note)
        return;
    memcpy(&addr->sa, &note->address, note->len);
    addr->len = note->len;
}
