#include "tests/support/fakepolicyd.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/chan.h"
#include "tests/support/support.h"

#define CONNECTIONS 64u
#define RINGS       256u
#define SCRIPT      64u
#define PATIENCE_S  10

struct held {
    int fd;
    uint32_t sequence;
    unsigned count;
    struct pil_verdict verdict[PIL_BATCH_MAX];
};

struct fake_policyd {
    char *folder, *path;
    pthread_t thread;
    int wake, listener, conn[CONNECTIONS];
    uint32_t greeted[CONNECTIONS]; /* pid that said hello on it */
    int page_fd;
    struct pil_genpage *page; /* of every life, never unmapped: the shim still looks at it */

    pthread_mutex_t lock; /* what the test and the thread share, all below */
    pthread_cond_t news;
    bool stopping, releasing;
    enum fake_answer always, script[SCRIPT];
    unsigned script_at, script_len;
    enum fake_welcome greets;
    uint32_t flags, deadline_ms;
    struct pil_verdict verdict;
    void (*judge)(const struct pil_query *q, struct pil_verdict *v);
    bool (*other)(int, const struct pil_wire_head *, struct pil_reader *, const int *, unsigned);
    struct pil_ring *ring[RINGS];
    uint32_t ring_pid[RINGS];
    int ring_fd[RINGS];
    unsigned rings, held_count;
    struct held held[CONNECTIONS];
    struct fake_seen seen;
};

