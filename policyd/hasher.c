#include "policyd/hasher.h"

#include <event2/event.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/err.h"

#define KEPT_MAX 512u /* hashes remembered */
#define CHUNK    65536u

struct waiter {
    struct waiter *next;
    pil_hasher_done *done;
    void *cookie;
};

/* One file. Owned by the main thread; while `job` is queued or running the thread reads fd and id
 * and writes hash. */
struct job {
    struct job *next;     /* in the list of all, newest first */
    struct job *next_job; /* in a queue between the threads */
    struct pil_exe_id id;
    int fd;
    bool pending;
    struct waiter *waiter;
    char hash[PIL_HASH_TEXT];
};

struct pil_hasher {
    uint64_t max_size, count;
    struct job *jobs;
    unsigned job_count;
    struct event *woken;
    int wake;
    pthread_t thread;

    /* Protects the two queues and stop; held for pointer moves only. */
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct job *todo, **todo_end, *finished;
    _Atomic bool stop;
};

static bool same_id(const struct pil_exe_id *a, const struct pil_exe_id *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

static bool unchanged(const struct job *job)
{
    struct stat st;

    return fstat(job->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_dev == job->id.device &&
           st.st_ino == job->id.inode && (uint64_t)st.st_size == job->id.size &&
           st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec == job->id.mtime_ns &&
           st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec == job->id.ctime_ns;
}

static void to_hex(const unsigned char *digest, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned i = 0; i < 32; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[64] = '\0';
}

/* False when reading failed or the daemon is about to end. */
static bool digest_file(struct pil_hasher *h, struct job *job, EVP_MD_CTX *ctx, char *room)
{
    uint64_t left = job->id.size;
    ssize_t got = 0;

    while (left > 0 && !atomic_load(&h->stop) && (got = read(job->fd, room, CHUNK)) > 0) {
        if ((uint64_t)got > left || EVP_DigestUpdate(ctx, room, (size_t)got) != 1)
            return false;
        left -= (uint64_t)got;
    }
    return left == 0;
}

static void hash_one(struct pil_hasher *h, struct job *job)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    char *room = malloc(CHUNK);
    unsigned char digest[EVP_MAX_MD_SIZE];
    bool good = ctx && room && unchanged(job) && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

    good = good && digest_file(h, job, ctx, room) && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
    if (good && unchanged(job))
        to_hex(digest, job->hash);
    EVP_MD_CTX_free(ctx);
    free(room);
}

static struct job *next_todo(struct pil_hasher *h)
{
    struct job *job;

    pthread_mutex_lock(&h->lock);
    while (!h->todo && !atomic_load(&h->stop))
        pthread_cond_wait(&h->more, &h->lock);
    job = atomic_load(&h->stop) ? NULL : h->todo;
    if (job) {
        h->todo = job->next_job;
        if (!h->todo)
            h->todo_end = &h->todo;
    }
    pthread_mutex_unlock(&h->lock);
    return job;
}

static void *hash_all(void *cookie)
{
    struct pil_hasher *h = cookie;
    struct job *job;

    while ((job = next_todo(h)) != NULL) {
        hash_one(h, job);
        pthread_mutex_lock(&h->lock);
        job->next_job = h->finished;
        h->finished = job;
        pthread_mutex_unlock(&h->lock);
        eventfd_write(h->wake, 1);
    }
    return NULL;
}

static void finish(struct pil_hasher *h, struct job *job)
{
    close(job->fd);
    job->fd = -1;
    job->pending = false;
    h->count++;
    /* A failure is not remembered: the next one who asks reads again. */
    if (job->hash[0] == '\0')
        memset(&job->id, 0, sizeof(job->id));
    while (job->waiter) {
        struct waiter *w = job->waiter;

        job->waiter = w->next;
        w->done(w->cookie, job->hash);
        free(w);
    }
}

static void on_wake(evutil_socket_t fd, short what, void *cookie)
{
    struct pil_hasher *h = cookie;
    struct job *job;
    eventfd_t times;

    (void)what;
    eventfd_read(fd, &times);
    pthread_mutex_lock(&h->lock);
    job = h->finished;
    h->finished = NULL;
    pthread_mutex_unlock(&h->lock);
    while (job) {
        struct job *next = job->next_job;

        finish(h, job);
        job = next;
    }
}

int pil_hasher_start(struct event_base *base, uint64_t max_size, struct pil_hasher **out)
{
    struct pil_hasher *h = calloc(1, sizeof(*h));
    sigset_t all, old;
    int err;

    if (!h)
        return PIL_E_NOMEM;
    h->max_size = max_size;
    h->todo_end = &h->todo;
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->more, NULL);
    h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    h->woken = h->wake < 0 ? NULL : event_new(base, h->wake, EV_READ | EV_PERSIST, on_wake, h);
    if (!h->woken || event_add(h->woken, NULL))
        goto fail;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = pthread_create(&h->thread, NULL, hash_all, h);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err)
        goto fail;
    *out = h;
    return PIL_OK;
