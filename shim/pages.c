#include "shim/pages.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/err.h"
#include "shim/real.h"
#include "shim/state.h"

static const struct pil_sysops *const sys = &pil_real_sys;

bool pil_pages_have(uint32_t instance)
{
    return atomic_load_explicit(&pil_process.page_instance, memory_order_acquire) == instance + 1;
}

static void *map_shared(int fd, size_t len, int prot)
{
    uintptr_t at = sys->mmap(NULL, len, prot, MAP_SHARED, fd, 0);

    return at > (uintptr_t)-4096 ? NULL : (void *)at;
}

/* Inode of a memfd of at least len bytes; 0 when it is none, and touching it would be a SIGBUS. */
static uint64_t file_of(int fd, size_t len)
{
    struct statx st;

    if (sys->statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_SIZE, &st) || st.stx_size < len)
        return 0;
    return st.stx_ino;
}

static int adopt(uint32_t instance, const int fds[2], uint64_t ring_file)
{
    struct pil_genpage *page = map_shared(fds[0], PIL_GENPAGE_SIZE, PROT_READ);
    struct pil_ring *ring = map_shared(fds[1], PIL_RING_SIZE, PROT_READ | PROT_WRITE);

    if (!page || !ring)
        return PIL_E_UNREACHABLE;
    if (pil_genpage_check(page) || pil_ring_check(ring)) {
        sys->munmap(page, PIL_GENPAGE_SIZE);
        sys->munmap(ring, PIL_RING_SIZE);
        return PIL_E_MALFORMED;
    }
    atomic_store_explicit(&pil_process.ring, ring, memory_order_release);
    atomic_store_explicit(&pil_process.page, page, memory_order_release);
    atomic_store_explicit(&pil_process.ring_file, ring_file, memory_order_release);
    atomic_store_explicit(&pil_process.page_instance, instance + 1, memory_order_release);
    return PIL_OK;
}

/* All links of a process have one ring. Another one is from another policyd, or from one that had
 * given us up when the last link went: then our pages are as dead as the old ring. */
int pil_pages_take(uint32_t instance, const int fds[2])
{
    uint64_t ring_file = file_of(fds[1], PIL_RING_SIZE);

    if (ring_file == 0 || file_of(fds[0], PIL_GENPAGE_SIZE) == 0)
        return PIL_E_MALFORMED;
    if (pil_pages_have(instance) && atomic_load(&pil_process.ring_file) == ring_file)
        return PIL_OK;
    return adopt(instance, fds, ring_file);
}
