#include "policyd/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/err.h"

#define RETRY_NS      100000000u /* a failed write is tried again after this */
#define CLOSE_SECONDS 2          /* what is left at the end may take this long */
#define WRITE_MAX     65536u     /* bytes of one write, so that a reopen waits for little */

struct pil_log {
    char *path;
    bool follow; /* a link in its place */
    enum pil_on_full on_full;
    char *room;
    size_t cap;
    pthread_t writer;
    bool running;

    _Atomic bool denying;

    /* Protects everything below; nests in nothing; held for copies and look-ups, never while
     * writing to the file. `filled` wakes the writer, `emptied` who waits for room. */
    pthread_mutex_t lock;
    pthread_cond_t filled, emptied;
    size_t head, tail; /* running counts of bytes in and out; position is modulo cap */
    size_t line_end;   /* count behind the last whole line that was taken out */
    bool stop, reopen;
    struct pil_log_status status;

    int fd; /* the writer's alone once it runs */
};

/* Where another user may put something in the file's place, root must not be led astray by it. */
static int open_file(const struct pil_log *log)
{
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, fd;
    struct stat st;

    if (strcmp(log->path, "stderr") == 0)
        return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    fd = open(log->path, flags | (log->follow ? 0 : O_NOFOLLOW), 0640);
    if (fd < 0 || log->follow ||
        (fstat(fd, &st) == 0 && (!S_ISREG(st.st_mode) || st.st_nlink == 1)))
        return fd;
    close(fd);
    errno = EMLINK;
    return -1;
}

static int init_sync(struct pil_log *log)
{
    pthread_condattr_t attr;
    int err;

    if (pthread_condattr_init(&attr))
        return PIL_E_NOMEM;
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    err = pthread_mutex_init(&log->lock, NULL) || pthread_cond_init(&log->filled, &attr) ||
          pthread_cond_init(&log->emptied, &attr);
    pthread_condattr_destroy(&attr);
    return err ? PIL_E_NOMEM : PIL_OK;
}

int pil_log_open(const char *path, size_t buffer, enum pil_on_full on_full, bool follow,
                 struct pil_log **out)
{
    struct pil_log *log = calloc(1, sizeof(*log));

    if (!log)
        return PIL_E_NOMEM;
    log->fd = -1;
    log->on_full = on_full;
    log->follow = follow;
    log->cap = buffer;
    log->path = strdup(path);
    log->room = malloc(buffer);
    if (!log->path || !log->room || init_sync(log)) {
        pil_log_close(log);
        return PIL_E_NOMEM;
    }
    log->fd = open_file(log);
    if (log->fd < 0) {
        int saved = errno;

        pil_log_close(log);
        errno = saved;
        return PIL_E_SYSTEM;
    }
    *out = log;
    return PIL_OK;
}

/* Whether the folder of path is one of those that were made for this service. */
static bool in_own_folder(const char *path)
{
    const char *own = getenv("LOGS_DIRECTORY"), *slash = strrchr(path, '/');

    while (own && slash && *own != '\0') {
        size_t len = strcspn(own, ":");

        if (len == (size_t)(slash - path) && memcmp(own, path, len) == 0)
            return len > 0;
        own += len + (own[len] == ':');
    }
    return false;
}

static void own_folder(const char *path, unsigned uid, unsigned gid)
{
    char *folder = strndup(path, (size_t)(strrchr(path, '/') - path));
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;

    free(folder);
    if (fd < 0)
        return;
    if (fchown(fd, uid, gid)) /* as below */
        errno = 0;
    close(fd);
}

void pil_log_own(const struct pil_log *log, unsigned uid, unsigned gid)
{
    struct stat st;

    if (strcmp(log->path, "stderr") == 0 || fstat(log->fd, &st) || !S_ISREG(st.st_mode))
        return;
    if (in_own_folder(log->path))
        own_folder(log->path, uid, gid);
    /* Best effort: where it fails, the next reopen says so. */
    if (fchown(log->fd, uid, gid))
        return;
}

static struct timespec after_ns(uint64_t ns)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(ns / 1000000000u);
    t.tv_nsec += (long)(ns % 1000000000u);
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* With the lock held: the next run of bytes to write, without a wrap. */
static size_t next_run(const struct pil_log *log, const char **at)
{
    size_t from = log->tail % log->cap, len = log->head - log->tail;

    if (len > log->cap - from)
        len = log->cap - from;
    if (len > WRITE_MAX)
        len = WRITE_MAX;
    *at = log->room + from;
    return len;
}

/* With the lock held: accounts for what was written. */
static void take_out(struct pil_log *log, const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (at[i] == '\n') {
            log->status.lines++;
            log->line_end = log->tail + i + 1;
        }
    log->tail += len;
    log->status.bytes += len;
    log->status.error = 0;
    if (log->tail == log->head)
        atomic_store_explicit(&log->denying, false, memory_order_relaxed);
    pthread_cond_broadcast(&log->emptied);
}

/* With the lock held. Between two lines, or when the old file takes nothing any more: then the
 * line that was cut there is written whole to the new one. */
