#include "shim/ownfd.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "core/defs.h"
#include "shim/real.h"

/* High enough to be out of the way, low enough that the kernel's table does not grow for it. */
#define PREFERRED_BASE 960

static int base = PREFERRED_BASE;         /* set once at start, immutable after, hence no lock */
static _Atomic int listed[PIL_OWNFD_MAX]; /* number + 1; 0 is a free place */
_Atomic uint64_t pil_ownfd_span;          /* begins with 0..0, a number that is never ours */

void pil_ownfd_init(void)
{
    uint64_t limit[2];

    if (pil_real_sys.getlimit(RLIMIT_NOFILE, limit) == 0 && limit[0] < PREFERRED_BASE + 64)
        base = (int)(limit[0] - limit[0] / 16);
}

static void widen(uint32_t fd)
{
    uint64_t span = atomic_load(&pil_ownfd_span), wide;

    do {
        uint32_t first = (uint32_t)span, last = (uint32_t)(span >> 32);

        if (first == 0 || fd < first)
            first = fd;
        if (fd > last)
            last = fd;
        wide = (uint64_t)last << 32 | first;
    } while (!atomic_compare_exchange_weak(&pil_ownfd_span, &span, wide));
}

static bool list(int fd)
{
    widen((uint32_t)fd);
    for (unsigned i = 0; i < PIL_OWNFD_MAX; i++) {
        int none = 0;

        if (atomic_compare_exchange_strong(&listed[i], &none, fd + 1))
            return true;
    }
    return false;
}

int pil_ownfd_adopt(int fd)
{
    int high = pil_real_sys.fcntl(fd, F_DUPFD_CLOEXEC, base);

    /* With a table that is nearly full any number will do, but never a standard one. */
    if (high < 0)
        high = pil_real_sys.fcntl(fd, F_DUPFD_CLOEXEC, 3);
    pil_real_sys.close(fd);
    if (high < 0)
        return -1;
    if (!list(high)) {
        pil_real_sys.close(high);
        return -1;
    }
    return high;
}

static bool unlist(int fd)
{
    for (unsigned i = 0; i < PIL_OWNFD_MAX; i++) {
        int want = fd + 1;

        if (atomic_compare_exchange_strong(&listed[i], &want, 0))
            return true;
    }
    return false;
}

void pil_ownfd_close(int fd)
{
    if (unlist(fd))
        pil_real_sys.close(fd);
}

void pil_ownfd_lose(int fd)
{
    (void)unlist(fd);
}

bool pil_ownfd_lists(int fd)
{
    if (fd < 3)
        return false;
    for (unsigned i = 0; i < PIL_OWNFD_MAX; i++)
        if (atomic_load_explicit(&listed[i], memory_order_relaxed) == fd + 1)
            return true;
    return false;
}

int pil_ownfd_from(int fd)
{
    int lowest = -1;

    for (unsigned i = 0; i < PIL_OWNFD_MAX; i++) {
        int own = atomic_load_explicit(&listed[i], memory_order_relaxed) - 1;

        if (own >= fd && own >= 0 && (lowest < 0 || own < lowest))
            lowest = own;
    }
    return lowest;
}

void pil_ownfd_forget(void)
{
    for (unsigned i = 0; i < PIL_OWNFD_MAX; i++) {
        int own = atomic_exchange(&listed[i], 0) - 1;

        if (own >= 0)
            pil_real_sys.close(own);
    }
}
