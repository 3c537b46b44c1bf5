/* Names: getaddrinfo and the gethostbyname family. */
#include "preload/hook.h"

HOOK int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                     struct addrinfo **res)
{
    return pil_shim_getaddrinfo(node, service, hints, res, CALLER);
}

HOOK struct hostent *gethostbyname(const char *name)
{
    return pil_shim_gethostbyname(name, CALLER);
}

HOOK struct hostent *gethostbyname2(const char *name, int family)
{
    return pil_shim_gethostbyname2(name, family, CALLER);
}

HOOK int gethostbyname_r(const char *name, struct hostent *ret, char *buf, size_t len,
                         struct hostent **result, int *error)
{
    return pil_shim_gethostbyname_r(name, ret, buf, len, result, error, CALLER);
}

HOOK int gethostbyname2_r(const char *name, int family, struct hostent *ret, char *buf, size_t len,
                          struct hostent **result, int *error)
{
    return pil_shim_gethostbyname2_r(name, family, ret, buf, len, result, error, CALLER);
}
