/*
 * core/sysops: every entry is the system call it is named after, tells errors as negated errnos,
 * and leaves errno alone.
 */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/sysops.h"

static const struct pil_sysops *const sys = &pil_sysops_kernel;

/* Every test runs with a mark in errno that must still be there at its end. */
#define MARK 4711

static int set_mark(void **state)
{
    (void)state;
    errno = MARK;
    return 0;
}

static int check_mark(void **state)
{
    (void)state;
    return errno == MARK ? 0 : -1;
}

static void no_entry_is_missing(void **state)
{
    void *const *entry = (void *const *)sys;

    (void)state;
    for (size_t i = 0; i < sizeof(*sys) / sizeof(*entry); i++)
        assert_non_null(entry[i]);
}

static void bad_descriptors_are_negated_errnos(void **state)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr *sa = (struct sockaddr *)&in;
    socklen_t len = sizeof(in);
    struct msghdr msg = {0};
    struct mmsghdr vec = {0};
    int value = 0;
    char c;

    (void)state;
    assert_int_equal(sys->connect(-1, sa, len), -EBADF);
    assert_int_equal(sys->bind(-1, sa, len), -EBADF);
    assert_int_equal(sys->listen(-1, 1), -EBADF);
    assert_int_equal(sys->accept(-1, NULL, NULL), -EBADF);
    assert_int_equal(sys->accept4(-1, NULL, NULL, 0), -EBADF);
    assert_int_equal(sys->dup(-1), -EBADF);
    assert_int_equal(sys->dup2(-1, 5), -EBADF);
    assert_int_equal(sys->sendto(-1, "x", 1, 0, NULL, 0), -EBADF);
    assert_int_equal(sys->sendmsg(-1, &msg, 0), -EBADF);
    assert_int_equal(sys->sendmmsg(-1, &vec, 1, 0), -EBADF);
    assert_int_equal(sys->recvmsg(-1, &msg, 0), -EBADF);
    assert_int_equal(sys->getsockopt(-1, SOL_SOCKET, SO_TYPE, &value, &len), -EBADF);
    assert_int_equal(sys->setsockopt(-1, SOL_SOCKET, SO_REUSEADDR, &value, sizeof(value)), -EBADF);
    assert_int_equal(sys->getsockname(-1, sa, &len), -EBADF);
    assert_int_equal(sys->getpeername(-1, sa, &len), -EBADF);
    assert_int_equal(sys->close(-1), -EBADF);
    assert_int_equal(sys->dup3(-1, 5, 0), -EBADF);
    assert_int_equal(sys->fcntl(-1, F_GETFD, 0), -EBADF);
    assert_int_equal(sys->pread(-1, &c, 1, 0), -EBADF);
    assert_int_equal(sys->fgetxattr(-1, "user.x", &c, 1), -EBADF);
    assert_int_equal(sys->openat(AT_FDCWD, "/nonexistent/x", O_RDONLY, 0), -ENOENT);
    assert_int_equal(sys->readlinkat(AT_FDCWD, "/", &c, 1), -EINVAL);
    assert_int_equal(sys->socket(-1, 0, 0), -EAFNOSUPPORT);
    assert_int_equal(sys->close_range(5, 4, 0), -EINVAL);
    assert_true((intptr_t)sys->mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                -EINVAL);
    assert_int_equal(sys->munmap((void *)1, 4096), -EINVAL);
    assert_int_equal(sys->madvise((void *)1, 4096, MADV_DONTNEED), -EINVAL);
    assert_int_equal(sys->clock_gettime(9999, NULL), -EINVAL);
}

