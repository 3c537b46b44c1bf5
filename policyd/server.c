#include "policyd/server.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/daemon.h"
#include "policyd/listeners.h"
#include "policyd/mesh/mesh.h"
#include "policyd/session.h"

#define ACCEPT_MAX   32u /* connections taken in one round of the loop */
#define RESERVE      64u /* descriptors that sessions may not use up */
#define ROOT_RESERVE 8u  /* sessions that only root and policyd's own user may have */
#define PAUSE_USEC   100000
#define UID_BUCKETS  256u

/* Sessions of one user. */
struct tally {
    struct tally *next;
    uid_t uid;
    unsigned count;
};

struct pil_server {
    struct pil_daemon *d;
    struct pil_listeners listeners;
    struct event *event[PIL_LISTENERS], *resume;
    struct pil_session *all;
    unsigned count;
    uint64_t descriptors; /* the process's limit */
    bool paused;
    struct tally *tally[UID_BUCKETS];
    void (*on_empty)(void *cookie);
    void *on_empty_cookie;
};

static uint64_t raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 1024;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

int pil_server_open(struct pil_daemon *d, const struct pil_listeners *given, struct pil_diag *diag,
                    struct pil_server **out)
{
    struct pil_server *server = calloc(1, sizeof(*server));
    int err;

    if (!server)
        return PIL_E_NOMEM;
    *server = (struct pil_server){.d = d, .listeners = *given};
    server->descriptors = raise_limit();
    err = pil_listeners_open(&d->settings, diag, &server->listeners);
    if (err)
        pil_server_close(server);
    else
        *out = server;
    return err;
}

static struct tally **tally_of(struct pil_server *server, uid_t uid)
{
    struct tally **at = &server->tally[uid % UID_BUCKETS];

    while (*at && (*at)->uid != uid)
        at = &(*at)->next;
    return at;
}

static bool count_in(struct pil_server *server, uid_t uid)
{
    struct tally **at = tally_of(server, uid);

    if (!*at) {
        *at = calloc(1, sizeof(**at));
        if (!*at)
            return false;
        (*at)->uid = uid;
    }
    (*at)->count++;
    server->count++;
    return true;
}

static void count_out(struct pil_server *server, uid_t uid)
{
    struct tally **at = tally_of(server, uid), *gone = *at;

    server->count--;
    if (--gone->count > 0)
        return;
    *at = gone->next;
    free(gone);
}

/* PIL_REFUSAL_COUNT: may come in. */
static enum pil_refusal judge(struct pil_server *server, uid_t uid)
{
    const struct pil_settings *set = &server->d->settings;
    const struct tally *tally = *tally_of(server, uid);
    unsigned room = set->sessions - (uid == 0 || uid == geteuid() ? 0 : ROOT_RESERVE);

    if (tally && tally->count >= set->sessions_per_uid)
        return PIL_REFUSAL_UID_CAP;
    return server->count >= room ? PIL_REFUSAL_TOTAL_CAP : PIL_REFUSAL_COUNT;
}

static void pause_accepting(struct pil_server *server)
{
    struct timeval soon = {.tv_usec = PAUSE_USEC};

    if (server->paused)
        return;
    server->paused = true;
    server->d->stats.accept_pauses++;
    for (unsigned i = 0; i < PIL_LISTENERS; i++)
        if (server->event[i])
            event_del(server->event[i]);
    event_add(server->resume, &soon);
}

static bool low_on_descriptors(const struct pil_server *server)
{
    /* A session holds one descriptor, its process one for the ring, an image two. */
    return server->count + server->d->processes.count + pil_mesh_descriptors(server->d->mesh) +
               RESERVE >=
           server->descriptors;
}

static void on_resume(evutil_socket_t fd, short what, void *cookie)
{
    struct pil_server *server = cookie;
    struct timeval soon = {.tv_usec = PAUSE_USEC};

    (void)fd, (void)what;
    if (low_on_descriptors(server)) {
        event_add(server->resume, &soon);
        return;
    }
    server->paused = false;
    for (unsigned i = 0; i < PIL_LISTENERS; i++)
        if (server->event[i])
            event_add(server->event[i], NULL);
}

static void take_in(struct pil_server *server, int fd)
{
    struct pil_daemon *d = server->d;
    struct ucred cred = {.uid = (uid_t)-1};
    socklen_t len = sizeof(cred);
    struct pil_session *s;
    enum pil_refusal why;

    d->stats.accepted++;
    why = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) ? PIL_REFUSAL_ATTEST
                                                               : judge(server, cred.uid);
    if (why == PIL_REFUSAL_COUNT && !count_in(server, cred.uid))
        why = PIL_REFUSAL_INTERNAL;
    if (why != PIL_REFUSAL_COUNT) {
        close(fd);
        d->stats.refused[why]++;
        pil_session_tell(d, cred.pid, cred.uid, why, NULL);
        return;
    }
    s = pil_session_open(d, fd, cred.uid, cred.gid, cred.pid);
    if (!s) {
        count_out(server, cred.uid);
        d->stats.refused[PIL_REFUSAL_INTERNAL]++;
        return;
    }
    s->next = server->all;
    s->link = &server->all;
    if (s->next)
        s->next->link = &s->next;
    server->all = s;
}

static void on_accept(evutil_socket_t listener, short what, void *cookie)
{
    struct pil_server *server = cookie;

    (void)what;
    for (unsigned i = 0; i < ACCEPT_MAX; i++) {
        int fd;

        if (low_on_descriptors(server)) {
            pause_accepting(server);
            return;
        }
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            take_in(server, fd);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            pause_accepting(server);
        if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

int pil_server_start(struct pil_server *server)
{
    server->resume = event_new(server->d->base, -1, 0, on_resume, server);
    if (!server->resume)
        return PIL_E_NOMEM;
    for (unsigned i = 0; i < PIL_LISTENERS; i++) {
        int fd = server->listeners.fd[i];

        if (fd < 0)
            continue;
        server->event[i] = event_new(server->d->base, fd, EV_READ | EV_PERSIST, on_accept, server);
        if (!server->event[i] || event_add(server->event[i], NULL))
            return PIL_E_NOMEM;
    }
    return PIL_OK;
}

void pil_server_forget(struct pil_server *server, struct pil_session *s)
{
    if (!server || !s->link)
        return;
    *s->link = s->next;
    if (s->next)
        s->next->link = s->link;
    count_out(server, s->uid);
    if (server->count == 0 && server->on_empty)
        server->on_empty(server->on_empty_cookie);
}

unsigned pil_server_sessions(const struct pil_server *server)
{
    return server->count;
}

void pil_server_on_empty(struct pil_server *server, void (*call)(void *cookie), void *cookie)
{
    server->on_empty = call;
    server->on_empty_cookie = cookie;
}

void pil_server_close(struct pil_server *server)
{
    if (!server)
        return;
    server->on_empty = NULL;
    while (server->all)
        pil_session_close(server->all);
    for (unsigned i = 0; i < PIL_LISTENERS; i++)
        if (server->event[i])
            event_free(server->event[i]);
    pil_listeners_close(&server->d->settings, &server->listeners);
    if (server->resume)
        event_free(server->resume);
    free(server);
}
