#include "shim/ownfd.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "core/defs.h"
#include "shim/real.h"

/* High enough to be out of the way, low enough that the kernel's table does not grow for it. */
#define PREFERRED_BASE 960

static int base = PREFERRED_BASE; /* set once at start, immutable after, hence no lock */
#define NUMBERS 65536u
#define HIGHER  8u

static _Atomic uint64_t listed[NUMBERS / 64u];
static _Atomic int higher[HIGHER]; /* number + 1; 0 is a free place */
_Atomic uint64_t pil_ownfd_span;   /* begins with 0..0, a number that is never ours */

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

static uint64_t bit_of(int fd)
{
    return UINT64_C(1) << ((unsigned)fd % 64u);
}

/* Exchanges one of the higher numbers for another one; 0 stands for a free place. */
static bool exchange(int from, int to)
{
    for (unsigned i = 0; i < HIGHER; i++) {
        int want = from;

        if (atomic_compare_exchange_strong(&higher[i], &want, to))
            return true;
    }
    return false;
}

static bool list(int fd)
{
    widen((uint32_t)fd);
    if ((unsigned)fd >= NUMBERS)
        return exchange(0, fd + 1);
    atomic_fetch_or(&listed[(unsigned)fd / 64u], bit_of(fd));
    return true;
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
    if (fd < 0 || (unsigned)fd >= NUMBERS)
        return fd >= 0 && exchange(fd + 1, 0);
    return atomic_fetch_and(&listed[(unsigned)fd / 64u], ~bit_of(fd)) & bit_of(fd);
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
    if ((unsigned)fd < NUMBERS)
        return atomic_load_explicit(&listed[(unsigned)fd / 64u], memory_order_relaxed) & bit_of(fd);
    for (unsigned i = 0; i < HIGHER; i++)
        if (atomic_load_explicit(&higher[i], memory_order_relaxed) == fd + 1)
            return true;
    return false;
}

/* The lowest listed one in first..last; -1 when there is none. */
static int lowest(uint32_t first, uint32_t last)
{
    int found = -1;

    for (uint32_t n = first; n <= last && n < NUMBERS; n = (n | 63u) + 1) {
        uint64_t word = atomic_load_explicit(&listed[n / 64u], memory_order_relaxed);

        word &= UINT64_MAX << n % 64u;
        if (word)
            return (int)(n / 64u * 64u) + __builtin_ctzll(word);
    }
    for (unsigned i = 0; i < HIGHER; i++) {
        int own = atomic_load_explicit(&higher[i], memory_order_relaxed) - 1;

        if (own >= 0 && (uint32_t)own >= first && (found < 0 || own < found))
            found = own;
    }
    return found;
}

int pil_ownfd_from(int fd)
{
    uint64_t span = atomic_load_explicit(&pil_ownfd_span, memory_order_relaxed);
    uint32_t first = (uint32_t)span, last = (uint32_t)(span >> 32);

    if (first == 0 || fd > (int)last)
        return -1;
    return lowest(fd > (int)first ? (uint32_t)fd : first, last);
}

void pil_ownfd_forget(void)
{
    for (int own = pil_ownfd_from(0); own >= 0; own = pil_ownfd_from(own + 1))
        pil_ownfd_close(own);
}