/* A whole stream conversation through the table, so that no argument is in the wrong place. */
static void a_stream_works(void **state)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in peer, own;
    struct sockaddr *sa = (struct sockaddr *)&in;
    socklen_t len = sizeof(in);
    int server = sys->socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), client, end, value = 0;
    struct iovec iov = {(char[]){"bcd"}, 3};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    struct mmsghdr vec = {.msg_hdr = msg};
    char buf[16] = "";

    (void)state;
    assert_true(server >= 0);
    assert_int_equal(sys->bind(server, sa, sizeof(in)), 0);
    assert_int_equal(sys->listen(server, 1), 0);
    assert_int_equal(sys->getsockname(server, sa, &len), 0);
    client = sys->socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(sys->connect(client, sa, sizeof(in)), 0);
    len = sizeof(peer);
    end = sys->accept4(server, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);
    assert_true(end >= 0);
    assert_int_equal(sys->fcntl(end, F_GETFD, 0), FD_CLOEXEC);
    len = sizeof(own);
    assert_int_equal(sys->getsockname(client, (struct sockaddr *)&own, &len), 0);
    assert_int_equal(own.sin_port, peer.sin_port);
    len = sizeof(own);
    assert_int_equal(sys->getpeername(client, (struct sockaddr *)&own, &len), 0);
    assert_int_equal(own.sin_port, in.sin_port);
    assert_int_equal(sys->setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int)), 0);
    len = sizeof(value);
    assert_int_equal(sys->getsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &value, &len), 0);
    assert_int_equal(value, 1);
    assert_int_equal(sys->sendto(client, "a", 1, 0, NULL, 0), 1);
    assert_int_equal(sys->sendmsg(client, &msg, 0), 3);
    assert_int_equal(sys->sendmmsg(client, &vec, 1, 0), 1);
    assert_int_equal(vec.msg_len, 3);
    iov = (struct iovec){buf, 7};
    assert_int_equal(sys->recvmsg(end, &msg, MSG_WAITALL), 7);
    assert_string_equal(buf, "abcdbcd");
    assert_int_equal(sys->sendto(end, "z", 1, 0, NULL, 0), 1);
    assert_int_equal(sys->poll(&(struct pollfd){.fd = client, .events = POLLIN}, 1, 10000), 1);
    assert_int_equal(sys->close(end), 0);
    assert_int_equal(sys->close(client), 0);
    assert_int_equal(sys->close(server), 0);
}

static void datagrams_go_where_they_are_sent(void **state)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *sa = (struct sockaddr *)&in;
    socklen_t len = sizeof(in);
    int to = sys->socket(AF_INET, SOCK_DGRAM, 0), from = sys->socket(AF_INET, SOCK_DGRAM, 0);
    char buf[8];
    struct iovec iov = {buf, sizeof(buf)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    (void)state;
    assert_int_equal(sys->bind(to, sa, sizeof(in)), 0);
    assert_int_equal(sys->getsockname(to, sa, &len), 0);
    assert_int_equal(sys->sendto(from, "hey", 3, 0, sa, sizeof(in)), 3);
    assert_int_equal(sys->recvmsg(to, &msg, 0), 3);
    assert_memory_equal(buf, "hey", 3);
    sys->close(to);
    sys->close(from);
}

static void descriptors_files_and_memory(void **state)
{
    int fd = sys->openat(AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC, 0), copy;
    char buf[64], cwd[4096];
    uintptr_t at;
    struct statx st;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(sys->pread(fd, buf, 3, 1), 3);
    assert_memory_equal(buf, "ELF", 3);
    assert_int_equal(sys->statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &st), 0);
    assert_true(S_ISREG(st.stx_mode));
    assert_int_equal(sys->fgetxattr(fd, "user.pillion-none", NULL, 0), -ENODATA);
    copy = sys->fcntl(fd, F_DUPFD_CLOEXEC, 200);
    assert_true(copy >= 200);
    assert_int_equal(sys->dup3(fd, copy + 1, O_CLOEXEC), copy + 1);
    assert_int_equal(sys->fcntl(copy + 1, F_GETFD, 0), FD_CLOEXEC);
    assert_int_equal(sys->close_range((unsigned)copy, (unsigned)copy + 1, 0), 0);
    assert_int_equal(sys->fcntl(copy, F_GETFD, 0), -EBADF);
    assert_int_equal(sys->fcntl(copy + 1, F_GETFD, 0), -EBADF);
    at = sys->mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_true(at < (uintptr_t)-4096);
    assert_memory_equal((void *)at, "\177ELF", 4);
    assert_int_equal(sys->munmap((void *)at, 4096), 0);
    at = sys->mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *(char *)at = 1;
    assert_int_equal(sys->madvise((void *)at, 4096, MADV_DONTNEED), 0);
    assert_int_equal(*(char *)at, 0);
    sys->munmap((void *)at, 4096);
    assert_int_equal(sys->close(fd), 0);
    assert_int_equal(sys->readlinkat(AT_FDCWD, "/proc/self/fd/0", buf, 1), 1);
    assert_non_null(getcwd(buf, sizeof(buf)));
    assert_int_equal(sys->getcwd(cwd, sizeof(cwd)), strlen(buf) + 1);
    assert_string_equal(cwd, buf);
}

