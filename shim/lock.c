#include "shim/lock.h"

#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>

#include "shim/real.h"

static const struct pil_sysops *const sys = &pil_real_sys;

void pil_lock_take(struct pil_lock *lock, uint64_t *mask)
{
    uint64_t all = UINT64_MAX;
    uint32_t free = 0;

    *mask = 0;
    sys->procmask(SIG_SETMASK, &all, mask);
    if (atomic_compare_exchange_strong(&lock->word, &free, 1))
        return;
    while (atomic_exchange(&lock->word, 2) != 0)
        sys->futex((uint32_t *)&lock->word, FUTEX_WAIT_PRIVATE, 2, NULL);
}

void pil_lock_release(struct pil_lock *lock, const uint64_t *mask)
{
    if (atomic_exchange(&lock->word, 0) == 2)
        sys->futex((uint32_t *)&lock->word, FUTEX_WAKE_PRIVATE, 1, NULL);
    sys->procmask(SIG_SETMASK, mask, NULL);
}
