#include "bench/lib/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/lib/bench.h"

#define RUNNING_MAX 4096
#define WAIT_NS     UINT64_C(10000000000)
#define GRACE_NS    UINT64_C(3000000000)

/* What exit has to take down. The bench itself, not its children, does so. */
static struct {
    pid_t owner;
    pid_t running[RUNNING_MAX];
    char folder[64];
} keep;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st, (void)type, (void)walk;
    return remove(path);
}

/* Servers take their own children down when they are asked to end, and leave them behind when they
 * are killed; so they are asked first. */
static void end_all(int number)
{
    for (int i = 0; i < RUNNING_MAX; i++)
        if (keep.running[i] > 0)
            kill(keep.running[i], number);
}

static void reap_until(uint64_t end)
{
    const struct timespec pause = {0, 2000000};

    for (int i = 0; i < RUNNING_MAX; i++) {
        while (keep.running[i] > 0 && waitpid(keep.running[i], NULL, WNOHANG) == 0 &&
               bench_now() < end)
            nanosleep(&pause, NULL);
        if (keep.running[i] > 0 && kill(keep.running[i], 0) < 0)
            keep.running[i] = 0;
    }
}

static void take_down(void)
{
    if (keep.owner != getpid())
        return;
    end_all(SIGTERM);
    reap_until(bench_now() + GRACE_NS);
    end_all(SIGKILL);
    reap_until(UINT64_MAX);
    if (keep.folder[0])
        nftw(keep.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Signals that end the bench come to a thread of their own, where exit may be called. */
static void *await_signal(void *cookie)
{
    int number;

    sigwait(cookie, &number);
    bench_end(128 + number);
}

static void keep_order(void)
{
    static sigset_t ending;
    pthread_t thread;

    if (keep.owner)
        return;
    keep.owner = getpid();
    atexit(take_down);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ending, NULL);
    if (pthread_create(&thread, NULL, await_signal, &ending))
        bench_fail("cannot start a thread");
    pthread_detach(thread);
}

const char *bench_folder(void)
{
    keep_order();
    if (!keep.folder[0]) {
        strcpy(keep.folder, "/tmp/pillion-bench-XXXXXX");
        bench_need(mkdtemp(keep.folder) != NULL, "a private folder");
        bench_need(chmod(keep.folder, 0711) == 0, keep.folder);
    }
    return keep.folder;
}

void bench_write(const char *path, const char *text)
{
    char *aside = bench_text("%s.new", path);
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    size_t len = strlen(text), done = 0;

    bench_need(fd >= 0, aside);
    while (done < len) {
        ssize_t n = write(fd, text + done, len - done);

        bench_need(n > 0, aside);
        done += (size_t)n;
    }
    bench_need(close(fd) == 0 && rename(aside, path) == 0, path);
    free(aside);
}

void bench_pin(pid_t thread, int cpu)
{
    int count = (int)sysconf(_SC_NPROCESSORS_ONLN);
    cpu_set_t set;

    CPU_ZERO(&set);
    for (int i = 0; i < count; i++)
        if (cpu == BENCH_ANY_CPU || i == cpu % count)
            CPU_SET(i, &set);
    sched_setaffinity(thread, sizeof(set), &set); /* where it is not allowed, it is not done */
}

static bool names(const char *entry, const char *name)
{
    size_t len = strlen(name);

    return strncmp(entry, name, len) == 0 && entry[len] == '=';
}

char **bench_environment(const struct bench_how *how)
{
    static const char *const ours[] = {"LD_PRELOAD", "PILLION_SOCKET", "NOTIFY_SOCKET"};
    size_t count = 0, kept = 0;
    char **env;

    while (environ[count])
        count++;
    env = calloc(count + PIL_NELEM(ours) + 1, sizeof(*env));
    bench_need(env != NULL, "memory");
    for (size_t i = 0; i < count; i++)
        if (!names(environ[i], ours[0]) && !names(environ[i], ours[1]) &&
            !names(environ[i], ours[2]))
            env[kept++] = environ[i];
    if (how->cover == BENCH_PILLION) {
        env[kept++] = bench_text("LD_PRELOAD=%s/libpillion.so", bench_build());
        env[kept++] = bench_text("PILLION_SOCKET=%s", how->socket);
    }
    if (how->cover == BENCH_PLAIN && how->preload)
        env[kept++] = bench_text("LD_PRELOAD=%s", how->preload);
    if (how->notify)
        env[kept++] = bench_text("NOTIFY_SOCKET=%s", how->notify);
    return env;
}

static void remember(pid_t pid)
{
    for (int i = 0; i < RUNNING_MAX; i++)
        if (keep.running[i] == 0) {
            keep.running[i] = pid;
            return;
        }
    bench_fail("more than %d programs at once", RUNNING_MAX);
}

static void forget(pid_t pid)
{
    for (int i = 0; i < RUNNING_MAX; i++)
        if (keep.running[i] == pid)
            keep.running[i] = 0;
}

/* In the child; leaves through exec or _exit. */
static void become(const struct bench_how *how, const char *const argv[], char **env, int in,
                   int out)
{
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != keep.owner)
        _exit(127);
    if (how->cpu != BENCH_ANY_CPU)
        bench_pin(0, how->cpu);
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(in, 0);
    dup2(out, 1);
    if (!how->pipes && how->output)
        dup2(out, 2);
    execvpe(argv[0], (char *const *)argv, env);
    dprintf(2, "bench: %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static void open_ends(const struct bench_how *how, int in[2], int out[2])
{
    const char *path = how->output ? how->output : "/dev/null";

    if (how->pipes) {
        bench_need(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipes");
        return;
    }
    in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    out[1] = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    bench_need(in[0] >= 0 && out[1] >= 0, path);
}

struct bench_process bench_start(const struct bench_how *how, const char *const argv[])
{
    char **env = bench_environment(how);
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    pid_t pid;

    keep_order();
    open_ends(how, in, out);
    pid = fork();
    bench_need(pid >= 0, "fork");
    if (pid == 0)
        become(how, argv, env, in[0], out[1]);
    remember(pid);
    close(in[0]);
    close(out[1]);
    free(env);
    return (struct bench_process){pid, in[1], out[0]};
}

void bench_check_cover(const struct bench_process *p, enum bench_cover cover)
{
    char *path = bench_text("/proc/%d/maps", (int)p->pid), line[512];
    FILE *in = fopen(path, "re");
    enum bench_cover is = BENCH_PLAIN;

    bench_need(in != NULL, path);
    while (fgets(line, sizeof(line), in))
        if (strstr(line, "/libpillion.so"))
            is = BENCH_PILLION;
    fclose(in);
    free(path);
    if (is != cover)
        bench_fail("program %d runs %s libpillion.so", (int)p->pid, is ? "with" : "without");
}

static int reap(struct bench_process *p)
{
    int status = 0;

    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        ;
    forget(p->pid);
    if (p->to >= 0)
        close(p->to);
    if (p->from >= 0)
        close(p->from);
    *p = (struct bench_process){0, -1, -1};
    return status;
}

void bench_stop(struct bench_process *p, int number)
{
    if (p->pid <= 0)
        return;
    kill(p->pid, number);
    reap(p);
}

void bench_finish(struct bench_process *p)
{
    pid_t pid = p->pid;
    int status;

    if (p->to >= 0) {
        close(p->to);
        p->to = -1;
    }
    status = reap(p);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        bench_fail("program %d ended with status 0x%x", (int)pid, (unsigned)status);
}

void bench_tell(const struct bench_process *p, const char *line)
{
    size_t len = strlen(line);

    bench_need(write(p->to, line, len) == (ssize_t)len, "telling a program");
}

/* Answers are one line each and never overlap, so a byte at a time loses nothing that counts. */
const char *bench_hear(const struct bench_process *p)
{
    static char line[256];
    size_t len = 0;

    while (len < sizeof(line) - 1) {
        ssize_t n = read(p->from, line + len, 1);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            bench_fail("program %d ended without an answer", (int)p->pid);
        if (line[len] == '\n')
            break;
        len++;
    }
    line[len] = '\0';
    return line;
}

static bool accepts(unsigned port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok;

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ok = fd >= 0 && connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Programs that are not ours tell nobody when they listen, so this one has to look. */
void bench_wait_port(const struct bench_process *p, unsigned port)
{
    const struct timespec pause = {0, 2000000};
    uint64_t end = bench_now() + WAIT_NS;
    siginfo_t info = {0};

    while (!accepts(port)) {
        if (waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid)
            bench_fail("program %d ended before it listened on port %u", (int)p->pid, port);
        if (bench_now() > end)
            bench_fail("program %d does not listen on port %u", (int)p->pid, port);
        nanosleep(&pause, NULL);
    }
}