static void who_and_when(void **state)
{
    struct timespec ours, libc;
    uint32_t ids[3];
    uint8_t random_bytes[32] = {0}, zero[32] = {0};

    (void)state;
    assert_int_equal(sys->getpid(), getpid());
    assert_int_equal(sys->gettid(), gettid());
    assert_int_equal(sys->getresuid(&ids[0], &ids[1], &ids[2]), 0);
    assert_int_equal(ids[0], getuid());
    assert_int_equal(ids[1], geteuid());
    assert_int_equal(sys->getresgid(&ids[0], &ids[1], &ids[2]), 0);
    assert_int_equal(ids[0], getgid());
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &libc), 0);
    assert_int_equal(sys->clock_gettime(CLOCK_MONOTONIC, &ours), 0);
    assert_true(ours.tv_sec > libc.tv_sec ||
                (ours.tv_sec == libc.tv_sec && ours.tv_nsec >= libc.tv_nsec));
    assert_int_equal(sys->getrandom(random_bytes, sizeof(random_bytes), 0), 32);
    assert_memory_not_equal(random_bytes, zero, sizeof(zero));
}

static void signal_masks_are_the_kernels_64_bits(void **state)
{
    uint64_t set = 1u << (SIGUSR1 - 1), old = 0, now = 0;
    sigset_t libc;

    (void)state;
    assert_int_equal(sys->procmask(SIG_BLOCK, &set, &old), 0);
    assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &libc), 0);
    assert_int_equal(sigismember(&libc, SIGUSR1), 1);
    assert_int_equal(sys->procmask(SIG_SETMASK, &old, &now), 0);
    assert_true(now == (old | set));
    assert_int_equal(sys->procmask(SIG_BLOCK, NULL, &now), 0);
    assert_true(now == old);
    assert_int_equal(sys->procmask(99, &set, NULL), -EINVAL);
}

static void futexes_compare_before_they_wait(void **state)
{
    uint32_t word = 5;

    (void)state;
    assert_int_equal(sys->futex(&word, FUTEX_WAIT_PRIVATE, 4, NULL), -EAGAIN);
    assert_int_equal(sys->futex(&word, FUTEX_WAIT_PRIVATE, 5, &(struct timespec){0, 1}),
                     -ETIMEDOUT);
    assert_int_equal(sys->futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL), 0);
}

/* mmap has all six; lseek would hide a lost one. */
static void six_arguments_arrive(void **state)
{
    int fd = sys->openat(AT_FDCWD, "/proc/self/exe", O_RDONLY, 0);
    char page[16];
    long at;

    (void)state;
    assert_int_equal(sys->pread(fd, page, sizeof(page), 4096), sizeof(page));
    at = pil_sysops_call(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 4096);
    assert_true(at > 0);
    assert_memory_equal((void *)at, page, sizeof(page));
    sys->munmap((void *)at, 4096);
    sys->close(fd);
    assert_int_equal(pil_sysops_call(99999, 0, 0, 0, 0, 0, 0), -ENOSYS);
}

#define MARKED(f) cmocka_unit_test_setup_teardown(f, set_mark, check_mark)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MARKED(no_entry_is_missing),
        MARKED(bad_descriptors_are_negated_errnos),
        MARKED(a_stream_works),
        MARKED(datagrams_go_where_they_are_sent),
        MARKED(descriptors_files_and_memory),
        MARKED(who_and_when),
        MARKED(signal_masks_are_the_kernels_64_bits),
        MARKED(futexes_compare_before_they_wait),
        MARKED(six_arguments_arrive),
    };

    return cmocka_run_group_tests_name("sysops", tests, NULL, NULL);
}
