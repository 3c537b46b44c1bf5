/*
 * The constructor. It runs after those of the program's libraries; whatever they call before
 * starts the shim by itself. It is not marked to run first of all (-z initfirst): with glibc 2.36
 * libc's own start then comes too late, and the program finds no environment.
 */
#include "shim/shim.h"

static __attribute__((constructor)) void start(int argc, char *const argv[], char *const envp[])
{
    (void)argc, (void)argv;
    pil_shim_start(envp);
}

static __attribute__((destructor)) void end(void)
{
    pil_shim_end();
}
