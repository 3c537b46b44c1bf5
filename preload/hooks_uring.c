/*
 * liburing makes its system calls by itself, so that no hook would see what goes through a ring.
 * Its functions that set one up answer as they do where the kernel allows no rings, and programs
 * fall back to ordinary calls. The types are liburing's and are not looked at.
 */
#include "preload/hook.h"

int io_uring_queue_init(unsigned entries, void *ring, unsigned flags);
int io_uring_queue_init_params(unsigned entries, void *ring, void *params);
int io_uring_queue_init_mem(unsigned entries, void *ring, void *params, void *buf, size_t size);
int io_uring_setup(unsigned entries, void *params);

HOOK int io_uring_queue_init(unsigned entries, void *ring, unsigned flags)
{
    (void)entries, (void)ring, (void)flags;
    return pil_shim_io_uring();
}

HOOK int io_uring_queue_init_params(unsigned entries, void *ring, void *params)
{
    (void)entries, (void)ring, (void)params;
    return pil_shim_io_uring();
}

HOOK int io_uring_queue_init_mem(unsigned entries, void *ring, void *params, void *buf, size_t size)
{
    (void)entries, (void)ring, (void)params, (void)buf, (void)size;
    return pil_shim_io_uring();
}

HOOK int io_uring_setup(unsigned entries, void *params)
{
    (void)entries, (void)params;
    return pil_shim_io_uring();
}
