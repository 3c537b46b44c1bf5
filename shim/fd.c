/*
 * Descriptors: the program's calls, stepping around ours.
 *
 * To the program our descriptors do not exist: closing or duplicating one is EBADF, closing a
 * range leaves it out, and duplicating onto its number moves us away first.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <unistd.h>

#include "shim/call.h"
#include "shim/conn.h"
#include "shim/fresh.h"
#include "shim/io.h"
#include "shim/link.h"
#include "shim/ownfd.h"
#include "shim/park.h"
#include "shim/real.h"
#include "shim/shim.h"
#include "shim/state.h"

/* A number that was closed behind the hooks may be the program's by now. */
static bool ours(int fd)
{
    return PIL_UNLIKELY(pil_ownfd_has(fd)) && pil_link_holds(fd);
}

/* Allocators close files while they start, before anything of ours is bound. */
int pil_shim_close(int fd)
{
    if (ours(fd))
        return (int)pil_call_result(-EBADF);
    pil_fresh_wipe_one(fd);
    pil_park_close(fd);
    if (pil_conn_maybe(fd))
        pil_conn_release((unsigned)fd, (unsigned)fd);
    if (pil_real_libc.close)
        return pil_real_libc.close(fd);
    return (int)pil_call_result(pil_sysops_kernel.close(fd));
}

static int close_part(unsigned first, unsigned last, int flags)
{
    return first <= last ? pil_sysops_kernel.close_range(first, last, (unsigned)flags) : 0;
}

int pil_shim_close_range(unsigned first, unsigned last, int flags)
{
    int own, err;

    /* Ours are close-on-exec anyway; and an illegal call is the kernel's to refuse. */
    if ((flags & CLOSE_RANGE_CLOEXEC) || first > last)
        return (int)pil_call_result(pil_sysops_kernel.close_range(first, last, (unsigned)flags));
    pil_fresh_wipe(first, last);
    pil_park_close_range(first, last);
    pil_conn_release(first, last);
    while (first <= INT_MAX && (own = pil_ownfd_from((int)first)) >= 0 && (unsigned)own <= last) {
        err = own > 0 ? close_part(first, (unsigned)own - 1, flags) : 0;
        if (err < 0)
            return (int)pil_call_result(err);
        if ((unsigned)own == last)
            return 0;
        first = (unsigned)own + 1;
    }
    return (int)pil_call_result(close_part(first, last, flags));
}

/* closefrom(3) cannot fail. Where the kernel has no close_range, one by one. */
void pil_shim_closefrom(int first)
{
    int saved = errno;

    if (first < 0)
        first = 0;
    if (pil_shim_close_range((unsigned)first, ~0u, 0) < 0 && errno == ENOSYS)
        for (int fd = first; fd < 1 << 20; fd++)
            pil_shim_close(fd);
    errno = saved;
}

/* A number that became a copy of another one is no fresh socket, whatever was noted of it. */
static int copied(int from, int result)
{
    if (result >= 0) {
        pil_fresh_wipe_one(result);
        if (pil_conn_maybe(from))
            pil_conn_copied(from, result);
    }
    return (int)pil_call_result(result);
}

/* A copy of a socket that is being secured would be one that nobody holds back. A signal does not
 * end this wait, because these calls know no EINTR. */
static void settled(int fd)
{
    uint64_t end;

    if (PIL_LIKELY(!pil_park_has(fd)))
        return;
    end = pil_real_now_ns() + PIL_PARK_WAIT_NS;
    while (pil_park_wait(fd, end) == -EINTR)
        ;
}

/* What the kernel is about to close under that number; a copy of nothing closes nothing. What
 * becomes a standard stream will be read and written inside libc, or by the next program. */
static void cover(int from, int to)
{
    settled(from);
    if (to <= STDERR_FILENO)
        pil_io_leave(from);
    if (pil_park_has(to) && pil_sysops_kernel.fcntl(from, F_GETFD, 0) >= 0)
        pil_park_close(to);
    if (pil_conn_maybe(to) && pil_sysops_kernel.fcntl(from, F_GETFD, 0) >= 0)
        pil_conn_release((unsigned)to, (unsigned)to);
}

int pil_shim_dup(int fd)
{
    if (ours(fd))
        return (int)pil_call_result(-EBADF);
    settled(fd);
    return copied(fd, pil_sysops_kernel.dup(fd));
}

/* Frees the number `to` of ours, which in a forked child may still be the parent's. False when that
 * did not work in time. */
static bool make_way(int to)
{
    if (!ours(to))
        return true;
    pil_state_ready();
    return pil_link_evict(to);
}

/* 0, or why `from` cannot be copied to `to`. */
static int may_copy(int from, int to)
{
    if (ours(from))
        return -EBADF;
    return make_way(to) ? 0 : -EBUSY;
}

int pil_shim_dup3(int from, int to, int flags)
{
    int err = may_copy(from, to);

    if (err)
        return (int)pil_call_result(err);
    if (from != to)
        cover(from, to);
    return copied(from, pil_sysops_kernel.dup3(from, to, flags));
}

/* dup2 onto itself only asks whether the descriptor is open, and says nothing new about it. */
int pil_shim_dup2(int from, int to)
{
    int err = may_copy(from, to);

    if (err || from == to)
        return (int)pil_call_result(err ? err : pil_sysops_kernel.dup2(from, to));
    cover(from, to);
    return copied(from, pil_sysops_kernel.dup2(from, to));
}

static int control(int fd, int command, long argument, int (*libc)(int, int, ...))
{
    if (ours(fd))
        return (int)pil_call_result(-EBADF);
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) {
        settled(fd);
        return copied(fd, pil_sysops_kernel.fcntl(fd, command, argument));
    }
    /* libc's own, because it mends F_GETOWN and makes F_SETLKW a cancellation point. */
    if (libc)
        return libc(fd, command, argument);
    return (int)pil_call_result(pil_sysops_kernel.fcntl(fd, command, argument));
}

/* Two names, because in a 32-bit libc they take locks of different layouts. */
int pil_shim_fcntl(int fd, int command, long argument)
{
    return control(fd, command, argument, pil_real_libc.fcntl);
}

int pil_shim_fcntl64(int fd, int command, long argument)
{
    return control(fd, command, argument,
                   pil_real_libc.fcntl64 ? pil_real_libc.fcntl64 : pil_real_libc.fcntl);
}
