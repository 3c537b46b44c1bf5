#include "cli/solo.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/preload.h"

#define NOTIFY_NAME "notify"
#define SOCKET_NAME "policyd.sock"

/* Descriptors of a start under way; -1 for none. All close on exec. */
struct start {
    char policyd[PATH_MAX], policy[PATH_MAX], log[PATH_MAX], notify[PIL_SOCKET_MAX + 1];
    bool log_to_stderr;
    pid_t program;
    int notified;    /* datagram socket for READY=1 */
    int alive[2];    /* the keeper holds [1] as long as policyd runs */
    int messages[2]; /* policyd's stderr */
};

/* ---- the private folder --------------------------------------------------------------------- */

static bool make_folder_in(struct pil_solo *solo, const char *parent)
{
    const char *base;
    int n;

    n = snprintf(solo->folder, sizeof(solo->folder), "%s/pillion-XXXXXX", parent);
    if (n >= (int)(sizeof(solo->folder) - sizeof("/" SOCKET_NAME)) || !mkdtemp(solo->folder))
        return false;
    base = strrchr(solo->folder, '/') + 1;
    snprintf(solo->socket, sizeof(solo->socket), "%.*s/" SOCKET_NAME, n, solo->folder);
    snprintf(solo->abstract, sizeof(solo->abstract), "@pillion/%.32s-%d", base, (int)getpid());
    return true;
}

static bool make_folder(struct pil_solo *solo)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    if (runtime && *runtime == '/' && make_folder_in(solo, runtime))
        return true;
    if (make_folder_in(solo, "/tmp"))
        return true;
    pil_cli_error("cannot make a private folder in /tmp: %s", strerror(errno));
    return false;
}

static void remove_folder(const struct pil_solo *solo)
{
    char path[PATH_MAX];

    unlink(solo->socket);
    snprintf(path, sizeof(path), "%s/" NOTIFY_NAME, solo->folder);
    unlink(path);
    rmdir(solo->folder);
}

/* ---- in the keeper and its child ------------------------------------------------------------ */

static void redirect(int from, int to)
{
    if (from >= 0 && dup2(from, to) < 0)
        _exit(PIL_EXIT_FAILED);
}

/* Becomes policyd, with no descriptor of ours or of our parents. */
static void become_policyd(const struct pil_solo *solo, const struct start *s)
{
    char pid[16];
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const char *const argv[] = {
        "policyd",
        "--solo-pid",
        pid,
        "--socket",
        solo->socket,
        "--abstract",
        solo->abstract,
        "--policy",
        s->policy,
        "--log",
        s->log_to_stderr ? "stderr" : s->log,
        NULL,
    };

    snprintf(pid, sizeof(pid), "%d", (int)s->program);
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    redirect(null, 0);
    redirect(null, 1);
    if (!s->log_to_stderr)
        redirect(s->messages[1], 2);
    /* When the program has been executed nobody reads the messages any more. */
    signal(SIGPIPE, SIG_IGN);
    setenv("NOTIFY_SOCKET", s->notify, 1);
    unsetenv("LD_PRELOAD");
    unsetenv("PILLION_SOCKET");
    unsetenv(PIL_ENV_GREET);
    execv(s->policyd, (char *const *)argv);
    dprintf(2, "cannot execute %s: %s\n", s->policyd, strerror(errno));
    _exit(PIL_EXIT_FAILED);
}

/* Holds alive[1] until policyd has ended, then leaves nothing behind. */
static void keep(const struct pil_solo *solo, const struct start *s)
{
    pid_t policyd;

    signal(SIGCHLD, SIG_DFL);
    policyd = fork();
    if (policyd == 0)
        become_policyd(solo, s);
    /* Everything else goes, what was inherited included: somebody may wait for its end. */
    for (int fd = 0; fd <= 2; fd++)
        close(fd);
    if (s->alive[1] != 3)
        dup2(s->alive[1], 3);
    close_range(4, ~0u, 0);
    if (policyd > 0)
        while (waitpid(policyd, NULL, 0) < 0 && errno == EINTR)
            ;
    remove_folder(solo);
    _exit(0);
}

/* Twice, so that the keeper is a child of init and not of the program. */
static bool fork_keeper(const struct pil_solo *solo, const struct start *s)
{
    pid_t between = fork();

    if (between < 0) {
        pil_cli_error("cannot fork: %s", strerror(errno));
        return false;
    }
    if (between == 0) {
        pid_t keeper;

        setsid();
        keeper = fork();
        if (keeper == 0)
            keep(solo, s);
        _exit(keeper < 0);
    }
    while (waitpid(between, NULL, 0) < 0 && errno == EINTR)
        ;
    return true;
}

