#include "shim/site.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

#include "core/defs.h"
#include "shim/env.h"
#include "shim/real.h"

bool pil_site_module(const void *address, struct pil_slice *name)
{
    struct dl_find_object found;
    const char *path, *base;

    if (!pil_real_libc._dl_find_object ||
        pil_real_libc._dl_find_object((void *)address, &found) != 0)
        return false;
    path = found.dlfo_link_map->l_name;
    if (path[0] == '\0')
        path = pil_env_program();
    base = strrchr(path, '/');
    *name = pil_slice_of(base ? base + 1 : path);
    if (name->len > PIL_CALLER_MAX)
        name->len = PIL_CALLER_MAX;
    return name->len > 0;
}

bool pil_site_names(const void *address)
{
    static const char prefix[] = "libnss_";
    struct pil_slice name;

    return address && pil_site_module(address, &name) && name.len >= sizeof(prefix) &&
           memcmp(name.at, prefix, sizeof(prefix) - 1) == 0;
}
