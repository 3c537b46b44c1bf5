// sources: core
/* core/elf: any bytes as a program; the interpreters of its scripts are the same bytes. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/classes.h"
#include "core/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *bytes;
static size_t length;

static int f_openat(int dir, const char *path, int flags, unsigned mode)
{
    (void)dir, (void)flags, (void)mode;
    if (strlen(path) >= PIL_ELF_LINE)
        __builtin_trap();
    return 3;
}

static int f_close(int fd)
{
    (void)fd;
    return 0;
}

static ssize_t f_pread(int fd, void *buf, size_t len, int64_t offset)
{
    (void)fd;
    if (offset < 0)
        return -EINVAL;
    if ((uint64_t)offset >= length)
        return 0;
    if (len > length - (size_t)offset)
        len = length - (size_t)offset;
    memcpy(buf, bytes + offset, len);
    return (ssize_t)len;
}

static int f_statx(int dir, const char *path, int flags, unsigned mask, struct statx *out)
{
    (void)dir, (void)path, (void)flags, (void)mask;
    memset(out, 0, sizeof(*out));
    out->stx_mode = S_IFREG | 0755;
    return 0;
}

static ssize_t f_fgetxattr(int fd, const char *name, void *value, size_t len)
{
    (void)fd, (void)name, (void)value, (void)len;
    return -ENODATA;
}

static int f_ids(uint32_t *real, uint32_t *effective, uint32_t *saved)
{
    *real = *effective = *saved = 1000;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pil_sysops sys = {.openat = f_openat,
                             .close = f_close,
                             .pread = f_pread,
                             .statx = f_statx,
                             .fgetxattr = f_fgetxattr,
                             .getresuid = f_ids,
                             .getresgid = f_ids};
    struct pil_elf_report report;

    bytes = data;
    length = size;
    pil_elf_inspect(&sys, AT_FDCWD, "program", &report);
    if (report.cover == PIL_COVER_UNKNOWN || report.cover >= PIL_COVER_COUNT)
        __builtin_trap();
    if (!memchr(report.interp, 0, sizeof(report.interp)) ||
        !memchr(report.program, 0, sizeof(report.program)))
        __builtin_trap();
    pil_elf_library(&sys, 3, pil_classes_ours());
    pil_elf_cover(&sys, &report, "/x/$LIB/libpillion.so");
    return 0;
}
