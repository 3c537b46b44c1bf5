// flags: -I. -ldl
// calls> vary: what is asked for in vain may be answered without the kernel
/*
 * Every function that is hooked: what it returns and what it leaves in errno, when it succeeds,
 * which leaves errno alone where libc does, and when it fails in each way that can be brought
 * about. The run without Pillion says what is right. 17_every_hook_listed.sh holds this list to the
 * hooks that there are.
 */
#include "tests/victims/victim.h"

#include <dlfcn.h>
#include <linux/close_range.h>
#include <netdb.h>
#include <sched.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define MARK 4711

static void tell(const char *name, const char *what, long result)
{
    int error = errno;

    printf("%s, %s: %s, errno %s\n", name, what, result < 0 ? "fails" : "succeeds",
           error == MARK ? "kept"
           : error       ? strerrorname_np(error)
                         : "0");
    fflush(stdout);
}

/* One call; the value counts only by its sign. */
#define CALL(name, what, call)                                                                     \
    do {                                                                                           \
        long call_result;                                                                          \
                                                                                                   \
        errno = MARK;                                                                              \
        call_result = (long)(call);                                                                \
        tell(#name, what, call_result);                                                            \
    } while (0)

/* The same for functions that give a pointer. */
#define POINTER(name, what, call) CALL(name, what, (call) ? 0 : -1)

/* And for names that a program can no longer be linked with. */
#define OLD(type, name, parameters)                                                                \
    type(*old##name) parameters = (type(*) parameters)dlsym(RTLD_DEFAULT, #name)

static struct sockaddr_in tcp, udp, nobody;
static struct sockaddr *const to_tcp = (struct sockaddr *)&tcp;
static struct sockaddr *const to_udp = (struct sockaddr *)&udp;
static struct sockaddr *const to_nobody = (struct sockaddr *)&nobody;
static struct sockaddr *volatile nowhere = (struct sockaddr *)16;
static const socklen_t size = sizeof(struct sockaddr_in);

static int stream(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int datagram(void)
{
    return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static void sockets(void)
{
    OLD(int, __connect, (int, const struct sockaddr *, socklen_t));
    int fd, null = open("/dev/null", O_RDWR | O_CLOEXEC), server, port;

    CALL(socket, "stream", fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    CALL(socket, "no such family", socket(250, SOCK_STREAM, 0));
    CALL(socket, "no such protocol", socket(AF_INET, SOCK_STREAM, 250));
    CALL(connect, "stream", connect(fd, to_tcp, size));
    CALL(connect, "again", connect(fd, to_tcp, size));
    CALL(connect, "nobody there", connect(stream(), to_nobody, size));
    CALL(connect, "not waiting",
         connect(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), to_tcp, size));
    CALL(connect, "no descriptor", connect(-1, to_tcp, size));
    CALL(connect, "no socket", connect(null, to_tcp, size));
    CALL(connect, "bad address", connect(stream(), nowhere, size));
    CALL(connect, "short address", connect(stream(), to_tcp, 3));
    CALL(connect, "long address", connect(stream(), to_tcp, 4096));
    CALL(connect, "wrong family", connect(socket(AF_UNIX, SOCK_STREAM, 0), to_tcp, size));
    CALL(__connect, "stream", old__connect(stream(), to_tcp, size));
    CALL(__connect, "no descriptor", old__connect(-1, to_tcp, size));
    CALL(bind, "any port",
         bind(stream(), (struct sockaddr *)&(struct sockaddr_in){.sin_family = AF_INET}, size));
    CALL(bind, "in use", bind(stream(), to_tcp, size));
    CALL(bind, "datagrams in use", bind(datagram(), to_udp, size));
    CALL(bind, "bound already", bind(fd, to_tcp, size));
    CALL(bind, "no descriptor", bind(-1, to_tcp, size));
    CALL(bind, "no socket", bind(null, to_tcp, size));
    CALL(bind, "bad address", bind(stream(), nowhere, size));
    CALL(bind, "short address", bind(stream(), to_tcp, 3));
    CALL(listen, "unbound", listen(stream(), 1));
    CALL(listen, "connected", listen(fd, 1));
    CALL(listen, "datagrams", listen(datagram(), 1));
    CALL(listen, "no descriptor", listen(-1, 1));
    CALL(listen, "no socket", listen(null, 1));
    server = serve(SOCK_STREAM, &port);
    close(dial("127.0.0.1", port));
    close(dial("127.0.0.1", port));
    CALL(accept, "stream", accept(server, NULL, NULL));
    CALL(accept4, "stream", accept4(server, NULL, NULL, SOCK_CLOEXEC));
    fcntl(server, F_SETFL, O_NONBLOCK);
    CALL(accept, "nobody waits", accept(server, NULL, NULL));
    CALL(accept, "no descriptor", accept(-1, NULL, NULL));
    CALL(accept, "no socket", accept(null, NULL, NULL));
    CALL(accept, "not listening", accept(stream(), NULL, NULL));
    CALL(accept, "datagrams", accept(datagram(), NULL, NULL));
    CALL(accept4, "nobody waits", accept4(server, NULL, NULL, 0));
    CALL(accept4, "bad flags", accept4(server, NULL, NULL, 1 << 30));
    CALL(accept4, "no descriptor", accept4(-1, NULL, NULL, 0));
}

static void sends(void)
{
    struct iovec iov = {(char[]){"x"}, 1};
    struct msghdr msg = {.msg_name = &udp, .msg_namelen = size, .msg_iov = &iov, .msg_iovlen = 1};
    struct msghdr *volatile none = (struct msghdr *)16;
    struct mmsghdr vec[2] = {{.msg_hdr = msg}, {.msg_hdr = msg}};
    int fd = datagram();

    signal(SIGPIPE, SIG_IGN);
    CALL(sendto, "datagram", sendto(fd, "x", 1, 0, to_udp, size));
    CALL(sendto, "no destination", sendto(fd, "x", 1, 0, NULL, 0));
    CALL(sendto, "no descriptor", sendto(-1, "x", 1, 0, to_udp, size));
    CALL(sendto, "bad address", sendto(fd, "x", 1, 0, nowhere, size));
    CALL(sendto, "too large", sendto(fd, calloc(1, 70000), 70000, 0, to_udp, size));
    CALL(sendto, "stream, not connected", sendto(stream(), "x", 1, 0, NULL, 0));
    CALL(sendto, "stream, with a destination", sendto(stream(), "x", 1, 0, to_tcp, size));
    CALL(sendmsg, "datagram", sendmsg(fd, &msg, 0));
    CALL(sendmsg, "no header", sendmsg(fd, none, 0));
    CALL(sendmsg, "no descriptor", sendmsg(-1, &msg, 0));
    msg.msg_iovlen = 4096;
    CALL(sendmsg, "too many parts", sendmsg(fd, &msg, 0));
    CALL(sendmmsg, "two", sendmmsg(fd, vec, 2, 0));
    CALL(sendmmsg, "nothing", sendmmsg(fd, vec, 0, 0));
    CALL(sendmmsg, "no descriptor", sendmmsg(-1, vec, 2, 0));
}

static void descriptors(void)
{
    OLD(int, __close, (int));
    OLD(int, __dup2, (int, int));
    OLD(int, __fcntl, (int, int, ...));
    OLD(int, __fxstat, (int, int, struct stat *));
    OLD(int, __fxstat64, (int, int, struct stat64 *));
    struct stat st;
    struct stat64 st64;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), copy;

    CALL(dup, "a file", copy = dup(fd));
    CALL(close, "it", close(copy));
    CALL(close, "it again", close(copy));
    CALL(close, "-1", close(-1));
    CALL(__close, "a file", old__close(dup(fd)));
    CALL(__close, "-1", old__close(-1));
    CALL(dup, "-1", dup(-1));
    CALL(dup2, "onto 77", dup2(fd, 77));
    CALL(dup2, "onto itself", dup2(77, 77));
    CALL(dup2, "-1 onto itself", dup2(-1, -1));
    CALL(dup2, "out of range", dup2(fd, 1 << 30));
    CALL(__dup2, "onto 78", old__dup2(fd, 78));
    CALL(dup3, "onto 79", dup3(fd, 79, O_CLOEXEC));
    CALL(dup3, "onto itself", dup3(fd, fd, 0));
    CALL(dup3, "bad flags", dup3(fd, 79, 1));
    CALL(fcntl, "F_GETFL", fcntl(fd, F_GETFL));
    CALL(fcntl, "F_DUPFD", fcntl(fd, F_DUPFD, 70));
    CALL(fcntl, "F_DUPFD, out of range", fcntl(fd, F_DUPFD, 1 << 30));
    CALL(fcntl, "no such command", fcntl(fd, 9999));
    CALL(fcntl, "-1", fcntl(-1, F_GETFL));
    CALL(fcntl64, "F_GETFD", fcntl64(fd, F_GETFD));
    CALL(__fcntl, "F_GETFD", old__fcntl(fd, F_GETFD));
    CALL(fstat, "a file", fstat(fd, &st));
    CALL(fstat, "-1", fstat(-1, &st));
    CALL(fstat64, "a file", fstat64(fd, &st64));
    CALL(fstat64, "-1", fstat64(-1, &st64));
    CALL(__fxstat, "a file", old__fxstat(1, fd, &st));
    CALL(__fxstat, "-1", old__fxstat(1, -1, &st));
    CALL(__fxstat64, "a file", old__fxstat64(1, fd, &st64));
    CALL(__fxstat64, "-1", old__fxstat64(1, -1, &st64));
    CALL(close_range, "none are open", close_range(500, 600, 0));
    CALL(close_range, "backwards", close_range(600, 500, 0));
    CALL(close_range, "bad flags", close_range(500, 600, 1 << 20));
    CALL(close_range, "flag", close_range(500, 600, CLOSE_RANGE_CLOEXEC));
    CALL(closefrom, "500", (closefrom(500), 0));
}

static void folders(void)
{
    struct dirent entry, *got;
    struct dirent64 entry64, *got64;
    DIR *dir = opendir("/proc/self/fd");

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    POINTER(readdir, "an entry", readdir(dir));
    POINTER(readdir64, "an entry", readdir64(dir));
    CALL(readdir_r, "an entry", readdir_r(dir, &entry, &got));
    CALL(readdir64_r, "an entry", readdir64_r(dir, &entry64, &got64));
    while (readdir(dir))
        ;
    POINTER(readdir, "the end", readdir(dir));
    closedir(dir);
}

static void names(void)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_flags = AI_NUMERICHOST}, *list;
    struct hostent room, *found;
    char buf[1024];
    int error;

    CALL(getaddrinfo, "an address", getaddrinfo("127.0.0.1", "80", &hints, &list));
    CALL(getaddrinfo, "no address", -getaddrinfo("nobody", "80", &hints, &list));
    CALL(getaddrinfo, "nothing at all", -getaddrinfo(NULL, NULL, &hints, &list));
    POINTER(gethostbyname, "an address", gethostbyname("127.0.0.1"));
    POINTER(gethostbyname2, "an address", gethostbyname2("127.0.0.1", AF_INET));
    CALL(gethostbyname_r, "an address",
         -gethostbyname_r("127.0.0.1", &room, buf, sizeof(buf), &found, &error));
    CALL(gethostbyname_r, "no room", -gethostbyname_r("127.0.0.1", &room, buf, 1, &found, &error));
    CALL(gethostbyname2_r, "an address",
         -gethostbyname2_r("127.0.0.1", AF_INET, &room, buf, sizeof(buf), &found, &error));
}

/* What succeeds does not come back, so each is made in a child as well, which tells by its status.
 */
#define EXEC(name, what, call, missing)                                                            \
    do {                                                                                           \
        int exec_status;                                                                           \
        pid_t exec_pid = fork();                                                                   \
                                                                                                   \
        if (exec_pid == 0) {                                                                       \
            (void)!(call);                                                                         \
            _exit(99);                                                                             \
        }                                                                                          \
        waitpid(exec_pid, &exec_status, 0);                                                        \
        say_end(#name, exec_status);                                                               \
        CALL(name, what, missing);                                                                 \
    } while (0)

static void programs(void)
{
    char *const args[] = {"true", NULL}, *const env[] = {"A=1", NULL};
    char *const none = "/nowhere/at/all";
    int fd = open("/bin/true", O_RDONLY | O_CLOEXEC);
    pid_t pid;
    FILE *pipe;

    EXEC(execve, "missing", execve("/bin/true", args, env), execve(none, args, env));
    EXEC(execv, "missing", execv("/bin/true", args), execv(none, args));
    EXEC(execvp, "missing", execvp("true", args), execvp("no-such-program-at-all", args));
    EXEC(execvpe, "missing", execvpe("true", args, env), execvpe("nor-this-one", args, env));
    EXEC(execl, "missing", execl("/bin/true", "true", NULL), execl(none, "true", NULL));
    EXEC(execlp, "missing", execlp("true", "true", NULL), execlp("nor-that", "x", NULL));
    EXEC(execle, "missing", execle("/bin/true", "true", NULL, env), execle(none, "x", NULL, env));
    EXEC(fexecve, "-1", fexecve(fd, args, env), fexecve(-1, args, env));
    EXEC(execveat, "-1", execveat(fd, "", args, env, AT_EMPTY_PATH),
         execveat(-1, "", args, env, AT_EMPTY_PATH));
    CALL(execve, "a folder", execve("/tmp", args, env));
    CALL(execve, "no program", execve("/etc/passwd", args, env));
    CALL(execve, "under a file", execve("/etc/passwd/x", args, env));
    CALL(execve, "bad path", execve((const char *)nowhere, args, env));
    CALL(execve, "bad environment", execve("/bin/true", args, (char *const *)nowhere));
    CALL(execveat, "bad path", execveat(AT_FDCWD, (const char *)nowhere, args, env, 0));
    CALL(posix_spawn, "bad path", -posix_spawn(&pid, (const char *)nowhere, NULL, NULL, args, env));
    CALL(posix_spawn, "true", -posix_spawn(&pid, "/bin/true", NULL, NULL, args, env));
    waitpid(pid, NULL, 0);
    CALL(posix_spawn, "missing", -posix_spawn(&pid, none, NULL, NULL, args, env));
    CALL(posix_spawnp, "true", -posix_spawnp(&pid, "true", NULL, NULL, args, env));
    waitpid(pid, NULL, 0);
    CALL(posix_spawnp, "missing", -posix_spawnp(&pid, "not-this-either", NULL, NULL, args, env));
    CALL(system, "true", system("true"));
    CALL(system, "nothing", system(NULL));
    POINTER(popen, "true", pipe = popen("true", "r"));
    pclose(pipe);
    POINTER(popen, "bad mode", popen("true", "nonsense"));
}

static void users(void)
{
    uid_t uid = getuid();

    CALL(setuid, "the same", setuid(uid));
    CALL(seteuid, "the same", seteuid(uid));
    CALL(setreuid, "the same", setreuid((uid_t)-1, uid));
    CALL(setresuid, "none", setresuid((uid_t)-1, (uid_t)-1, (uid_t)-1));
    CALL(seteuid, "none", seteuid((uid_t)-1));
    CALL(chroot, "missing", chroot("/nowhere/at/all"));
    CALL(chroot, "a file", chroot("/etc/passwd"));
    CALL(chroot, "the same", chroot("/"));
    CALL(unshare, "nothing", unshare(0));
    CALL(unshare, "bad flags", unshare(1));
    CALL(setns, "-1", setns(-1, 0));
    CALL(setns, "no namespace", setns(open("/dev/null", O_RDONLY | O_CLOEXEC), 0));
    CALL(prctl, "a name", prctl(PR_SET_NAME, "victim"));
    CALL(prctl, "no such", prctl(9999, 0, 0, 0, 0));
}

static void loader(void)
{
    void *libm;

    POINTER(dlopen, "libm", libm = dlopen("libm.so.6", RTLD_NOW));
    POINTER(dlopen, "missing", dlopen("/nowhere/at/all.so", RTLD_NOW));
    POINTER(dlsym, "cos", dlsym(libm, "cos"));
    POINTER(dlsym, "missing", dlsym(libm, "no_such_function_at_all"));
    POINTER(dlvsym, "no such version", dlvsym(libm, "cos", "NONE_1.0"));
    POINTER(dlmopen, "missing", dlmopen(LM_ID_BASE, "/nowhere/at/all.so", RTLD_NOW));
    dlclose(libm);
}

static void by_number(void)
{
    CALL(syscall, "getpid", syscall(SYS_getpid));
    CALL(syscall, "no such number", syscall(99999));
    CALL(syscall, "close -1", syscall(SYS_close, -1));
    CALL(syscall, "connect", syscall(SYS_connect, stream(), to_tcp, size));
    CALL(syscall, "connect, nobody there", syscall(SYS_connect, stream(), to_nobody, size));
    CALL(syscall, "connect, no descriptor", syscall(SYS_connect, -1, to_tcp, size));
}

int main(void)
{
    int port;

    serve(SOCK_STREAM, &port);
    tcp = place("127.0.0.1", port);
    serve(SOCK_DGRAM, &port);
    udp = place("127.0.0.1", port);
    nobody = place("127.0.0.1", 1);
    for (int round = 0; round < 2; round++) { /* the second time everything is cached */
        sockets();
        sends();
        descriptors();
        names();
        by_number();
    }
    folders();
    programs();
    users();
    loader();
    return 0;
}
