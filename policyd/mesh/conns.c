#include "policyd/mesh/conns.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "policyd/mesh/judge.h"
#include "policyd/mesh/parts.h"
#include "policyd/mesh/relay.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

uint64_t pil_conns_cookie(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof(cookie);

    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

/* Which network namespace a socket belongs to; 0 when the kernel does not say. */
static uint64_t network_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof(cookie);

    return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

static struct pil_conn **bucket_of(struct pil_conns *all, uint64_t id)
{
    return &all->bucket[id % PIL_CONN_BUCKETS];
}

/* Copies a text behind the entry; the slice that leads to it. */
static struct pil_slice keep(char **at, struct pil_slice text)
{
    struct pil_slice kept = {*at, text.len};

    if (text.len > 0)
        memcpy(*at, text.at, text.len);
    (*at)[text.len] = '\0';
    *at += text.len + 1;
    return kept;
}

static void insert(struct pil_conns *all, struct pil_conn *c)
{
    struct pil_conn **head = bucket_of(all, c->id);

    c->next_id = *head;
    *head = c;
    c->next = all->all;
    c->link = &all->all;
    if (c->next)
        c->next->link = &c->next;
    all->all = c;
    all->count++;
    all->by_path[c->path]++;
}

static void take_result(struct pil_conn *c, const struct pil_hand_result *result)
{
    c->mesh = result->mesh;
    c->resumed = result->resumed;
    c->suite = result->suite;
    c->not_after = result->not_after;
}

/* What the kernel knows it by. */
static void identify(const struct pil_mesh *m, struct pil_conn *c, int fd)
{
    struct stat st;

    c->cookie = pil_conns_cookie(fd);
    c->inode = fstat(fd, &st) == 0 ? st.st_ino : 0;
    c->here = m->diag < 0 || network_of(fd) == network_of(m->diag);
    if (!pil_judge_own(fd, &c->own) || !pil_judge_other(fd, &c->other))
        memset(&c->other, 0, sizeof(c->other)); /* it is gone already, and will be swept */
}

struct pil_conn *pil_conns_add(struct pil_mesh *m, struct pil_owner *owner, enum pil_tls_role role,
                               enum pil_path path, int fd, const struct pil_query *q,
                               const struct pil_hand_result *result)
{
    struct pil_slice serial = pil_slice_of(result ? result->serial : "");
    size_t texts = q->peer.len + serial.len + q->name.len + q->caller.len + 4;
    struct pil_conn *c = calloc(1, sizeof(*c) + texts);
    char *at;

    if (!c)
        return NULL;
    at = c->text;
    c->id = pil_mesh_id(m);
    c->owner = pil_owner_ref(owner);
    c->role = (uint8_t)role;
    c->path = (uint8_t)path;
    c->since_ns = pil_mesh_now_ns(CLOCK_REALTIME);
    c->query = *q;
    c->query.peer = keep(&at, q->peer);
    c->serial = (char *)keep(&at, serial).at;
    c->query.name = keep(&at, q->name);
    c->query.caller = keep(&at, q->caller);
    identify(m, c, fd);
    if (result)
        take_result(c, result);
    insert(&m->conns, c);
    m->stats.opened[path]++;
    return c;
}

struct pil_conn *pil_conns_find(const struct pil_mesh *m, uint64_t id)
{
    struct pil_conn *c = m->conns.bucket[id % PIL_CONN_BUCKETS];

    while (c && c->id != id)
        c = c->next_id;
    return c;
}

bool pil_conns_is(const struct pil_conn *c, int fd)
{
    return c->cookie != 0 && pil_conns_cookie(fd) == c->cookie;
}

void pil_conns_path(struct pil_mesh *m, struct pil_conn *c, enum pil_path path)
{
    m->conns.by_path[c->path]--;
    c->path = (uint8_t)path;
    m->conns.by_path[path]++;
    m->stats.opened[path]++;
}

void pil_conns_remove(struct pil_mesh *m, struct pil_conn *c)
{
    struct pil_conn **at = bucket_of(&m->conns, c->id);

    while (*at != c)
        at = &(*at)->next_id;
    *at = c->next_id;
    if (m->conns.cursor == c)
        m->conns.cursor = c->next;
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    m->conns.count--;
    m->conns.by_path[c->path]--;
    if (c->relay)
        pil_relay_forget(c->relay);
    pil_owner_unref(c->owner);
    free(c);
}
