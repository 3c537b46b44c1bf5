#include "policyd/builder.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/policy.h"
#include "core/err.h"

#define BUILD_SECONDS 60    /* a build that takes longer is ended */
#define MESSAGE_MAX   4096u /* bytes of one message */
#define SEALS         (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* A message on the pipe is a letter, the text and a NUL: E and W are messages, F is a file that was
 * read, K is success. */
struct pil_builder {
    struct event *readable;
    pil_builder_done *done;
    void *cookie;
    pid_t child;
    int pipe, memfd;
    bool good;
    unsigned beyond; /* errors that were not kept */
    struct pil_build build;
    char line[MESSAGE_MAX];
    size_t len;
};

/* ---- in the child ------------------------------------------------------------------------- */

static void send_line(int fd, char kind, const char *text)
{
    char line[MESSAGE_MAX];
    int len = snprintf(line, sizeof(line), "%c%s", kind, text);
    size_t size = len < (int)sizeof(line) ? (size_t)len + 1 : sizeof(line);

    for (size_t at = 0; at < size;) {
        ssize_t put = write(fd, line + at, size - at);

        if (put <= 0)
            _exit(1);
        at += (size_t)put;
    }
}

static void on_message(void *cookie, enum pil_severity severity, const char *message)
{
    send_line(*(int *)cookie, severity == PIL_SEVERITY_ERROR ? 'E' : 'W', message);
}

static bool write_all(int fd, const char *at, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, at, len);

        if (put <= 0)
            return false;
        at += put;
        len -= (size_t)put;
    }
    return true;
}

/* Signals of the loop lead into a pipe that parent and child would share; links must not stay up
 * because a child holds a copy of them. */
static void stand_alone(int *memfd, int *out)
{
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(*memfd, 0) < 0 || dup2(*out, 1) < 0)
        _exit(1);
    *memfd = 0;
    *out = 1;
    close_range(3, ~0u, 0);
}

static void child_main(const struct pil_list *paths, int memfd, int out)
{
    struct pil_diag diag = {.sink = on_message, .cookie = &out};
    struct pil_model model = {0};
    struct pil_image img;
    void *block = NULL;
    size_t len = 0;
    int err;

    stand_alone(&memfd, &out);
    err = pil_load((const char *const *)paths->item, paths->count, &diag, &model);
    for (size_t i = 0; i < model.file_count; i++)
        send_line(out, 'F', model.file[i]);
    if (!err)
        err = pil_policy_finish(&model, 0, &diag, &block, &len, &img);
    if (err == PIL_OK && !write_all(memfd, block, len))
        err = PIL_E_NOMEM;
    if (err && diag.errors == 0)
        send_line(out, 'E', pil_err_text(err));
    if (!err)
        send_line(out, 'K', "");
    _exit(err ? 1 : 0);
}

/* ---- in policyd --------------------------------------------------------------------------- */

static void keep(struct pil_builder *b, struct pil_list *list, const char *text)
{
    if (list->count >= PIL_BUILD_MESSAGES || pil_list_add(list, text))
        b->beyond++;
}

static void take_line(struct pil_builder *b)
{
    b->line[b->len] = '\0';
    switch (b->line[0]) {
    case 'E':
        keep(b, &b->build.errors, b->line + 1);
        break;
    case 'W':
        keep(b, &b->build.warnings, b->line + 1);
        break;
    case 'F':
        if (pil_list_add(&b->build.files, b->line + 1))
            b->beyond++;
        break;
    case 'K':
        b->good = true;
        break;
    default:
        break;
    }
    b->len = 0;
}

static void take_bytes(struct pil_builder *b, const char *at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (at[i] == '\0')
            take_line(b);
        else if (b->len < sizeof(b->line) - 1)
            b->line[b->len++] = at[i];
    }
}

