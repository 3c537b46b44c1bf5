// flags: -I.
// deny> mmap with an offset: page two
// deny> pselect6: 0
// deny> futex requeue: 0
// deny> splice: 5
// deny> copy_file_range: 4
// deny> sendto: ok
// deny> prctl: 0
// deny> memfd_create: ok
// deny> no such call: ENOSYS
// deny> negative number: ENOSYS
/* syscall() hands on every number with all six arguments, and errors as the kernel tells them. */
#include "tests/victims/victim.h"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/syscall.h>

static int two_pages(void)
{
    int fd = (int)syscall(SYS_memfd_create, "pages", 0);

    if (ftruncate(fd, 8192) || pwrite(fd, "page one", 9, 0) != 9 ||
        pwrite(fd, "page two", 9, 4096) != 9)
        die("pages");
    return fd;
}

static void memory(int fd)
{
    char *at =
        (char *)syscall(SYS_mmap, NULL, 4096L, (long)PROT_READ, (long)MAP_PRIVATE, (long)fd, 4096L);

    printf("mmap with an offset: %s\n", at == MAP_FAILED ? strerrorname_np(errno) : at);
}

/* The sixth argument is a pair of a mask and its size, which the kernel checks. */
static void waiting(void)
{
    struct timespec none = {0, 0};
    struct {
        const void *mask;
        size_t size;
    } bad = {&none, 4711};

    syscall(SYS_pselect6, 0, NULL, NULL, NULL, &none, &bad);
    printf("pselect6: %ld\n",
           errno == EINVAL ? syscall(SYS_pselect6, 0, NULL, NULL, NULL, &none, NULL) : -1L);
}

/* With the sixth argument wrong it is EAGAIN. */
static void futex(void)
{
    uint32_t a = 7, b = 0;
    long wrong = syscall(SYS_futex, &a, FUTEX_CMP_REQUEUE_PRIVATE, 1L, 1L, &b, 6L);

    printf("futex requeue: %ld\n",
           wrong < 0 && errno == EAGAIN
               ? syscall(SYS_futex, &a, FUTEX_CMP_REQUEUE_PRIVATE, 1L, 1L, &b, 7L)
               : -1L);
}

static void copies(int fd)
{
    int ends[2], to = (int)syscall(SYS_memfd_create, "copy", 0);
    loff_t from = 4099, start = 0;

    if (pipe(ends))
        die("pipe");
    printf("splice: %ld\n", syscall(SYS_splice, fd, &from, ends[1], NULL, 5L, 0L));
    from = 4096;
    printf("copy_file_range: %ld\n", syscall(SYS_copy_file_range, fd, &from, to, &start, 4L, 0L));
}

int main(void)
{
    int port, in = serve(SOCK_DGRAM, &port), out = socket(AF_INET, SOCK_DGRAM, 0), fd = two_pages();
    struct sockaddr_in to = place("127.0.0.1", port);

    memory(fd);
    waiting();
    futex();
    copies(fd);
    say("sendto", syscall(SYS_sendto, out, "x", 1L, 0L, &to, (long)sizeof(to)));
    printf("prctl: %ld\n", syscall(SYS_prctl, PR_SET_NAME, "renamed", 0L, 0L, 0L));
    say("memfd_create", syscall(SYS_memfd_create, "x", (long)MFD_CLOEXEC));
    say("no such call", syscall(4711L, 1L, 2L, 3L, 4L, 5L, 6L));
    say("negative number", syscall(-1L));
    close(in);
    return 0;
}
