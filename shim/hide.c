/*
 * Looks at descriptors, and lists of them: ours are not there.
 *
 * A program that counts what it has open, to prove that nothing leaked say, asks with fstat or
 * reads /proc/self/fd. What libc reads for itself (scandir, glob, fts) and what others see from
 * outside is out of reach.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/call.h"
#include "shim/ownfd.h"
#include "shim/real.h"
#include "shim/shim.h"
#include "shim/state.h"

#define FSTAT(name, type)                                                                          \
    int pil_shim_##name(int fd, type *st)                                                          \
    {                                                                                              \
        if (pil_ownfd_has(fd))                                                                     \
            return (int)pil_call_result(-EBADF);                                                   \
        return PIL_BOUND(name) ? pil_real_libc.name(fd, st) : (int)pil_call_result(-ENOSYS);       \
    }

FSTAT(fstat, struct stat)
FSTAT(fstat64, struct stat64)
#if defined(__i386__)
FSTAT(__fstat64_time64, void) /* fstat with _TIME_BITS=64: a struct that only libc looks into */
#endif

/* What programs call that were built before libc 2.33. */
#define FXSTAT(name, type)                                                                         \
    int pil_shim##name(int version, int fd, type *st)                                              \
    {                                                                                              \
        if (pil_ownfd_has(fd))                                                                     \
            return (int)pil_call_result(-EBADF);                                                   \
        return PIL_BOUND(name) ? pil_real_libc.name(version, fd, st)                               \
                               : (int)pil_call_result(-ENOSYS);                                    \
    }

FXSTAT(__fxstat, struct stat)
FXSTAT(__fxstat64, struct stat64)

/* The number that a name says, or -1. */
static int number(const char *name)
{
    long value = 0;

    if (!*name)
        return -1;
    for (; *name; name++) {
        if (*name < '0' || *name > '9' || value > INT_MAX / 10 - 1)
            return -1;
        value = value * 10 + (*name - '0');
    }
    return (int)value;
}

static bool same_file(const struct statx *a, const struct statx *b)
{
    return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major &&
           a->stx_dev_minor == b->stx_dev_minor;
}

/* While it is open, a folder of procfs keeps its inode, under whichever name it was opened. */
static bool lists_our_descriptors(int dir)
{
    static const char *const folders[] = {"/proc/self/fd", "/proc/self/fdinfo",
                                          "/proc/thread-self/fd", "/proc/thread-self/fdinfo"};
    struct statx open, known;

    if (pil_sysops_kernel.statx(dir, "", AT_EMPTY_PATH, STATX_INO, &open))
        return false;
    for (unsigned i = 0; i < sizeof(folders) / sizeof(*folders); i++)
        if (!pil_sysops_kernel.statx(AT_FDCWD, folders[i], 0, STATX_INO, &known) &&
            same_file(&open, &known))
            return true;
    return false;
}

static bool hidden(DIR *dir, const char *name)
{
    int fd = number(name);

    return fd >= 0 && pil_ownfd_has(fd) && lists_our_descriptors(dirfd(dir));
}

#define READDIR(name, type)                                                                        \
    type *pil_shim_##name(DIR *dir)                                                                \
    {                                                                                              \
        type *entry;                                                                               \
                                                                                                   \
        if (!PIL_BOUND(name)) {                                                                    \
            errno = ENOSYS;                                                                        \
            return NULL;                                                                           \
        }                                                                                          \
        do                                                                                         \
            entry = pil_real_libc.name(dir);                                                       \
        while (entry && hidden(dir, entry->d_name));                                               \
        return entry;                                                                              \
    }                                                                                              \
                                                                                                   \
    int pil_shim_##name##_r(DIR *dir, type *room, type **entry)                                    \
    {                                                                                              \
        int error;                                                                                 \
                                                                                                   \
        if (!PIL_BOUND(name##_r))                                                                  \
            return ENOSYS;                                                                         \
        do                                                                                         \
            error = pil_real_libc.name##_r(dir, room, entry);                                      \
        while (!error && *entry && hidden(dir, (*entry)->d_name));                                 \
        return error;                                                                              \
    }

/* readdir_r is deprecated, and still called. */
READDIR(readdir, struct dirent)
READDIR(readdir64, struct dirent64)
