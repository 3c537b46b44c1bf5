/* Descriptors: so that the program cannot close or overwrite ours by accident. */
#include <stdarg.h>

#include "preload/hook.h"

int __close(int fd);
int __dup2(int from, int to);
int __fcntl(int fd, int command, ...);
int close(int fd);
int close_range(unsigned first, unsigned last, int flags);
void closefrom(int first);
int dup(int fd);
int dup2(int from, int to);
int dup3(int from, int to, int flags);
int fcntl(int fd, int command, ...);
int fcntl64(int fd, int command, ...);

HOOK int close(int fd)
{
    return pil_shim_close(fd);
}

HOOK int __close(int fd)
{
    return pil_shim_close(fd);
}

HOOK int close_range(unsigned first, unsigned last, int flags)
{
    return pil_shim_close_range(first, last, flags);
}

HOOK void closefrom(int first)
{
    pil_shim_closefrom(first);
}

HOOK int dup(int fd)
{
    return pil_shim_dup(fd);
}

HOOK int dup2(int from, int to)
{
    return pil_shim_dup2(from, to);
}

HOOK int __dup2(int from, int to)
{
    return pil_shim_dup2(from, to);
}

HOOK int dup3(int from, int to, int flags)
{
    return pil_shim_dup3(from, to, flags);
}

/* The third argument is there or not by the command; reading it as a long covers both, as libc
 * itself does. */
#define FCNTL(name, shim)                                                                          \
    HOOK int name(int fd, int command, ...)                                                        \
    {                                                                                              \
        va_list list;                                                                              \
        long argument;                                                                             \
                                                                                                   \
        va_start(list, command);                                                                   \
        argument = va_arg(list, long);                                                             \
        va_end(list);                                                                              \
        return pil_shim_##shim(fd, command, argument);                                             \
    }

FCNTL(fcntl, fcntl)
FCNTL(fcntl64, fcntl64)
FCNTL(__fcntl, fcntl)
#if defined(__i386__)
/* What fcntl is in a program that counts time in 64 bits. */
int __fcntl_time64(int fd, int command, ...);
FCNTL(__fcntl_time64, fcntl64)
#endif
