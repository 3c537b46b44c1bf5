#include "policyd/page.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define SIZE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

/* A descriptor that was opened for writing could still be written to by address space tricks of a
 * later kernel; one that was not, cannot. */
static int reopen_readonly(int fd)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

int pil_page_open(struct pil_page *page)
{
    int fd = memfd_create("pillion-status", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    void *map = MAP_FAILED;

    *page = (struct pil_page){.fd = -1};
    if (fd < 0)
        return PIL_E_SYSTEM;
    if (ftruncate(fd, PIL_GENPAGE_SIZE) == 0)
        map = mmap(NULL, PIL_GENPAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) {
        pil_genpage_init(map);
        page->map = map;
        page->fd = reopen_readonly(fd);
    }
    if (page->fd < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | SIZE_SEALS | F_SEAL_SEAL)) {
        pil_page_close(page);
        close(fd);
        return PIL_E_SYSTEM;
    }
    close(fd);
    return PIL_OK;
}

void pil_page_close(struct pil_page *page)
{
    if (page->map)
        munmap(page->map, PIL_GENPAGE_SIZE);
    if (page->fd >= 0)
        close(page->fd);
    *page = (struct pil_page){.fd = -1};
}

int pil_page_memfd(const char *name, size_t size)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return -1;
    if (ftruncate(fd, (off_t)size) == 0 && fcntl(fd, F_ADD_SEALS, SIZE_SEALS | F_SEAL_SEAL) == 0)
        return fd;
    close(fd);
    return -1;
}
