/*
 * chroot, unshare, setns, pivot_root: a process that goes where policyd's socket may not be seen.
 *
 * Paths belong to a mount namespace and a root, abstract names to a network namespace. The link
 * that stands goes along, whatever is left behind, so it is brought up first. Whether another one
 * could be made from the new place is tried at once: where none can, policyd hears so by that link,
 * because the children of this process, who need links of their own, will be refused unheard.
 */
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/defs.h"
#include "core/ring.h"
#include "core/sysops.h"
#include "shim/call.h"
#include "shim/event.h"
#include "shim/link.h"
#include "shim/shim.h"
#include "shim/state.h"

#define PLACES (CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUSER)

static long go(const char *how, long number, long a, long b)
{
    long result;

    pil_state_ready();
    (void)!pil_link_welcome(pil_link_deadline()); /* without one, nobody can be told */
    result = pil_sysops_call(number, a, b, 0, 0, 0, 0);
    if (result == 0 && !pil_link_reachable())
        pil_event_reach(PIL_EVENT_OUT_OF_REACH, how);
    return result;
}

/* The users of a new namespace have other numbers, and are who they were. */
static long go_with_users(const char *how, long number, long a, long b)
{
    bool before = atomic_load(&pil_state_renumbered);
    long result;

    atomic_store(&pil_state_renumbered, true);
    result = go(how, number, a, b);
    if (result < 0)
        atomic_store(&pil_state_renumbered, before);
    return result;
}

int pil_shim_chroot(const char *path)
{
    return (int)pil_call_result(go("chroot", SYS_chroot, (long)path, 0));
}

int pil_shim_pivot_root(const char *root, const char *old)
{
    return (int)pil_call_result(go("pivot_root", SYS_pivot_root, (long)root, (long)old));
}

int pil_shim_unshare(int flags)
{
    if (!(flags & PLACES))
        return (int)pil_call_result(pil_sysops_call(SYS_unshare, flags, 0, 0, 0, 0, 0));
    return (int)pil_call_result(
        (flags & CLONE_NEWUSER ? go_with_users : go)("unshare", SYS_unshare, flags, 0));
}

/* Type 0 joins whatever the descriptor is of. */
int pil_shim_setns(int fd, int type)
{
    bool users = type == 0 || (type & CLONE_NEWUSER);

    return (int)pil_call_result((users ? go_with_users : go)("setns", SYS_setns, fd, type));
}