/* ---- in the command ------------------------------------------------------------------------- */

static bool bind_notify(const struct pil_solo *solo, struct start *s)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    if (snprintf(s->notify, sizeof(s->notify), "%s/" NOTIFY_NAME, solo->folder) >=
        (int)sizeof(s->notify))
        return false;
    strcpy(addr.sun_path, s->notify);
    s->notified = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return s->notified >= 0 && bind(s->notified, (struct sockaddr *)&addr, sizeof(addr)) == 0;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_all(struct start *s)
{
    close_one(&s->notified);
    for (int i = 0; i < 2; i++) {
        close_one(&s->alive[i]);
        close_one(&s->messages[i]);
    }
}

/* Passes on what policyd says; false at the end of it. */
static bool pass_on(int fd)
{
    char buf[4096];
    ssize_t got;

    do
        got = read(fd, buf, sizeof(buf));
    while (got < 0 && errno == EINTR);
    return got > 0 && fwrite(buf, 1, (size_t)got, stderr) == (size_t)got;
}

/* One datagram of newline-separated assignments (sd_notify(3)). */
static bool says_ready(int fd)
{
    char text[1024];
    ssize_t got = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

    if (got <= 0)
        return false;
    text[got] = '\0';
    return strncmp(text, "READY=1", 7) == 0 || strstr(text, "\nREADY=1") != NULL;
}

/* Waits until policyd is ready or gone; there is no clock in it, a large policy may take long. */
static bool await(struct start *s)
{
    struct pollfd wait[3] = {
        {.fd = s->notified, .events = POLLIN},
        {.fd = s->alive[0], .events = POLLIN},
        {.fd = s->messages[0], .events = POLLIN},
    };

    for (;;) {
        if (poll(wait, PIL_NELEM(wait), -1) < 0) {
            if (errno == EINTR)
                continue;
            return false;
        }
        if (wait[2].revents && !pass_on(wait[2].fd))
            wait[2].fd = -1;
        if ((wait[0].revents & POLLIN) && says_ready(wait[0].fd))
            return true;
        if (wait[1].revents) {
            while (wait[2].fd >= 0 && pass_on(wait[2].fd))
                ;
            return false;
        }
    }
}

/* policyd runs in this folder too, but its messages should not depend on that. */
static bool absolute(const char *path, char out[PATH_MAX])
{
    char here[PATH_MAX];

    if (*path == '/')
        return snprintf(out, PATH_MAX, "%s", path) < PATH_MAX;
    return getcwd(here, sizeof(here)) && snprintf(out, PATH_MAX, "%s/%s", here, path) < PATH_MAX;
}

static bool prepare(struct start *s, const char *policy, const char *log)
{
    *s = (struct start){
        .program = getpid(), .notified = -1, .alive = {-1, -1}, .messages = {-1, -1}};
    s->log_to_stderr = log && strcmp(log, "-") == 0;
    if (!pil_preload_policyd(s->policyd))
        return false;
    if (access(policy, R_OK) != 0) {
        pil_cli_error("cannot read the policy \"%s\": %s", policy, strerror(errno));
        return false;
    }
    if (!absolute(policy, s->policy) || !absolute(log ? log : "/dev/null", s->log)) {
        pil_cli_error("a path is too long");
        return false;
    }
    return true;
}

int pil_solo_start(struct pil_solo *solo, const char *policy, const char *log)
{
    struct start s;
    bool ready = false;

    memset(solo, 0, sizeof(*solo));
    if (!prepare(&s, policy, log) || !make_folder(solo))
        return PIL_EXIT_FAILED;
    if (!bind_notify(solo, &s) || pipe2(s.alive, O_CLOEXEC) || pipe2(s.messages, O_CLOEXEC)) {
        pil_cli_error("cannot prepare a private policyd: %s", strerror(errno));
        remove_folder(solo);
    } else if (!fork_keeper(solo, &s)) {
        remove_folder(solo);
    } else {
        close_one(&s.alive[1]);
        close_one(&s.messages[1]);
        ready = await(&s);
        if (!ready)
            pil_cli_error("the private policyd did not start; nothing was executed");
    }
    close_all(&s);
    return ready ? PIL_EXIT_OK : PIL_EXIT_FAILED;
}
