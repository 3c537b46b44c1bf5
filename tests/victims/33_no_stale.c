// flags: -I.
// deny> close: ok, then EACCES
// deny> fclose: ok, then EACCES
// deny> closefrom: ok, then EACCES
// deny> close_range: ok, then EACCES
// deny> syscall close: ok, then EACCES
// deny> syscall close_range: ok, then EACCES
// deny> dup2 over: ok, then EACCES
// deny> unshared: ok, then EACCES
// deny> parent's: ok
// deny> marked: FD_CLOEXEC
// deny> marked works: ok
// deny> after all: ok
// deny> denied after all: EACCES
/*
 * A descriptor that reached an allowed place is closed in every way there is; the next socket gets
 * its number and goes to a denied place. Whatever was known of the number must not be believed.
 */
#include "tests/victims/victim.h"

#include <linux/close_range.h>
#include <sys/syscall.h>

static int port;

/* An allowed connection, at number 200, below everything that the ways below close. */
static int allowed(void)
{
    int fd = dial("127.0.0.1", port), at;

    if (fd < 0)
        return -1;
    at = dup2(fd, 200);
    if (fd != 200)
        close(fd);
    return at;
}

static int by_close(int fd)
{
    return close(fd);
}

static int by_fclose(int fd)
{
    return fclose(fdopen(fd, "r+"));
}

static int by_closefrom(int fd)
{
    closefrom(fd);
    return 0;
}

static int by_range(int fd)
{
    return close_range((unsigned)fd, ~0U, 0);
}

static int by_syscall(int fd)
{
    return (int)syscall(SYS_close, fd);
}

static int by_syscall_range(int fd)
{
    return (int)syscall(SYS_close_range, fd, ~0U, 0);
}

static int by_dup2(int fd)
{
    int null = open("/dev/null", O_RDONLY), result = dup2(null, fd);

    close(null);
    close(fd);
    return result < 0 ? -1 : 0;
}

static int by_unshare(int fd)
{
    return close_range((unsigned)fd, ~0U, CLOSE_RANGE_UNSHARE);
}

static void reuse(const char *how, int (*way)(int))
{
    struct sockaddr_in in = place("127.0.0.2", port);
    int fd = allowed(), second;

    printf("%s: %s", how, fd == 200 && way(fd) == 0 ? "ok" : "not ok");
    second = socket(AF_INET, SOCK_STREAM, 0);
    if (dup2(second, 200) != 200)
        die("dup2");
    close(second);
    printf(", then %s\n",
           connect(200, (struct sockaddr *)&in, sizeof(in)) ? strerrorname_np(errno) : "ok");
    fflush(stdout);
    close(200);
}

/* A child that shares its parent's table leaves it before it closes. */
static void in_shared_table(void)
{
    int fd = allowed(), status;
    pid_t pid = fork();

    if (pid == 0) {
        close_range(3, ~0U, CLOSE_RANGE_UNSHARE);
        _exit(fcntl(fd, F_GETFD) < 0 ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    say("parent's", status == 0 && fcntl(fd, F_GETFD) >= 0 ? 0 : -1);
    close(fd);
}

static void marked(void)
{
    int fd = allowed();

    fcntl(fd, F_SETFD, 0);
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    printf("marked: %s\n", fcntl(fd, F_GETFD) == FD_CLOEXEC ? "FD_CLOEXEC" : "not");
    say("marked works", write(fd, "x", 1));
    close(fd);
}

int main(void)
{
    int server = serve(SOCK_STREAM, &port);

    reuse("close", by_close);
    reuse("fclose", by_fclose);
    reuse("closefrom", by_closefrom);
    reuse("close_range", by_range);
    reuse("syscall close", by_syscall);
    reuse("syscall close_range", by_syscall_range);
    reuse("dup2 over", by_dup2);
    reuse("unshared", by_unshare);
    in_shared_table();
    marked();
    try_dial("after all", "127.0.0.1", port);
    try_dial("denied after all", "127.0.0.2", port);
    close(server);
    return 0;
}
