/* syscall(): calls that are hooked are judged like the functions of their name, the rest passes. */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/link.h"
#include "shim/shim.h"
#include "tests/support/shimworld.h"

static long call(long number, long a, long b, long c, long d, long e, long f)
{
    return pil_shim_syscall(number, (long[]){a, b, c, d, e, f}, NULL);
}

#define CALL(number, a, b, c, d, e, f)                                                             \
    call(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* Everything that is judged is refused, with the errno that the action has. */
static void network_calls_are_judged(void **state)
{
    static const struct pil_verdict deny = {.effect = PIL_DENY, .error = ECONNREFUSED};
    struct fake_policyd *f = *state;
    struct sockaddr_in in = loopback(7), any = loopback(0);
    struct iovec iov = {(char[]){"x"}, 1};
    struct msghdr msg = {
        .msg_name = &in, .msg_namelen = sizeof(in), .msg_iov = &iov, .msg_iovlen = 1};
    struct mmsghdr vec = {.msg_hdr = msg};
    int stream = socket(AF_INET, SOCK_STREAM, 0), datagram = socket(AF_INET, SOCK_DGRAM, 0);
    int server = socket(AF_INET, SOCK_STREAM, 0), client[2];
    socklen_t len = sizeof(any);

    assert_int_equal(bind(server, (struct sockaddr *)&any, sizeof(any)), 0);
    assert_int_equal(
        bind(stream, (struct sockaddr *)&(struct sockaddr_in){.sin_family = AF_INET}, sizeof(any)),
        0);
    assert_int_equal(listen(server, 4), 0);
    assert_int_equal(getsockname(server, (struct sockaddr *)&any, &len), 0);
    for (int i = 0; i < 2; i++) {
        client[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(client[i], (struct sockaddr *)&any, sizeof(any)), 0);
    }
    fake_verdict(f, &deny);
#define REFUSED(action_, error, ...)                                                               \
    do {                                                                                           \
        unsigned frames_ = fake_seen(f).frames;                                                    \
        assert_int_equal(CALL(__VA_ARGS__), -1);                                                   \
        assert_int_equal(errno, error);                                                            \
        assert_int_equal(fake_seen(f).frames, frames_ + 1);                                        \
        assert_int_equal(fake_seen(f).last[0].action, action_);                                    \
    } while (0)
    REFUSED(PIL_ACTION_CONNECT, ECONNREFUSED, SYS_connect, stream, &in, sizeof(in), 0, 0, 0);
    REFUSED(PIL_ACTION_LISTEN, ECONNREFUSED, SYS_bind, datagram, &in, sizeof(in), 0, 0, 0);
    REFUSED(PIL_ACTION_LISTEN, ECONNREFUSED, SYS_listen, stream, 4, 0, 0, 0, 0);
    REFUSED(PIL_ACTION_ACCEPT, ECONNABORTED, SYS_accept, server, 0, 0, 0, 0, 0);
    REFUSED(PIL_ACTION_ACCEPT, ECONNABORTED, SYS_accept4, server, 0, 0, SOCK_CLOEXEC, 0, 0);
    REFUSED(PIL_ACTION_SEND, ECONNREFUSED, SYS_sendto, datagram, "x", 1, 0, &in, sizeof(in));
    REFUSED(PIL_ACTION_SEND, ECONNREFUSED, SYS_sendmsg, datagram, &msg, 0, 0, 0, 0);
    REFUSED(PIL_ACTION_SEND, ECONNREFUSED, SYS_sendmmsg, datagram, &vec, 1, 0, 0, 0);
    close(stream), close(datagram), close(server), close(client[0]), close(client[1]);
}

/* When allowed, each argument gets to where it belongs. */
static void network_calls_are_made(void **state)
{
    struct sockaddr_in in = loopback(0), peer;
    int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), fd;
    int out = socket(AF_INET, SOCK_DGRAM, 0), box = socket(AF_INET, SOCK_DGRAM, 0);
    socklen_t len = sizeof(in);
    char buf[8];

    (void)state;
    assert_int_equal(CALL(SYS_bind, server, &in, sizeof(in), 0, 0, 0), 0);
    assert_int_equal(CALL(SYS_listen, server, 4, 0, 0, 0, 0), 0);
    assert_int_equal(getsockname(server, (struct sockaddr *)&in, &len), 0);
    assert_int_equal(CALL(SYS_connect, client, &in, sizeof(in), 0, 0, 0), 0);
    len = sizeof(peer);
    fd = (int)CALL(SYS_accept4, server, &peer, &len, SOCK_CLOEXEC, 0, 0);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(peer.sin_family, AF_INET);
    in = loopback(0);
    len = sizeof(in);
    assert_int_equal(bind(box, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(getsockname(box, (struct sockaddr *)&in, &len), 0);
    assert_int_equal(CALL(SYS_sendto, out, "abcd", 3, MSG_NOSIGNAL, &in, sizeof(in)), 3);
    assert_int_equal(recv(box, buf, sizeof(buf), 0), 3);
    assert_memory_equal(buf, "abc", 3);
    close(server), close(client), close(fd), close(out), close(box);
}

static void ours_are_guarded(void **state)
{
    int own;

    (void)state;
    assert_err(pil_link_welcome(pil_link_deadline()), PIL_OK);
    own = pil_ownfd_from(0);
    assert_true(own > 0);
    BADF(CALL(SYS_close, own, 0, 0, 0, 0, 0));
    BADF(CALL(SYS_dup, own, 0, 0, 0, 0, 0));
    BADF(CALL(SYS_dup2, own, 700, 0, 0, 0, 0));
    BADF(CALL(SYS_dup3, own, 700, 0, 0, 0, 0));
    BADF(CALL(SYS_fcntl, own, F_GETFD, 0, 0, 0, 0));
    assert_int_equal(CALL(SYS_close_range, own, own, 0, 0, 0, 0), 0);
    assert_int_equal(fcntl(own, F_GETFD), FD_CLOEXEC);
}

static void the_rest_passes_with_six_arguments(void **state)
{
    struct fake_policyd *f = *state;
    char path[] = "/proc/self/exe", text[256];
    int fd = open(path, O_RDONLY);
    unsigned char head[4];
    char *at;

    errno = 4711;
    assert_int_equal(CALL(SYS_getpid, 0, 0, 0, 0, 0, 0), getpid());
    assert_true(CALL(SYS_readlink, path, text, sizeof(text), 0, 0, 0) > 0);
    /* mmap has six: the last one is the offset. */
    at = (char *)CALL(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 4096);
    assert_true(at != MAP_FAILED);
    assert_int_equal(pread(fd, head, 4, 4096), 4);
    assert_memory_equal(at, head, 4);
    munmap(at, 4096);
    assert_int_equal(errno, 4711);
    assert_int_equal(CALL(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 1), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(CALL(99999, 0, 0, 0, 0, 0, 0), -1);
    assert_int_equal(errno, ENOSYS);
    assert_int_equal(fake_seen(f).connections, 0);
    close(fd);
}

static void io_uring_is_refused(void **state)
{
    char params[120] = {0};

    (void)state;
    assert_int_equal(CALL(SYS_io_uring_setup, 4, params, 0, 0, 0, 0), -1);
    assert_int_equal(errno, EPERM);
}

static const char *exec_path;
static char *const *exec_argv, *const *exec_envp;
static int exec_fd, exec_flags;

static int fake_execve(const char *path, char *const argv[], char *const envp[])
{
    exec_path = path, exec_argv = argv, exec_envp = envp;
    errno = ENOEXEC;
    return -1;
}

static int fake_execveat(int fd, const char *path, char *const argv[], char *const envp[],
                         int flags)
{
    exec_fd = fd, exec_flags = flags;
    return fake_execve(path, argv, envp);
}

static void exec_goes_the_way_of_exec(void **state)
{
    char socket[sizeof(pil_env.socket) + 16], *const argv[] = {NULL},
                                                     *const envp[] = {socket, NULL};

    (void)state;
    snprintf(socket, sizeof(socket), "PILLION_SOCKET=%s", pil_env.socket); /* nothing to mend */
    pil_real_libc.execve = fake_execve;
    pil_real_libc.execveat = fake_execveat;
    assert_int_equal(CALL(SYS_execve, "/bin/true", argv, envp, 0, 0, 0), -1);
    assert_int_equal(errno, ENOEXEC);
    assert_string_equal(exec_path, "/bin/true");
    assert_ptr_equal(exec_argv, argv);
    assert_ptr_equal(exec_envp, envp);
    assert_int_equal(CALL(SYS_execveat, AT_FDCWD, "/bin/sh", argv, envp, AT_SYMLINK_NOFOLLOW, 0),
                     -1);
    assert_string_equal(exec_path, "/bin/sh");
    assert_int_equal(exec_fd, AT_FDCWD);
    assert_int_equal(exec_flags, AT_SYMLINK_NOFOLLOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(network_calls_are_judged), world_test(network_calls_are_made),
        world_test(ours_are_guarded),         world_test(the_rest_passes_with_six_arguments),
        world_test(io_uring_is_refused),      world_test(exec_goes_the_way_of_exec),
    };

    return cmocka_run_group_tests_name("raw", tests, NULL, NULL);
}
