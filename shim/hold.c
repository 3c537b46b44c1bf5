#include "shim/hold.h"

#include <linux/futex.h>

#include "shim/real.h"

#define STEAL_NS INT64_C(5000000000) /* a holder that died (a killed vfork child) lets go */

static const struct pil_sysops *const sys = &pil_real_sys;

uint64_t pil_hold_cookie(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof(cookie);

    return sys->getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) ? 0 : cookie;
}

bool pil_hold_ours(const struct pil_link *link, int fd)
{
    return pil_hold_cookie(fd) == link->cookie;
}

void pil_hold_drop(struct pil_link *link)
{
    int fd = (int)atomic_exchange(&link->fd, 0) - 1;

    if (fd >= 0 && pil_hold_ours(link, fd))
        pil_ownfd_close(fd);
    else if (fd >= 0)
        pil_ownfd_lose(fd);
    link->greeted = false;
}

/* What a dead holder left in its link, an answer perhaps, is nobody's. */
bool pil_hold_try(struct pil_link *link, uint64_t now)
{
    uint64_t busy = atomic_load_explicit(&link->busy, memory_order_relaxed);
    bool dead = busy != 0;

    /* Signed: others may have taken it after this thread looked at the clock. */
    if (dead && (int64_t)(now - busy) < STEAL_NS)
        return false;
    if (!atomic_compare_exchange_strong_explicit(&link->busy, &busy, now, memory_order_acquire,
                                                 memory_order_relaxed))
        return false;
    if (dead)
        pil_hold_drop(link);
    return true;
}

struct pil_link *pil_hold_any(uint64_t now)
{
    for (unsigned i = 0; i < PIL_LINKS; i++)
        if (pil_hold_try(&pil_process.link[i], now))
            return &pil_process.link[i];
    return NULL;
}

static void wait_release(uint32_t seen, uint64_t left_ns)
{
    struct timespec timeout = {(time_t)(left_ns / 1000000000u), (long)(left_ns % 1000000000u)};

    atomic_fetch_add(&pil_process.waiters, 1);
    sys->futex((uint32_t *)&pil_process.released, FUTEX_WAIT_PRIVATE, seen, &timeout);
    atomic_fetch_sub(&pil_process.waiters, 1);
}

struct pil_link *pil_hold_take(uint64_t end_ns)
{
    uint64_t now = pil_real_now_ns();

    for (;;) {
        uint32_t seen = atomic_load(&pil_process.released);
        struct pil_link *link = pil_hold_any(now);

        if (link) {
            link->end_ns = end_ns;
            return link;
        }
        if (now >= end_ns)
            return NULL;
        wait_release(seen, end_ns - now);
        now = pil_real_now_ns();
    }
}

void pil_hold_release(struct pil_link *link)
{
    atomic_store_explicit(&link->busy, 0, memory_order_release);
    atomic_fetch_add(&pil_process.released, 1);
    if (atomic_load(&pil_process.waiters))
        sys->futex((uint32_t *)&pil_process.released, FUTEX_WAKE_PRIVATE, 1, NULL);
}
