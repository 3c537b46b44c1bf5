/*
 * The dynamic loader's functions, where they would lead around the hooks (preload/hooks_dl.S).
 *
 * - dlsym on libc's handle gives libc's own connect: the hook is given instead.
 * - RTLD_DEEPBIND lets a library prefer libc to us: the flag is taken away, and reported.
 * - dlmopen gives a library a libc of its own, where no hook is: reported, or refused where the
 *   workload's policy wants its children covered, as an exec that leaves our reach would be.
 */
#include <stddef.h>

#include "shim/reach.h"
#include "shim/shim.h"
#include "shim/symbol.h"

struct pil_shim_dl pil_shim_dl;

/* hooks_dl.S knows where they are. */
_Static_assert(offsetof(struct pil_shim_dl, dlsym) == 0, "DLSYM");
_Static_assert(offsetof(struct pil_shim_dl, dlvsym) == sizeof(void *), "DLVSYM");
_Static_assert(offsetof(struct pil_shim_dl, dlopen) == 2 * sizeof(void *), "DLOPEN");
_Static_assert(offsetof(struct pil_shim_dl, dlmopen) == 3 * sizeof(void *), "DLMOPEN");

/* What libc calls find in a program that has no such function. */
static void *missing(void)
{
    return NULL;
}

static void *next_or_missing(const char *name)
{
    void *found = pil_symbol_next(name);

    return found ? found : (void *)missing;
}

/* dlsym last: it is what tells that all are there. Threads that race write the same. */
void pil_shim_bind_dl(void)
{
    pil_shim_dl.dlmopen = next_or_missing("dlmopen");
    pil_shim_dl.dlopen = next_or_missing("dlopen");
    *(void **)&pil_shim_dl.dlvsym = next_or_missing("dlvsym");
    __atomic_store_n((void **)&pil_shim_dl.dlsym, next_or_missing("dlsym"), __ATOMIC_RELEASE);
}

/* A library may have a function of its own under a name that we hook, and that one is meant then;
 * so only what is libc's is replaced. */
static void *hooked(const char *name, void *found)
{
    void *own = found ? pil_symbol_own(name) : NULL;

    return own && found == pil_symbol_in("libc.so.6", name) ? own : found;
}

void *pil_shim_dlsym(void *handle, const char *name)
{
    return hooked(name, pil_shim_dl.dlsym(handle, name));
}

void *pil_shim_dlvsym(void *handle, const char *name, const char *version)
{
    return hooked(name, pil_shim_dl.dlvsym(handle, name, version));
}

void pil_shim_deepbind(const char *path)
{
    pil_reach_closed(PIL_EVENT_DEEPBIND, path);
}

const char *pil_shim_namespace(const char *path)
{
    return pil_reach_refuses(path, PIL_COVER_NAMESPACE)
               ? "(refused: Pillion cannot cover a namespace of its own)"
               : NULL;
}
