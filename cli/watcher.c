#include "cli/watcher.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/end.h"
#include "cli/maps.h"
#include "cli/out.h"
#include "core/err.h"

#ifndef PR_SET_PTRACER
#define PR_SET_PTRACER 0x59616d61 /* Yama */
#endif

#define LOOK_MS 20 /* between two looks at the memory map, when policyd is gone */

/* What the watcher knows. */
struct watch {
    struct pil_client *client;
    const char *program;
    pid_t pid; /* of the program */
    int pidfd;
    uint64_t timeout_ms, deadline_ns;
};

/* Standard error, policyd and the pidfd, and no other: somebody may wait for the end of a pipe. */
static void hold_little(struct watch *w)
{
    int high = fcntl(w->client->fd, F_DUPFD_CLOEXEC, 5);
    int pidfd = fcntl(w->pidfd, F_DUPFD_CLOEXEC, 5);

    close(0);
    close(1);
    w->client->fd = dup2(high, 3);
    w->pidfd = dup2(pidfd, 4);
    close_range(5, ~0u, 0);
    if (w->client->fd < 0 || w->pidfd < 0 || chdir("/"))
        _exit(1);
}

static void say(const struct watch *w, const char *why)
{
    char program[256];

    snprintf(program, sizeof(program), "%s", w->program);
    pil_out_clean(program);
    /* One write each: the program may be writing, too. */
    dprintf(2, "pillion: %s (process %d) is ended: %s, so nothing would decide its network calls\n",
            program, (int)w->pid, why);
    dprintf(2,
            "pillion: remedy: `pillion inspect %s` tells what keeps the library out; when the "
            "program only starts slowly, give --timeout more\n",
            program);
}

static void end(const struct watch *w, const char *cause)
{
    char why[128];

    snprintf(why, sizeof(why), "%s within %llu ms", cause, (unsigned long long)w->timeout_ms);
    say(w, why);
    pil_end_process(w->pid, w->pidfd, PIL_EXIT_NOHELLO);
}

/* False when the program has ended. Waits for policyd, or only for wait_ms when it is gone. */
static bool wait_for_word(const struct watch *w, bool policyd, int wait_ms)
{
    struct pollfd wait[2] = {{.fd = w->pidfd, .events = POLLIN},
                             {.fd = policyd ? w->client->fd : -1, .events = POLLIN}};

    while (poll(wait, 2, wait_ms) < 0)
        ;
    return wait[0].revents == 0;
}

/* policyd cannot tell any more. The library itself refuses what nobody decides; is it there? */
static void look_ourselves(const struct watch *w)
{
    char path[PATH_MAX];

    do {
        if (pil_maps_library(w->pid, path) == 1 || !wait_for_word(w, false, LOOK_MS))
            return;
    } while (pil_chan_now(&pil_sysops_kernel) < w->deadline_ns);
    end(w, "policyd went away, and libpillion.so was not loaded");
}

static bool is_late(struct pil_slice piece)
{
    json_t *answer = json_loadb(piece.at, piece.len, 0, NULL);
    bool late = strcmp(pil_out_string(answer, "outcome"), "late") == 0;

    json_decref(answer);
    return late;
}

static void watch(struct watch *w)
{
    struct pil_slice piece;
    int fd, error;

    if (!wait_for_word(w, true, -1))
        return;
    error = pil_client_next(w->client, 0, &piece, &fd);
    if (fd >= 0)
        close(fd);
    if (error == PIL_E_UNREACHABLE)
        look_ourselves(w);
    else if (error == PIL_OK && is_late(piece))
        end(w, "libpillion.so did not say hello to policyd");
    /* A policyd that does not know the verb kills a late program by itself. */
}

/* A child that nobody is told of: SIGCHLD would be left pending for the program. */
static pid_t fork_silently(void)
{
    return (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
}

static void become_watcher(struct watch *w)
{
    static const int usual[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGCHLD, SIGALRM};

    for (size_t i = 0; i < PIL_NELEM(usual); i++)
        signal(usual[i], SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_NAME, "pillion-watch");
    hold_little(w);
    watch(w);
    _exit(0);
}

/* Twice, so that the watcher is a child of init; its pid comes through the pipe. */
static void fork_watcher(struct watch *w, int report)
{
    pid_t watcher;

    setsid();
    watcher = fork();
    if (watcher == 0)
        become_watcher(w);
    if (watcher > 0 && write(report, &watcher, sizeof(watcher)) != sizeof(watcher))
        _exit(1);
    _exit(watcher < 0);
}

/* The program would be its parent, or the parent of what it leaves behind. */
static bool would_be_noticed(void)
{
    int subreaper = 0;

    return getpid() == 1 || prctl(PR_GET_CHILD_SUBREAPER, &subreaper) || subreaper;
}

static void fork_both(struct watch *w)
{
    int report[2];
    pid_t between, watcher;

    if (pipe2(report, O_CLOEXEC))
        return;
    between = fork_silently();
    if (between == 0)
        fork_watcher(w, report[1]);
    close(report[1]);
    /* Under Yama only a named process may trace one that is not its child. */
    if (between > 0 && read(report[0], &watcher, sizeof(watcher)) == sizeof(watcher))
        prctl(PR_SET_PTRACER, watcher, 0, 0, 0);
    close(report[0]);
    if (between > 0)
        waitpid(between, NULL, __WALL);
}

void pil_watcher_leave(struct pil_client *c, const char *program, uint64_t timeout_ms)
{
    struct watch w = {.client = c, .program = program, .pid = getpid(), .timeout_ms = timeout_ms};

    if (would_be_noticed() || pil_client_send(c, "arrival", NULL))
        return;
    w.deadline_ns = pil_chan_now(&pil_sysops_kernel) + timeout_ms * 1000000u;
    w.pidfd = (int)syscall(SYS_pidfd_open, w.pid, 0);
    if (w.pidfd < 0)
        return;
    fork_both(&w);
    close(w.pidfd);
}
