/*
 * setuid and its like: a program that gives up its rights is another subject from its next call on.
 *
 * Nothing is judged here. The look after the link, due once a second anyway, is made due now; it
 * finds the user changed and has policyd told. What changes users behind these names is found by
 * the look within that second.
 */
#include <errno.h>
#include <unistd.h>

#include "shim/call.h"
#include "shim/real.h"
#include "shim/shim.h"
#include "shim/state.h"

static uint32_t user_now(void)
{
    uint32_t real = 0, now = 0, saved = 0;

    return pil_real_sys.getresuid(&real, &now, &saved) ? 0 : now;
}

static int changed(uint32_t before, int result)
{
    if (result == 0 && before != user_now())
        atomic_store(&pil_process.became, true);
    atomic_store_explicit(&pil_process.check_ns, 0, memory_order_relaxed);
    return result;
}

#define USER(name, parameters, ...)                                                                \
    int pil_shim_##name parameters                                                                 \
    {                                                                                              \
        uint32_t before;                                                                           \
                                                                                                   \
        if (!pil_state_booted())                                                                   \
            pil_state_boot(environ);                                                               \
        if (!pil_real_libc.name)                                                                   \
            return (int)pil_call_result(-ENOSYS);                                                  \
        before = user_now();                                                                       \
        return changed(before, pil_real_libc.name(__VA_ARGS__));                                   \
    }

USER(setuid, (uid_t uid), uid)
USER(seteuid, (uid_t uid), uid)
USER(setreuid, (uid_t real, uid_t effective), real, effective)
USER(setresuid, (uid_t real, uid_t effective, uid_t saved), real, effective, saved)
