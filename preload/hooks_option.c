/* Names and options of sockets, which stand-ins answer as what they stand for. */
#include "preload/hook.h"

HOOK int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
    return pil_shim_getsockname(fd, addr, len);
}

HOOK int getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
    return pil_shim_getpeername(fd, addr, len);
}

HOOK int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    return pil_shim_getsockopt(fd, level, name, value, len);
}

HOOK int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    return pil_shim_setsockopt(fd, level, name, value, len);
}

#if defined(__i386__)
/* What these are in a program that counts time in 64 bits. */
int __getsockopt64(int fd, int level, int name, void *value, socklen_t *len);
int __setsockopt64(int fd, int level, int name, const void *value, socklen_t len);

HOOK int __getsockopt64(int fd, int level, int name, void *value, socklen_t *len)
{
    return pil_shim_getsockopt(fd, level, name, value, len);
}

HOOK int __setsockopt64(int fd, int level, int name, const void *value, socklen_t len)
{
    return pil_shim_setsockopt(fd, level, name, value, len);
}
#endif
