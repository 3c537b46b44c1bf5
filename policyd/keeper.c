#include "policyd/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/fdstore.h"
#include "policyd/pidfile.h"

#define PAUSE_FIRST_MS 100u
#define PAUSE_LAST_MS  5000u
#define LONG_LIFE_MS   10000u /* who lived that long may be started again at once */
#define STOP_MS        8000u  /* for leaving in order; then it is killed */
#define ARGS_MAX       64

enum wish { STAY, UPGRADE, LEAVE };

struct keeper {
    struct pil_settings *settings;
    struct pil_start start; /* of each child */
    char **argv;
    char program[PATH_MAX]; /* where a new version of it will lie */
    volatile bool *ready;   /* shared with the child: it has been ready once */
    pid_t child;            /* 0: none */
    int signals;            /* where signals are read */
    struct pil_fdstore store;
    enum wish wish;
    uint64_t began_ms, due_ms; /* when the child was started; what is due next, 0: nothing */
    unsigned pause_ms;
    char after[64];
};

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

static void say(const char *format, ...) PIL_PRINTF(1, 2);
static void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("policyd: keeper: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

/* ---- the child ------------------------------------------------------------------------------ */

static void on_ready(void *cookie)
{
    struct keeper *k = cookie;

    *k->ready = true;
    if (k->start.ready)
        k->start.ready(k->start.cookie);
}

static int be_child(struct keeper *k)
{
    struct pil_start start = k->start;
    sigset_t none;
    int err;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    start.ready = on_ready;
    start.cookie = k;
    start.after = k->after[0] ? k->after : NULL;
    start.kept = k->store.kept; /* a copy of its own since fork, descriptors and all */
    close(k->store.fd);
    close(k->signals);
    err = pil_run(k->settings, &start);
    if (err && start.diag->errors == 0)
        say("%s", pil_err_text(err));
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void start_child(struct keeper *k)
{
    pid_t keeper = getpid(), child = fork();

    if (child == 0) {
        k->start.keeper = keeper;
        exit(be_child(k));
    }
    k->began_ms = now_ms();
    k->due_ms = child < 0 ? k->began_ms + PAUSE_LAST_MS : 0;
    k->child = child < 0 ? 0 : child;
}

static void describe(struct keeper *k, int status)
{
    if (WIFSIGNALED(status))
        snprintf(k->after, sizeof(k->after), "killed by signal %d", WTERMSIG(status));
    else if (k->wish == UPGRADE)
        snprintf(k->after, sizeof(k->after), "stopped to be upgraded");
    else
        snprintf(k->after, sizeof(k->after), "ended with status %d", WEXITSTATUS(status));
}

static void start_later(struct keeper *k)
{
    uint64_t now = now_ms();

    if (now - k->began_ms >= LONG_LIFE_MS)
        k->pause_ms = 0;
    k->pause_ms = k->pause_ms ? k->pause_ms * 2 : PAUSE_FIRST_MS;
    if (k->pause_ms > PAUSE_LAST_MS)
        k->pause_ms = PAUSE_LAST_MS;
    k->due_ms = now + k->pause_ms;
    say("policyd %s; it is started again", k->after);
}

/* ---- upgrading ------------------------------------------------------------------------------ */

/* The program's file as it is now, with the arguments of this one. */
static bool new_one_is_good(const struct keeper *k)
{
    char *args[ARGS_MAX + 2] = {k->argv[0], (char *)"--check"};
    int status = -1;
    pid_t child;

    for (int i = 1; i < ARGS_MAX && k->argv[i]; i++)
        args[i + 1] = k->argv[i];
    child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);

        dup2(null, STDOUT_FILENO);
        execv(k->program, args);
        _exit(127);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Comes back only when it failed. The new one makes a socket for notifications of its own. */
static void become_new_one(struct keeper *k)
{
    pil_fdstore_hide(&k->store);
    if (pil_listeners_bequeath(&k->start.listeners, &k->store.kept) == PIL_OK)
        execv(k->program, k->argv);
    say("%s cannot be started; the old program goes on", k->program);
    pil_fdstore_show(&k->store);
    k->wish = STAY;
    start_child(k);
}

static void begin_upgrade(struct keeper *k)
{
    if (k->wish != STAY)
        return;
    if (!new_one_is_good(k)) {
        say("%s --check fails: nothing is upgraded", k->program);
        return;
    }
    k->wish = UPGRADE;
    if (!k->child) {
        become_new_one(k);
        return;
    }
    kill(k->child, SIGTERM);
    k->due_ms = now_ms() + STOP_MS;
}

/* ---- what happens --------------------------------------------------------------------------- */

static void begin_end(struct keeper *k)
{
    k->wish = LEAVE;
    if (k->child)
        kill(k->child, SIGTERM);
    k->due_ms = now_ms() + STOP_MS;
}

/* The exit code when that was the end, else -1. */
static int on_child(struct keeper *k)
{
    int status;

    if (!k->child || waitpid(k->child, &status, WNOHANG) != k->child)
        return -1;
    pil_fdstore_read(&k->store, k->child); /* its last words */
    k->child = 0;
    k->due_ms = 0;
    if (k->wish == LEAVE || !*k->ready)
        return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
    describe(k, status);
    if (k->wish == UPGRADE)
        become_new_one(k);
    else
        start_later(k);
    return -1;
}

static void on_due(struct keeper *k)
{
    k->due_ms = 0;
    if (k->child)
        kill(k->child, SIGKILL);
    else
        start_child(k);
}

/* The next signal; 0: something is due; -1: nothing yet. What the child says is taken meanwhile. */
static int wait_signal(struct keeper *k)
{
    uint64_t now = now_ms(), left = k->due_ms > now ? k->due_ms - now : 0;
    struct pollfd fds[] = {{.fd = k->signals, .events = POLLIN},
                           {.fd = k->store.fd, .events = POLLIN}};
    struct signalfd_siginfo info;
    int count = poll(fds, PIL_NELEM(fds), k->due_ms ? (int)left : -1);

    if (count == 0)
        return 0;
    if (count > 0 && fds[1].revents)
        pil_fdstore_read(&k->store, k->child);
    if (count > 0 && fds[0].revents && read(k->signals, &info, sizeof(info)) == sizeof(info))
        return (int)info.ssi_signo;
    return -1;
}

static int loop(struct keeper *k)
{
    for (;;) {
        int number = wait_signal(k), code = -1;

        switch (number) {
        case SIGCHLD:
            code = on_child(k);
            break;
        case SIGTERM:
        case SIGINT:
            begin_end(k);
            if (!k->child)
                code = EXIT_SUCCESS;
            break;
        case SIGUSR2:
            begin_upgrade(k);
            break;
        case SIGHUP:
        case SIGUSR1:
            if (k->child)
                kill(k->child, number);
            break;
        case 0:
            on_due(k);
            break;
        default:
            break;
        }
        if (code >= 0)
            return code;
    }
}

/* By the path it was started with, so that a link to a version leads to the new one. */
static bool find_program(struct keeper *k)
{
    const char *name = k->argv[0];
    ssize_t len;

    if (name[0] == '/')
        return (size_t)snprintf(k->program, sizeof(k->program), "%s", name) < sizeof(k->program);
    len = readlink("/proc/self/exe", k->program, sizeof(k->program) - 1);
    if (len > 0)
        k->program[len] = '\0';
    return len > 0;
}

static int prepare(struct keeper *k)
{
    bool successor = k->start.listeners.kept;
    int err = pil_listeners_open(k->settings, k->start.diag, &k->start.listeners);

    if (err)
        return err;
    k->store.kept = k->start.kept;
    k->start.kept = (struct pil_fds){0};
    if (pil_fdstore_open(&k->store))
        return PIL_E_SYSTEM;
    /* The children shall neither remove the path nor name themselves. */
    k->start.listeners.kept = true;
    k->ready = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (k->ready == MAP_FAILED || !find_program(k))
        return PIL_E_SYSTEM;
    *k->ready = successor; /* whose predecessor has been */
    return pil_pidfile_write(k->settings->pidfile, k->start.diag);
}

int pil_keeper_run(struct pil_settings *settings, const struct pil_start *start, char **argv)
{
    static const int numbers[] = {SIGCHLD, SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT};
    struct keeper k = {.settings = settings, .start = *start, .argv = argv, .store = {.fd = -1}};
    int code = EXIT_FAILURE, err;
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < PIL_NELEM(numbers); i++)
        sigaddset(&set, numbers[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    k.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    err = k.signals < 0 ? PIL_E_SYSTEM : prepare(&k);
    if (err && start->diag->errors == 0)
        say("%s", pil_err_text(err));
    if (!err) {
        start_child(&k);
        code = loop(&k);
    }
    pil_pidfile_remove(settings->pidfile);
    k.start.listeners.kept = false;
    pil_listeners_close(settings, &k.start.listeners);
    pil_fdstore_close(&k.store);
    if (k.signals >= 0)
        close(k.signals);
    return code;
}
