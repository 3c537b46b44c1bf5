/* Looks at descriptors and lists of them, in which ours do not occur. */
#include <dirent.h>
#include <sys/stat.h>

#include "preload/hook.h"

int __fxstat(int version, int fd, struct stat *st);
int __fxstat64(int version, int fd, struct stat64 *st);

HOOK int fstat(int fd, struct stat *st)
{
    return pil_shim_fstat(fd, st);
}

HOOK int fstat64(int fd, struct stat64 *st)
{
    return pil_shim_fstat64(fd, st);
}

#if defined(__i386__)
int __fstat64_time64(int fd, void *st);

HOOK int __fstat64_time64(int fd, void *st)
{
    return pil_shim___fstat64_time64(fd, st);
}
#endif

HOOK int __fxstat(int version, int fd, struct stat *st)
{
    return pil_shim__fxstat(version, fd, st);
}

HOOK int __fxstat64(int version, int fd, struct stat64 *st)
{
    return pil_shim__fxstat64(version, fd, st);
}

HOOK struct dirent *readdir(DIR *dir)
{
    return pil_shim_readdir(dir);
}

HOOK struct dirent64 *readdir64(DIR *dir)
{
    return pil_shim_readdir64(dir);
}

HOOK int readdir_r(DIR *dir, struct dirent *room, struct dirent **entry)
{
    return pil_shim_readdir_r(dir, room, entry);
}

HOOK int readdir64_r(DIR *dir, struct dirent64 *room, struct dirent64 **entry)
{
    return pil_shim_readdir64_r(dir, room, entry);
}