static void release(struct pil_builder *b)
{
    if (b->readable)
        event_free(b->readable);
    if (b->pipe >= 0)
        close(b->pipe);
    if (b->memfd >= 0)
        close(b->memfd);
    pil_list_free(&b->build.errors);
    pil_list_free(&b->build.warnings);
    pil_list_free(&b->build.files);
    free(b);
}

/* How the child ended, as an error when it was not by itself. */
static void reap(struct pil_builder *b)
{
    char text[128];
    int status = 0;

    while (waitpid(b->child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && (WEXITSTATUS(status) == 0) == b->good)
        return;
    b->good = false;
    if (WIFSIGNALED(status))
        snprintf(text, sizeof(text), "the loader was ended by signal %d", WTERMSIG(status));
    else
        snprintf(text, sizeof(text), "the loader ended with status %d", WEXITSTATUS(status));
    keep(b, &b->build.errors, text);
}

static void finish(struct pil_builder *b)
{
    char text[64];
    off_t len = 0;

    reap(b);
    if (b->beyond > 0) {
        snprintf(text, sizeof(text), "and %u more", b->beyond);
        if (pil_list_add(&b->build.errors, text))
            b->good = false;
    }
    if (b->good &&
        (fcntl(b->memfd, F_ADD_SEALS, SEALS) || (len = lseek(b->memfd, 0, SEEK_END)) <= 0)) {
        b->good = false;
        keep(b, &b->build.errors, "the image cannot be sealed");
    }
    b->build.memfd = b->good ? b->memfd : -1;
    b->build.len = (size_t)len;
    if (b->good)
        b->memfd = -1;
    b->done(b->cookie, &b->build);
    release(b);
}

static void on_readable(evutil_socket_t fd, short what, void *cookie)
{
    struct pil_builder *b = cookie;
    char room[MESSAGE_MAX];
    ssize_t got;

    if (what & EV_TIMEOUT) {
        keep(b, &b->build.errors, "the loader took longer than 60 seconds");
        kill(b->child, SIGKILL);
        finish(b);
        return;
    }
    got = read(fd, room, sizeof(room));
    if (got > 0)
        take_bytes(b, room, (size_t)got);
    else if (got == 0 || (errno != EINTR && errno != EAGAIN))
        finish(b);
}

/* The length is the timeout of the whole build: the event is not persistent in its timeout. */
static int watch(struct pil_builder *b, struct event_base *base)
{
    struct timeval limit = {.tv_sec = BUILD_SECONDS};

    b->readable = event_new(base, b->pipe, EV_READ | EV_PERSIST, on_readable, b);
    return b->readable && event_add(b->readable, &limit) == 0 ? PIL_OK : PIL_E_NOMEM;
}

int pil_builder_start(struct event_base *base, const struct pil_list *paths, pil_builder_done *done,
                      void *cookie, struct pil_builder **out)
{
    struct pil_builder *b = calloc(1, sizeof(*b));
    int ends[2] = {-1, -1};
    int err = PIL_E_SYSTEM;

    if (!b)
        return PIL_E_NOMEM;
    *b = (struct pil_builder){.done = done, .cookie = cookie, .build = {.memfd = -1}};
    b->memfd = memfd_create("pillion-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (pipe2(ends, O_CLOEXEC))
        ends[0] = ends[1] = -1;
    b->pipe = ends[0];
    if (b->memfd < 0 || ends[0] < 0)
        goto fail;
    err = watch(b, base);
    if (err)
        goto fail;
    b->child = fork();
    if (b->child == 0)
        child_main(paths, b->memfd, ends[1]);
    close(ends[1]);
    ends[1] = -1;
    err = PIL_E_SYSTEM;
    if (b->child < 0)
        goto fail;
    *out = b;
    return PIL_OK;
fail:
    if (ends[1] >= 0)
        close(ends[1]);
    release(b);
    return err;
}

void pil_builder_cancel(struct pil_builder *b)
{
    if (!b)
        return;
    kill(b->child, SIGKILL);
    while (waitpid(b->child, NULL, 0) < 0 && errno == EINTR)
        ;
    release(b);
}