static void change_file(struct pil_log *log)
{
    int fd;

    if (log->tail != log->line_end && log->status.error == 0)
        return;
    log->reopen = false;
    fd = open_file(log);
    if (fd < 0) {
        log->status.error = errno;
        return;
    }
    close(log->fd);
    log->fd = fd;
    /* The bytes since line_end may be overwritten already if others waited for room. */
    if (log->tail != log->line_end && log->head - log->line_end <= log->cap)
        log->tail = log->line_end;
    log->status.error = 0;
}

static void write_failed(struct pil_log *log, int error)
{
    struct timespec until = after_ns(RETRY_NS);

    log->status.error = error;
    if (log->on_full == PIL_ON_FULL_DENY)
        atomic_store_explicit(&log->denying, true, memory_order_relaxed);
    pthread_cond_timedwait(&log->filled, &log->lock, &until);
}

/* One write without the lock. Negative errno; a pipe that is full (O_NONBLOCK was set by whoever
 * shares it) is waited for. */
static ssize_t write_some(int fd, const char *at, size_t len)
{
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};
    ssize_t put = write(fd, at, len);

    if (put >= 0)
        return put;
    if (errno == EINTR)
        return 0;
    if (errno == EAGAIN) {
        poll(&pfd, 1, 100);
        return 0;
    }
    return -errno;
}

static void *write_all(void *cookie)
{
    struct pil_log *log = cookie;

    pthread_mutex_lock(&log->lock);
    for (;;) {
        const char *at;
        size_t len;
        ssize_t put;

        if (log->reopen)
            change_file(log);
        len = next_run(log, &at);
        if (len == 0 && log->stop)
            break;
        if (len == 0) {
            pthread_cond_wait(&log->filled, &log->lock);
            continue;
        }
        pthread_mutex_unlock(&log->lock);
        put = write_some(log->fd, at, len);
        pthread_mutex_lock(&log->lock);
        if (put >= 0)
            take_out(log, at, (size_t)put);
        else if (log->stop)
            break;
        else
            write_failed(log, (int)-put);
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

int pil_log_start(struct pil_log *log)
{
    sigset_t all, old;
    int err;

    /* Signals belong to the loop's thread. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = pthread_create(&log->writer, NULL, write_all, log);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    log->running = err == 0;
    return err ? PIL_E_NOMEM : PIL_OK;
}

static void put_in(struct pil_log *log, const char *line, size_t len)
{
    size_t at = log->head % log->cap, first = log->cap - at;

    if (first > len)
        first = len;
    memcpy(log->room + at, line, first);
    memcpy(log->room, line + first, len - first);
    log->head += len;
}

static bool has_room(const struct pil_log *log, size_t len)
{
    return len <= log->cap - (log->head - log->tail);
}

bool pil_log_write(struct pil_log *log, const char *line, size_t len)
{
    bool fits;

    pthread_mutex_lock(&log->lock);
    while (!has_room(log, len) && log->on_full == PIL_ON_FULL_BLOCK && len <= log->cap &&
           log->running) {
        pthread_cond_signal(&log->filled);
        pthread_cond_wait(&log->emptied, &log->lock);
    }
    fits = has_room(log, len);
    if (fits) {
        put_in(log, line, len);
    } else {
        log->status.dropped++;
        if (log->on_full == PIL_ON_FULL_DENY)
            atomic_store_explicit(&log->denying, true, memory_order_relaxed);
    }
    pthread_mutex_unlock(&log->lock);
    return fits;
}

void pil_log_kick(struct pil_log *log)
{
    pthread_mutex_lock(&log->lock);
    pthread_cond_signal(&log->filled);
    pthread_mutex_unlock(&log->lock);
}

void pil_log_reopen(struct pil_log *log)
{
    pthread_mutex_lock(&log->lock);
    log->reopen = true;
    pthread_cond_signal(&log->filled);
    pthread_mutex_unlock(&log->lock);
}

bool pil_log_denies(const struct pil_log *log)
{
    return atomic_load_explicit(&((struct pil_log *)log)->denying, memory_order_relaxed);
}

void pil_log_state(struct pil_log *log, struct pil_log_status *out)
{
    pthread_mutex_lock(&log->lock);
    *out = log->status;
    out->waiting = log->head - log->tail;
    pthread_mutex_unlock(&log->lock);
    out->denying = pil_log_denies(log);
}

static bool join_in_time(struct pil_log *log)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLOSE_SECONDS;
    return pthread_timedjoin_np(log->writer, NULL, &until) == 0;
}

void pil_log_close(struct pil_log *log)
{
    if (!log)
        return;
    if (log->running) {
        pthread_mutex_lock(&log->lock);
        log->stop = true;
        pthread_cond_broadcast(&log->filled);
        pthread_mutex_unlock(&log->lock);
        /* A writer that hangs in the kernel keeps its memory; the process is about to end. */
        if (!join_in_time(log))
            return;
    }
    if (log->fd >= 0)
        close(log->fd);
    free(log->room);
    free(log->path);
    free(log);
}
