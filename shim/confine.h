/*
 * Programs that put a seccomp filter on themselves: what of ours it would kill is not done again.
 *
 * The hooks of prctl and syscall see the filter before the kernel does. It is asked about every
 * system call that the shim makes of its own accord; what it does not allow is taken out of
 * pil_real_sys, where it fails from then on instead of killing the program. So a program that may
 * still talk to policyd by its standing link goes on as before; one that may not gets cached
 * verdicts as long as they are good, and then refusals. The program's own calls are never touched.
 *
 * Nothing is given back, as the kernel gives nothing back. The loss holds for the whole process,
 * also where the filter is for one thread, it is inherited over fork with the memory, and over exec
 * in the environment (PILLION_CONFINED), which can only take away.
 *
 * Cost: none until a filter comes; then some forty runs of it. Errors: as of the call. Threads:
 * entries of the table are replaced one word at a time. Signals: as the call itself.
 */
#ifndef PIL_SHIM_CONFINE_H
#define PIL_SHIM_CONFINE_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/sysops.h"

/* What can be lost. The numbers are bits of PILLION_CONFINED: append only. */
enum pil_loss {
    PIL_LOSS_CONNECT,
    PIL_LOSS_SENDMSG,
    PIL_LOSS_RECVMSG,
    PIL_LOSS_SOCKET,
    PIL_LOSS_GETSOCKOPT,
    PIL_LOSS_SETSOCKOPT,
    PIL_LOSS_GETSOCKNAME,
    PIL_LOSS_POLL,
    PIL_LOSS_CLOSE,
    PIL_LOSS_FCNTL,
    PIL_LOSS_OPENAT,
    PIL_LOSS_PREAD,
    PIL_LOSS_READLINKAT,
    PIL_LOSS_MMAP,
    PIL_LOSS_MUNMAP,
    PIL_LOSS_MADVISE,
    PIL_LOSS_GETRANDOM,
    PIL_LOSS_PROCMASK,
    PIL_LOSS_GETCWD,
    PIL_LOSS_GETPID,
    PIL_LOSS_GETTID,
    PIL_LOSS_CLOCK,
    PIL_LOSS_FUTEX,
    PIL_LOSS_STATX,
    PIL_LOSS_FGETXATTR,
    PIL_LOSS_GETRESUID,
    PIL_LOSS_GETRESGID,
    PIL_LOSS_GETLIMIT,
    PIL_LOSS_FACCESSAT,
    PIL_LOSS_SHUTDOWN,
    PIL_LOSS_SOCKETPAIR,
    PIL_LOSS_COUNT
};

#define PIL_LOSS(name) (UINT32_C(1) << PIL_LOSS_##name)
#define PIL_LOSS_ALL   ((UINT32_C(1) << PIL_LOSS_COUNT) - 1)

/* Without these nothing can be asked of policyd, not even by a link that stands. */
#define PIL_LOSS_OF_LINK (PIL_LOSS(SENDMSG) | PIL_LOSS(RECVMSG) | PIL_LOSS(GETSOCKOPT))

/* Without one of these it cannot be told where a path leads, and what a file is. */
#define PIL_LOSS_OF_PATHS (PIL_LOSS(OPENAT) | PIL_LOSS(READLINKAT))
#define PIL_LOSS_OF_FILES                                                                          \
    (PIL_LOSS(OPENAT) | PIL_LOSS(PREAD) | PIL_LOSS(STATX) | PIL_LOSS(FACCESSAT))

/* What is lost so far, as bits. */
extern _Atomic uint32_t pil_confine_lost;

/* Takes that away, in addition to what is lost already. */
void pil_confine_lose(uint32_t losses);

/* Puts back, as it was in `from`, what a filter that the kernel then refused would have cost. */
void pil_confine_restore(uint32_t losses, const struct pil_sysops *from);

/* The system call that a loss is of. */
const char *pil_confine_name(enum pil_loss loss);

/* What this filter costs us; and whether it leaves the program a network call to make. */
uint32_t pil_confine_cost(const struct sock_fprog *filter);
bool pil_confine_leaves_network(const struct sock_fprog *filter);

/* What the environment says that is lost already. Malformed is all of it. */
uint32_t pil_confine_inherited(const char *value);

#endif