fail:
    if (h->woken)
        event_free(h->woken);
    if (h->wake >= 0)
        close(h->wake);
    free(h);
    return PIL_E_SYSTEM;
}

static struct job *find(const struct pil_hasher *h, const struct pil_exe_id *id)
{
    struct job *job = h->jobs;

    while (job && !same_id(&job->id, id))
        job = job->next;
    return job;
}

bool pil_hasher_knows(const struct pil_hasher *h, const struct pil_exe_id *id)
{
    return find(h, id) != NULL;
}

/* Forgets the oldest finished one; all pending: nothing. */
static void forget_oldest(struct pil_hasher *h)
{
    struct job **oldest = NULL, *gone;

    for (struct job **at = &h->jobs; *at; at = &(*at)->next)
        if (!(*at)->pending)
            oldest = at;
    if (!oldest)
        return;
    gone = *oldest;
    *oldest = gone->next;
    h->job_count--;
    free(gone);
}

static int wait_for(struct job *job, pil_hasher_done *done, void *cookie)
{
    struct waiter *w = malloc(sizeof(*w));

    if (!w)
        return PIL_E_NOMEM;
    *w = (struct waiter){job->waiter, done, cookie};
    job->waiter = w;
    return PIL_E_AGAIN;
}

static void enqueue(struct pil_hasher *h, struct job *job)
{
    pthread_mutex_lock(&h->lock);
    *h->todo_end = job;
    h->todo_end = &job->next_job;
    pthread_cond_signal(&h->more);
    pthread_mutex_unlock(&h->lock);
}

static int begin(struct pil_hasher *h, const struct pil_exe_id *id, int fd, pil_hasher_done *done,
                 void *cookie)
{
    struct job *job = calloc(1, sizeof(*job));
    int err;

    if (!job)
        return PIL_E_NOMEM;
    err = wait_for(job, done, cookie);
    if (err != PIL_E_AGAIN) {
        free(job);
        return err;
    }
    job->id = *id;
    job->fd = fd;
    job->pending = true;
    job->next = h->jobs;
    h->jobs = job;
    if (++h->job_count > KEPT_MAX)
        forget_oldest(h);
    enqueue(h, job);
    return PIL_E_AGAIN;
}

int pil_hasher_ask(struct pil_hasher *h, const struct pil_exe_id *id, int fd, pil_hasher_done *done,
                   void *cookie, const char **hash)
{
    struct job *job = find(h, id);
    int err;

    *hash = "";
    if (!job && fd >= 0 && id->size <= h->max_size) {
        err = begin(h, id, fd, done, cookie);
        if (err != PIL_E_AGAIN)
            close(fd);
        return err;
    }
    if (fd >= 0)
        close(fd);
    if (!job)
        return PIL_E_RANGE;
    if (job->pending)
        return wait_for(job, done, cookie);
    *hash = job->hash;
    return PIL_OK;
}

void pil_hasher_cancel(struct pil_hasher *h, const void *cookie)
{
    for (struct job *job = h->jobs; job; job = job->next)
        for (struct waiter **at = &job->waiter; *at;) {
            struct waiter *w = *at;

            if (w->cookie != cookie) {
                at = &w->next;
                continue;
            }
            *at = w->next;
            free(w);
        }
}

uint64_t pil_hasher_count(const struct pil_hasher *h)
{
    return h->count;
}

static void free_job(struct job *job)
{
    while (job->waiter) {
        struct waiter *w = job->waiter;

        job->waiter = w->next;
        free(w);
    }
    if (job->fd >= 0)
        close(job->fd);
    free(job);
}

void pil_hasher_stop(struct pil_hasher *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    atomic_store(&h->stop, true);
    pthread_cond_signal(&h->more);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    event_free(h->woken);
    close(h->wake);
    while (h->jobs) {
        struct job *job = h->jobs;

        h->jobs = job->next;
        free_job(job);
    }
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->more);
    free(h);
}
