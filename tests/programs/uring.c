/*
 * Asks for rings as libraries and programs do: through liburing, and by syscall(). Prints what came
 * of each; a ring that came about is given back.
 */
#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void tell(const char *what, int error)
{
    printf("%s: %s\n", what, error ? strerrorname_np(error) : "ok");
}

int main(void)
{
    struct io_uring_params params = {0}, again = {0};
    struct io_uring ring;
    int error = -io_uring_queue_init(4, &ring, 0);
    long fd;

    tell("io_uring_queue_init", error);
    if (!error)
        io_uring_queue_exit(&ring);
    error = -io_uring_queue_init_params(4, &ring, &params);
    tell("io_uring_queue_init_params", error);
    if (!error)
        io_uring_queue_exit(&ring);
    fd = syscall(SYS_io_uring_setup, 4, &again);
    tell("syscall", fd < 0 ? errno : 0);
    if (fd >= 0)
        close((int)fd);
    return 0;
}