/* In the fake's own thread no assertion of cmocka may jump away. */
#define must(truth)                                                                                \
    do {                                                                                           \
        if (!(truth)) {                                                                            \
            fprintf(stderr, "fakepolicyd: not so: %s\n", #truth);                                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Calls of the thread go to the kernel itself: it must not run through what a test has faked. */
static const struct pil_sysops *const kernel = &pil_sysops_kernel;

static void *shared_memory(const char *name, size_t len, int *fd)
{
    void *at;

    *fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    must(*fd >= 0);
    must(ftruncate(*fd, (off_t)len) == 0);
    at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    must(at != MAP_FAILED);
    return at;
}

/* ---- saying ---------------------------------------------------------------------------------- */

static void say(int fd, const void *bytes, size_t len, const int *fds, unsigned count)
{
    struct iovec iov = {(void *)bytes, len};

    (void)!pil_chan_send(kernel, fd, &iov, 1, fds, count, true);
}

static void say_garbage(int fd)
{
    uint8_t bytes[40];

    memset(bytes, 0xa5, sizeof(bytes));
    say(fd, bytes, sizeof(bytes), NULL, 0);
}

static void poke(uint8_t *frame, size_t at, uint8_t value)
{
    frame[at] = value;
}

/* Writes the answer to a question and breaks it as the script says. */
static void answer(struct fake_policyd *f, const struct held *to, enum fake_answer kind)
{
    uint8_t frame[PIL_WIRE_MAX] = {0};
    struct pil_verdict verdict[PIL_BATCH_MAX + 1];
    unsigned count = to->count + (kind == FAKE_COUNT);
    uint32_t sequence = to->sequence + (kind == FAKE_SEQUENCE);
    struct pil_writer w;
    size_t len;

    memcpy(verdict, to->verdict, sizeof(to->verdict));
    verdict[to->count] = to->verdict[0];
    for (unsigned i = 0; i < count; i++)
        verdict[i].generation += kind == FAKE_GENERATION;
    if (kind == FAKE_ENUM)
        verdict[0].reason = PIL_REASON_COUNT;
    pil_wire_begin(&w, frame, sizeof(frame),
                   kind == FAKE_TYPE ? PIL_WIRE_WELCOME : PIL_WIRE_VERDICTS, sequence);
    pil_wire_put_verdicts(&w, verdict, count);
    if (kind == FAKE_TRAILING)
        pil_put_u8(&w, 0);
    while (kind == FAKE_BIG && w.len < 8192)
        pil_put_u64(&w, 0);
    must(pil_wire_finish(&w) == PIL_OK);
    len = kind == FAKE_SHORT ? 8 : w.len;
    if (kind == FAKE_MAGIC)
        poke(frame, offsetof(struct pil_wire_head, magic), 'X');
    if (kind == FAKE_VERSION)
        poke(frame, offsetof(struct pil_wire_head, major), PIL_WIRE_MAJOR + 1);
    if (kind == FAKE_LENGTH)
        poke(frame, offsetof(struct pil_wire_head, length) + 1, 0x20);
    say(to->fd, frame, len, &f->page_fd, kind == FAKE_DESCRIPTOR);
}

static void say_welcome(struct fake_policyd *f, int fd, uint32_t sequence, const int *fds,
                        unsigned count)
{
    struct pil_welcome welcome = {
        .status = f->greets == FAKE_WELCOME_REFUSED ? PIL_E_PERMISSION : PIL_OK,
        .flags = f->flags,
        .deadline_ms = f->deadline_ms,
        .workload = pil_slice_of("test"),
    };
    uint8_t frame[512];
    struct pil_writer w;

    pil_wire_begin(&w, frame, sizeof(frame),
                   f->greets == FAKE_WELCOME_TYPE ? PIL_WIRE_END : PIL_WIRE_WELCOME,
                   sequence + (f->greets == FAKE_WELCOME_SEQUENCE));
    pil_wire_put_welcome(&w, &welcome);
    must(pil_wire_finish(&w) == PIL_OK);
    say(fd, frame, w.len, fds, count);
}

/* A page that is wrong in one way, instead of the real one. */
static int bad_page(uint32_t magic, uint32_t version)
{
    struct pil_genpage *page;
    int fd;

    page = shared_memory("bad page", PIL_GENPAGE_SIZE, &fd);
    pil_genpage_init(page);
    pil_genpage_publish(page, 1000, 0);
    page->magic = magic;
    page->version = version;
    munmap(page, PIL_GENPAGE_SIZE);
    return fd;
}

static unsigned descriptors_of(enum fake_welcome greets)
{
    return greets == FAKE_WELCOME_NO_FDS      ? 0
           : greets == FAKE_WELCOME_ONE_FD    ? 1
           : greets == FAKE_WELCOME_THREE_FDS ? 3
                                              : 2;
}

static unsigned links_of(const struct fake_policyd *f, uint32_t pid)
{
    unsigned count = 0;

    for (unsigned i = 0; i < CONNECTIONS; i++)
        count += f->conn[i] >= 0 && f->greeted[i] == pid;
    return count;
}

static void new_ring(struct fake_policyd *f, uint32_t pid)
{
    struct pil_ring *ring;
    int fd;

    must(f->rings < RINGS);
    ring = shared_memory("ring", PIL_RING_SIZE, &fd);
    f->ring_fd[f->rings] = fcntl(fd, F_DUPFD_CLOEXEC, FAKE_FDS);
    must(f->ring_fd[f->rings] >= 0);
    close(fd);
    pil_ring_init(ring);
    if (f->greets == FAKE_WELCOME_RING_MAGIC)
        ring->magic++;
    f->ring_pid[f->rings] = pid;
    f->ring[f->rings++] = ring;
}

/* As policyd has it: one ring for all links of a process, gone with the last of them. */
static int ring_for(struct fake_policyd *f, uint32_t pid)
{
    if (links_of(f, pid) > 1)
        for (unsigned i = f->rings; i-- > 0;)
            if (f->ring_pid[i] == pid)
                return f->ring_fd[i];
    new_ring(f, pid);
    return f->ring_fd[f->rings - 1];
}

static void greet(struct fake_policyd *f, int fd, uint32_t sequence, uint32_t pid)
{
    int fds[3] = {f->page_fd, ring_for(f, pid), f->page_fd}, bad = -1;

    if (f->greets == FAKE_WELCOME_PAGE_MAGIC)
        fds[0] = bad = bad_page(PIL_GENPAGE_MAGIC + 1, PIL_GENPAGE_VERSION);
    if (f->greets == FAKE_WELCOME_PAGE_VERSION)
        fds[0] = bad = bad_page(PIL_GENPAGE_MAGIC, PIL_GENPAGE_VERSION + 1);
    if (f->greets == FAKE_WELCOME_SHORT_PAGE)
        fds[0] = bad = memfd_create("short", MFD_CLOEXEC);
    if (f->greets == FAKE_WELCOME_SHORT_RING)
        fds[1] = f->page_fd;
    say_welcome(f, fd, sequence, fds, descriptors_of(f->greets));
    if (bad >= 0)
        close(bad);
}

/* ---- hearing --------------------------------------------------------------------------------- */

static void end(int *conn)
{
    close(*conn);
    *conn = -1;
}

static void on_hello(struct fake_policyd *f, int *conn, uint32_t sequence, struct pil_reader *r)
{
    struct pil_hello hello;

    if (pil_wire_get_hello(r, &hello) || !pil_slice_equal(hello.version, pil_slice_of(PIL_VERSION)))
        f->seen.illegal++;
    f->seen.hellos++;
    f->seen.hello_flags = hello.flags;
    f->seen.hello_pid = hello.pid;
    f->greeted[conn - f->conn] = hello.pid;
    switch (f->greets) {
    case FAKE_WELCOME_HOLD:
        return;
    case FAKE_WELCOME_CLOSE:
        end(conn);
        return;
    case FAKE_WELCOME_GARBAGE:
        say_garbage(*conn);
        return;
    default:
        greet(f, *conn, sequence, hello.pid);
    }
}

static struct pil_slice keep_text(char *room, struct pil_slice text)
{
    memcpy(room, text.at ? text.at : "", text.len);
    room[text.len] = '\0';
    return (struct pil_slice){room, text.len};
}

static void remember(struct fake_policyd *f, const struct pil_query *q, unsigned count)
{
    f->seen.frames++;
    f->seen.queries += count;
    f->seen.last_count = count;
    for (unsigned i = 0; i < count; i++) {
        f->seen.last[i] = q[i];
        f->seen.last[i].name = keep_text(f->seen.text[i][0], q[i].name);
        f->seen.last[i].caller = keep_text(f->seen.text[i][1], q[i].caller);
    }
}

static enum fake_answer next_answer(struct fake_policyd *f)
{
    return f->script_at < f->script_len ? f->script[f->script_at++] : f->always;
}

static void on_decide(struct fake_policyd *f, int *conn, uint32_t sequence, struct pil_reader *r)
{
    struct pil_query q[PIL_BATCH_MAX];
    struct held to = {.fd = *conn, .sequence = sequence};
    enum fake_answer kind = next_answer(f);

    if (pil_wire_get_queries(r, q, &to.count)) {
        f->seen.illegal++;
        end(conn);
        return;
    }
    remember(f, q, to.count);
    for (unsigned i = 0; i < to.count; i++) {
        to.verdict[i] = f->verdict;
        to.verdict[i].generation = pil_genpage_generation(pil_genpage_word(f->page));
        if (f->judge)
            f->judge(&q[i], &to.verdict[i]);
    }
    if (kind == FAKE_HOLD) {
        must(f->held_count < CONNECTIONS);
        f->held[f->held_count++] = to;
    } else if (kind == FAKE_CLOSE) {
        end(conn);
    } else if (kind == FAKE_GARBAGE) {
        say_garbage(*conn);
    } else {
        answer(f, &to, kind);
    }
}

static void on_frame(struct fake_policyd *f, int *conn)
{
    uint8_t frame[PIL_WIRE_MAX];
    struct pil_wire_head head;
    struct pil_reader r;
    size_t len = 0;
    int fds[PIL_CHAN_FDS];
    unsigned count = PIL_CHAN_FDS;
    int err = pil_chan_recv(kernel, *conn, frame, sizeof(frame), &len, fds, &count, false);

    if (err == PIL_E_AGAIN)
        return;
    if (err) {
        f->seen.ended++;
        end(conn);
        return;
    }
    if (pil_wire_open(frame, len, &head, &r) || (count > 0 && head.type <= PIL_WIRE_DECIDE)) {
        f->seen.illegal++;
        end(conn);
    } else if (head.type == PIL_WIRE_HELLO) {
        on_hello(f, conn, head.sequence, &r);
    } else if (head.type == PIL_WIRE_DECIDE) {
        on_decide(f, conn, head.sequence, &r);
    } else if (!f->other || !f->other(*conn, &head, &r, fds, count)) {
        f->seen.illegal++;
        end(conn);
    }
}

static void on_connect(struct fake_policyd *f)
{
    int fd = kernel->accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);

    for (unsigned i = 0; fd >= 0 && i < CONNECTIONS; i++)
        if (f->conn[i] < 0) {
            f->conn[i] = fd;
            f->greeted[i] = 0;
            f->seen.connections++;
            return;
        }
    if (fd >= 0)
        close(fd);
}

static void release_held(struct fake_policyd *f)
{
    for (unsigned i = 0; i < f->held_count; i++)
        answer(f, &f->held[i], FAKE_VERDICT);
    f->held_count = 0;
    f->releasing = false;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void handle(struct fake_policyd *f, const struct pollfd *pfd)
{
    uint64_t woken;

    pthread_mutex_lock(&f->lock);
    if (pfd[0].revents)
        (void)!read(f->wake, &woken, sizeof(woken));
    if (f->releasing)
        release_held(f);
    if (pfd[1].revents && !f->stopping)
        on_connect(f);
    for (unsigned i = 0; i < CONNECTIONS && !f->stopping; i++)
        if (pfd[i + 2].revents && f->conn[i] == pfd[i + 2].fd)
            on_frame(f, &f->conn[i]);
    pthread_cond_broadcast(&f->news);
    pthread_mutex_unlock(&f->lock);
}

static bool stopping(struct fake_policyd *f)
{
    bool is;

    pthread_mutex_lock(&f->lock);
    is = f->stopping;
    pthread_mutex_unlock(&f->lock);
    return is;
}

static void *live(void *arg)
{
    struct fake_policyd *f = arg;

    while (!stopping(f)) {
        struct pollfd pfd[CONNECTIONS + 2] = {{f->wake, POLLIN, 0}, {f->listener, POLLIN, 0}};

        for (unsigned i = 0; i < CONNECTIONS; i++)
            pfd[i + 2] = (struct pollfd){f->conn[i], POLLIN, 0};
        if (poll(pfd, CONNECTIONS + 2, -1) > 0)
            handle(f, pfd);
    }
    return NULL;
}

static void new_page(struct fake_policyd *f, uint64_t generation)
{
    f->page = shared_memory("page", PIL_GENPAGE_SIZE, &f->page_fd);
    pil_genpage_init(f->page);
    pil_genpage_publish(f->page, generation, 0);
    assert_int_equal(fcntl(f->page_fd, F_ADD_SEALS,
                           F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL),
                     0);
}

void fake_live(struct fake_policyd *f)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    uint64_t generation = f->page ? pil_genpage_generation(pil_genpage_word(f->page)) : 0;

    new_page(f, generation + 1000);
    strncpy(un.sun_path, f->path, sizeof(un.sun_path) - 1);
    f->stopping = false;
    f->wake = eventfd(0, EFD_CLOEXEC);
    f->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_true(f->wake >= 0 && f->listener >= 0);
    for (unsigned i = 0; i < CONNECTIONS; i++)
        f->conn[i] = -1;
    assert_int_equal(bind(f->listener, (struct sockaddr *)&un, sizeof(un)), 0);
    assert_int_equal(listen(f->listener, 64), 0);
    assert_int_equal(pthread_create(&f->thread, NULL, live, f), 0);
}

static void rouse(struct fake_policyd *f)
{
    uint64_t one = 1;

    assert_int_equal(write(f->wake, &one, sizeof(one)), sizeof(one));
}

void fake_die(struct fake_policyd *f)
{
    pthread_mutex_lock(&f->lock);
    f->stopping = true;
    pthread_mutex_unlock(&f->lock);
    rouse(f);
    assert_int_equal(pthread_join(f->thread, NULL), 0);
    for (unsigned i = 0; i < CONNECTIONS; i++)
        if (f->conn[i] >= 0)
            end(&f->conn[i]);
    close(f->listener);
    close(f->wake);
    close(f->page_fd);
    unlink(f->path);
    f->held_count = 0;
    f->wake = -1;
}

struct fake_policyd *fake_start(void)
{
    struct fake_policyd *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->folder = test_folder_make();
    assert_true(asprintf(&f->path, "%s/policyd.sock", f->folder) > 0);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->news, NULL);
    f->verdict = (struct pil_verdict){
        .effect = PIL_ALLOW,
        .reason = PIL_REASON_RULE_ALLOW,
        .tier = PIL_TIER_ENGINE,
        .rule = 7,
        .policy = 3,
        .shadow_rule = PIL_NO_INDEX,
        .shadow_policy = PIL_NO_INDEX,
        .ttl_ms = 10000,
    };
    fake_live(f);
    return f;
}

void fake_stop(struct fake_policyd *f)
{
    if (f->wake >= 0)
        fake_die(f);
    for (unsigned i = 0; i < f->rings; i++)
        if (munmap(f->ring[i], PIL_RING_SIZE) == 0)
            close(f->ring_fd[i]);
    test_folder_remove(f->folder);
    pthread_cond_destroy(&f->news);
    pthread_mutex_destroy(&f->lock);
    free(f->path);
    free(f);
}

/* ---- telling and asking it ------------------------------------------------------------------- */

const char *fake_path(const struct fake_policyd *f)
{
    return f->path;
}

struct pil_genpage *fake_page(struct fake_policyd *f)
{
    return f->page;
}

struct pil_ring *fake_ring(struct fake_policyd *f, unsigned n)
{
    struct pil_ring *ring;

    pthread_mutex_lock(&f->lock);
    ring = n < f->rings ? f->ring[n] : NULL;
    pthread_mutex_unlock(&f->lock);
    assert_non_null(ring);
    return ring;
}

#define UNDER_LOCK(f, ...)                                                                         \
    do {                                                                                           \
        pthread_mutex_lock(&(f)->lock);                                                            \
        __VA_ARGS__;                                                                               \
        pthread_mutex_unlock(&(f)->lock);                                                          \
    } while (0)

void fake_always(struct fake_policyd *f, enum fake_answer answer_)
{
    UNDER_LOCK(f, f->always = answer_);
}

void fake_once(struct fake_policyd *f, enum fake_answer answer_)
{
    assert_true(f->script_len < SCRIPT);
    UNDER_LOCK(f, f->script[f->script_len++] = answer_);
}

void fake_release(struct fake_policyd *f)
{
    UNDER_LOCK(f, f->releasing = true);
    rouse(f);
}

void fake_greets(struct fake_policyd *f, enum fake_welcome welcome)
{
    UNDER_LOCK(f, f->greets = welcome);
}

void fake_says(struct fake_policyd *f, uint32_t flags, uint32_t deadline_ms)
{
    UNDER_LOCK(f, f->flags = flags; f->deadline_ms = deadline_ms);
}

void fake_verdict(struct fake_policyd *f, const struct pil_verdict *v)
{
    UNDER_LOCK(f, f->verdict = *v);
}

void fake_judge(struct fake_policyd *f,
                void (*judge)(const struct pil_query *q, struct pil_verdict *v))
{
    UNDER_LOCK(f, f->judge = judge);
}

void fake_answers(struct fake_policyd *f,
                  bool (*other)(int conn, const struct pil_wire_head *head, struct pil_reader *r,
                                const int *fds, unsigned fd_count))
{
    UNDER_LOCK(f, f->other = other);
}

struct fake_seen fake_seen(struct fake_policyd *f)
{
    struct fake_seen seen;

    UNDER_LOCK(f, seen = f->seen);
    return seen;
}

static void wait_for(struct fake_policyd *f, const unsigned *what, unsigned least)
{
    struct timespec end;
    int err = 0;
    unsigned got;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&f->lock);
    while (*what < least && err == 0)
        err = pthread_cond_timedwait(&f->news, &f->lock, &end);
    got = *what;
    pthread_mutex_unlock(&f->lock);
    if (got < least)
        fail_msg("waited for %u of it, got %u", least, got);
}

void fake_wait_frames(struct fake_policyd *f, unsigned frames)
{
    wait_for(f, &f->seen.frames, frames);
}

void fake_wait_ended(struct fake_policyd *f, unsigned ended)
{
    wait_for(f, &f->seen.ended, ended);
}

void fake_wait_connections(struct fake_policyd *f, unsigned connections)
{
    wait_for(f, &f->seen.connections, connections);
}
