/*
 * prctl and seccomp: a program that shuts itself in takes its shim along, alive.
 *
 * The link is brought up before the filter holds, where the filter leaves the program network calls
 * to be judged; then what the filter would kill is given up (confine.h), and policyd is told what
 * that was. All other requests go through as they are.
 */
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "shim/call.h"
#include "shim/confine.h"
#include "shim/event.h"
#include "shim/link.h"
#include "shim/real.h"
#include "shim/shim.h"
#include "shim/state.h"

/* What a request would leave us. */
struct terms {
    uint32_t cost;
    bool network; /* the program keeps a network call */
};

/* A filter that cannot be read, or is too long, is the kernel's to refuse. */
static struct terms terms_of(const struct sock_fprog *filter)
{
    struct sock_fprog copy;

    if (!filter || !pil_call_readable(filter, sizeof(*filter)))
        return (struct terms){0, false};
    copy = *filter;
    if (copy.len == 0 || copy.len > BPF_MAXINSNS || !copy.filter ||
        !pil_call_readable(copy.filter, copy.len * sizeof(*copy.filter)))
        return (struct terms){0, false};
    return (struct terms){pil_confine_cost(&copy), pil_confine_leaves_network(&copy)};
}

static void tell(uint32_t losses)
{
    char room[PIL_EVENT_TEXT + 1];
    struct pil_text text;

    pil_text_init(&text, room, sizeof(room));
    for (unsigned i = 0; i < PIL_LOSS_COUNT; i++) {
        if (!(losses & UINT32_C(1) << i))
            continue;
        pil_text_add(&text, room[0] ? " " : "");
        pil_text_add(&text, pil_confine_name((enum pil_loss)i));
    }
    pil_event_reach(PIL_EVENT_CONFINED, room);
}

/* The request itself. With TSYNC a positive answer is the thread that could not follow; with a
 * listener it is a descriptor. */
static bool failed(long result, long flags)
{
    return result < 0 || (result > 0 && !(flags & SECCOMP_FILTER_FLAG_NEW_LISTENER));
}

static long shut_in(const struct terms *terms, long flags, long number, const long a[5])
{
    struct pil_sysops before = pil_real_sys;
    uint32_t fresh = terms->cost & ~atomic_load(&pil_confine_lost);
    long result;

    if (terms->network) {
        pil_state_ready();
        (void)!pil_link_welcome(pil_link_deadline()); /* without one, calls will be refused */
    }
    pil_confine_lose(fresh);
    result = pil_sysops_call(number, a[0], a[1], a[2], a[3], a[4], 0);
    if (failed(result, flags))
        pil_confine_restore(fresh, &before);
    else if (terms->network && fresh)
        tell(fresh);
    return pil_call_result(result);
}

#define STRICT ((struct terms){PIL_LOSS_ALL, false})

long pil_shim_prctl(int option, const long a[4])
{
    const long all[5] = {option, a[0], a[1], a[2], a[3]};
    struct terms terms = {0, false};

    if (!pil_state_booted() || option != PR_SET_SECCOMP)
        return pil_call_result(pil_sysops_call(SYS_prctl, option, a[0], a[1], a[2], a[3], 0));
    if (a[0] == SECCOMP_MODE_STRICT)
        terms = STRICT;
    else if (a[0] == SECCOMP_MODE_FILTER)
        terms = terms_of((const struct sock_fprog *)a[1]);
    return shut_in(&terms, 0, SYS_prctl, all);
}

long pil_shim_seccomp(unsigned operation, unsigned flags, void *args)
{
    const long all[5] = {operation, flags, (long)args};
    struct terms terms = {0, false};

    if (!pil_state_booted() ||
        (operation != SECCOMP_SET_MODE_STRICT && operation != SECCOMP_SET_MODE_FILTER))
        return pil_call_result(pil_sysops_call(SYS_seccomp, operation, flags, (long)args, 0, 0, 0));
    terms = operation == SECCOMP_SET_MODE_STRICT ? STRICT : terms_of(args);
    return shut_in(&terms, flags, SYS_seccomp, all);
}
