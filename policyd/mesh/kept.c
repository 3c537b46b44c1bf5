#include "policyd/mesh/kept.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/fdstore.h"
#include "policyd/journal.h"
#include "policyd/mesh/judge.h"
#include "policyd/mesh/listener.h"
#include "policyd/mesh/parts.h"
#include "policyd/daemon.h"
#include "policyd/page.h"

#define PREFIX    PIL_FDSTORE_NAME "-"
#define FACTS_MAX 16384u
#define VERSION   1u

static void name_of(uint64_t id, char *out, size_t cap)
{
    snprintf(out, cap, PREFIX "%llx", (unsigned long long)id);
}

/* ---- keeping -------------------------------------------------------------------------------- */

static int write_facts(const struct pil_listener *l)
{
    static uint8_t room[FACTS_MAX]; /* main thread only */
    struct pil_writer w;
    int fd;

    pil_writer_init(&w, room, sizeof(room));
    pil_put_u32(&w, VERSION);
    pil_put_u64(&w, l->id);
    pil_listener_put(l, &w);
    if (pil_writer_end(&w))
        return -1;
    fd = pil_page_memfd("pillion-listener", w.len);
    if (fd < 0 || pwrite(fd, room, w.len, 0) == (ssize_t)w.len)
        return fd;
    close(fd);
    return -1;
}

void pil_kept_add(struct pil_listener *l)
{
    char state[128], name[64];
    int fds[3] = {l->fd, l->pair, write_facts(l)};

    if (fds[2] < 0)
        return;
    name_of(l->id, name, sizeof(name));
    snprintf(state, sizeof(state), "FDSTORE=1\nFDNAME=%s", name);
    l->kept = sd_pid_notify_with_fds(0, 0, state, fds, 3) > 0;
    close(fds[2]);
}

static void forget(uint64_t id)
{
    char name[64];

    name_of(id, name, sizeof(name));
    sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

void pil_kept_forget(struct pil_listener *l)
{
    if (l->kept)
        forget(l->id);
    l->kept = false;
}

/* ---- given back ----------------------------------------------------------------------------- */

/* The three of one name, told apart by what they are. */
struct found {
    int socket, pair, facts;
};

static int option(int fd, int name)
{
    socklen_t len = sizeof(int);
    int value = -1;

    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

static int *place_of(struct found *found, int fd)
{
    switch (option(fd, SO_DOMAIN)) {
    case AF_INET:
    case AF_INET6:
        return option(fd, SO_ACCEPTCONN) == 1 ? &found->socket : NULL;
    case AF_UNIX:
        return option(fd, SO_TYPE) == SOCK_SEQPACKET ? &found->pair : NULL;
    default:
        return &found->facts;
    }
}

/* Takes all of that name out of what was given. */
static struct found collect(struct pil_fds *given, const char *name)
{
    struct found found = {-1, -1, -1};

    for (unsigned i = 0; i < given->count; i++) {
        int *place;

        if (given->item[i].fd < 0 || strcmp(given->item[i].name, name) != 0)
            continue;
        place = place_of(&found, given->item[i].fd);
        if (place && *place < 0)
            *place = given->item[i].fd;
        else
            close(given->item[i].fd);
        given->item[i].fd = -1;
    }
    return found;
}

static bool read_facts(int fd, uint64_t id, uint8_t *room, struct pil_reader *r)
{
    ssize_t got = fd >= 0 ? pread(fd, room, FACTS_MAX, 0) : -1;

    pil_reader_init(r, room, got > 0 ? (size_t)got : 0);
    return pil_get_u32(r) == VERSION && pil_get_u64(r) == id && !r->failed;
}

static void close_all(const struct found *found)
{
    if (found->socket >= 0)
        close(found->socket);
    if (found->pair >= 0)
        close(found->pair);
    if (found->facts >= 0)
        close(found->facts);
}

static void restore(struct pil_mesh *m, struct pil_fds *given, const char *name)
{
    static uint8_t room[FACTS_MAX]; /* main thread only */
    uint64_t id = strtoull(name + sizeof(PREFIX) - 1, NULL, 16);
    struct found found;
    struct pil_reader r;
    char own[64];

    snprintf(own, sizeof(own), "%s", name);
    found = collect(given, own);
    if (found.socket < 0 || found.pair < 0 || !read_facts(found.facts, id, room, &r)) {
        close_all(&found);
        forget(id);
        return;
    }
    close(found.facts);
    pil_listener_restore(m, id, found.socket, found.pair, &r);
}

void pil_kept_restore(struct pil_mesh *m, struct pil_fds *given)
{
    for (unsigned i = 0; i < given->count; i++)
        if (given->item[i].fd >= 0 && strncmp(given->item[i].name, PREFIX, sizeof(PREFIX) - 1) == 0)
            restore(m, given, given->item[i].name);
}
