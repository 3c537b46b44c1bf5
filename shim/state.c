#include "shim/state.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shim/cache.h"
#include "shim/confine.h"
#include "shim/digest.h"
#include "shim/env.h"
#include "shim/real.h"
#include "shim/symbol.h"

struct pil_process pil_process;

bool pil_state_forked;
_Atomic bool pil_state_renumbered;
static _Atomic uint32_t booted; /* 0: no, 1: under way, 2: done; survives fork */

bool pil_state_booted(void)
{
    return atomic_load_explicit(&booted, memory_order_acquire) == 2;
}

static void forget_in_child(void)
{
    atomic_store(&pil_process.phase, 0);
    for (unsigned i = 0; i < PIL_LINKS; i++) {
        atomic_store(&pil_process.link[i].busy, 0);
        atomic_store(&pil_process.link[i].fd, 0);
    }
    atomic_store(&pil_process.page, NULL);
    atomic_store(&pil_process.ring, NULL);
    atomic_store(&pil_process.page_instance, 0);
    atomic_store(&pil_process.cause, 0);
    atomic_store(&pil_process.retry_ns, 0);
    atomic_store(&pil_process.waiters, 0);
    atomic_store(&pil_process.pid, 0);
    atomic_store(&pil_process.areas, 0);
}

static bool wipe_on_fork(void *memory, size_t len)
{
    return pil_real_sys.madvise(memory, len, MADV_WIPEONFORK) == 0;
}

/* Where the kernel cannot wipe, fork(3) has to tell; clones behind libc's back are not seen then.
 * Entries of the cache need no wiping: without a page there is no generation that they fit. */
static void watch_forks(void)
{
    size_t len;
    void *cache = pil_cache_memory(&len);

    if (!wipe_on_fork(&pil_process, sizeof(pil_process)) || !wipe_on_fork(cache, len))
        pthread_atfork(NULL, NULL, forget_in_child);
}

void pil_state_boot(char *const envp[])
{
    uint32_t lost = pil_confine_inherited(pil_env_find(envp, PIL_ENV_CONFINED));
    bool mask_signals = !(lost & PIL_LOSS(PROCMASK));
    uint64_t all = UINT64_MAX, mask = 0;
    uint32_t none = 0;

    /* A handler that calls a hook must not wait for the thread it interrupts. */
    if (mask_signals)
        pil_sysops_kernel.procmask(SIG_SETMASK, &all, &mask);
    if (atomic_compare_exchange_strong(&booted, &none, 1)) {
        pil_real_bind();
        pil_confine_lose(lost);
        pil_env_read(envp, pil_symbol_own_path());
        pil_digest_init();
        pil_ownfd_init();
        watch_forks();
        atomic_store_explicit(&booted, 2, memory_order_release);
    }
    while (!pil_state_booted())
        sched_yield();
    if (mask_signals)
        pil_sysops_kernel.procmask(SIG_SETMASK, &mask, NULL);
}

/* The process part has nothing to set up but what a parent left behind. */
static void start(void)
{
    static _Atomic uint32_t started; /* survives fork: tells a child from a fresh image */

    if (atomic_exchange(&started, 1)) {
        pil_state_forked = true;
        pil_ownfd_forget();
    }
}

void pil_state_ready_slow(void)
{
    uint64_t all = UINT64_MAX, mask = 0;
    uint32_t fresh = 0;

    if (!pil_state_booted())
        pil_state_boot(environ);
    pil_real_sys.procmask(SIG_SETMASK, &all, &mask);
    if (atomic_compare_exchange_strong(&pil_process.phase, &fresh, 1)) {
        start();
        atomic_store_explicit(&pil_process.phase, 2, memory_order_release);
    } else {
        while (atomic_load_explicit(&pil_process.phase, memory_order_acquire) != 2)
            sched_yield();
    }
    pil_real_sys.procmask(SIG_SETMASK, &mask, NULL);
}
