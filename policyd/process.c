#include "policyd/process.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/daemon.h"
#include "policyd/events.h"
#include "policyd/hasher.h"
#include "policyd/identity/identity.h"
#include "policyd/intern.h"
#include "policyd/journal.h"
#include "policyd/mesh/mesh.h"
#include "policyd/page.h"
#include "policyd/session.h"
#include "policyd/store.h"

#define HEAD_BYTES offsetof(struct pil_ring, counters)

static struct pil_process **bucket_of(struct pil_process_table *t, pid_t pid)
{
    return &t->bucket[(unsigned)pid % PIL_NELEM(t->bucket)];
}

static bool is_same(const struct pil_process *p, const struct pil_peer *peer,
                    const struct pil_attested *facts)
{
    return p->pid == peer->pid && p->start == peer->start && p->uid == peer->uid &&
           p->gid == peer->gid && p->id.device == facts->id.device &&
           p->id.inode == facts->id.inode && strcmp(p->exe ? p->exe : "", facts->exe) == 0 &&
           strcmp(p->cgroup ? p->cgroup : "", facts->cgroup) == 0;
}

/* "" is a fact that could not be told. */
static const char *keep(const char *text)
{
    return text[0] != '\0' ? pil_intern_get(text) : NULL;
}

/* A ring with its first words in place, written without mapping it: pages that are never looked
 * at cost no memory here. */
static int make_ring(void)
{
    int fd = pil_page_memfd("pillion-events", PIL_RING_SIZE);
    static struct pil_ring fresh; /* all zero but its first words; main thread only */

    if (fd < 0)
        return -1;
    pil_ring_init(&fresh);
    if (pwrite(fd, &fresh, HEAD_BYTES, 0) == (ssize_t)HEAD_BYTES)
        return fd;
    close(fd);
    return -1;
}

static struct pil_process *make(struct pil_daemon *d, const struct pil_peer *peer,
                                const struct pil_attested *facts)
{
    struct pil_process *p = calloc(1, sizeof(*p)), **head = bucket_of(&d->processes, peer->pid);
    struct timespec now;

    if (!p)
        return NULL;
    p->ring_fd = make_ring();
    if (p->ring_fd < 0 || pil_events_wake(d->events)) {
        if (p->ring_fd >= 0)
            close(p->ring_fd);
        free(p);
        return NULL;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    p->since_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    p->daemon = d;
    p->pid = peer->pid, p->uid = peer->uid, p->gid = peer->gid, p->start = peer->start;
    p->id = facts->id;
    p->exe = keep(facts->exe), p->user = keep(facts->user);
    p->unit = keep(facts->unit), p->cgroup = keep(facts->cgroup);
    p->next_same = *head;
    *head = p;
    p->next = d->processes.all;
    p->link = &d->processes.all;
    if (p->next)
        p->next->link = &p->next;
    d->processes.all = p;
    d->processes.count++;
    return p;
}

int pil_process_attach(struct pil_daemon *d, const struct pil_peer *peer,
                       const struct pil_attested *facts, struct pil_process **out)
{
    struct pil_process *p = *bucket_of(&d->processes, peer->pid);
    int exe_fd;

    while (p && !is_same(p, peer, facts))
        p = p->next_same;
    if (p && p->links >= PIL_LINKS_MAX)
        return PIL_E_FULL;
    if (!p) {
        p = make(d, peer, facts);
        if (!p)
            return PIL_E_NOMEM;
        exe_fd = pil_attest_open(peer);
        p->class = pil_attest_class(exe_fd, &p->id);
        pil_process_judge(d, p, exe_fd);
    }
    p->links++;
    *out = p;
    return PIL_OK;
}

struct pil_ring *pil_process_ring(struct pil_process *p)
{
    void *map;

    if (p->ring)
        return p->ring;
    map = mmap(NULL, PIL_RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, p->ring_fd, 0);
    p->ring = map == MAP_FAILED ? NULL : map;
    return p->ring;
}

static void unlink_process(struct pil_process_table *t, struct pil_process *p)
{
    struct pil_process **at = bucket_of(t, p->pid);

    while (*at != p)
        at = &(*at)->next_same;
    *at = p->next_same;
    *p->link = p->next;
    if (p->next)
        p->next->link = p->link;
    t->count--;
}

void pil_process_detach(struct pil_daemon *d, struct pil_process *p)
{
    if (--p->links > 0)
        return;
    pil_events_last(d, p);
    if (d->journal)
        pil_journal_flush(d->journal);
    if (d->hasher)
        pil_hasher_cancel(d->hasher, p);
    unlink_process(&d->processes, p);
    if (p->ring)
        munmap(p->ring, PIL_RING_SIZE);
    close(p->ring_fd);
    pil_intern_put(p->exe);
    pil_intern_put(p->user);
    pil_intern_put(p->unit);
    pil_intern_put(p->cgroup);
    pil_intern_put(p->sha256);
    free(p);
}

static void settle(struct pil_daemon *d, struct pil_process *p)
{
    const struct pil_policy_image *policy = pil_store_current(d->store);
    struct pil_facts facts = {p->exe, p->user, p->unit, p->cgroup, p->sha256};

    p->workload = policy ? pil_image_attest(&policy->img, &facts) : 0;
    pil_identity_expect(d->identity, pil_process_workload(d, p));
}

static void keep_hash(struct pil_process *p, const char *hash)
{
    pil_intern_put(p->sha256);
    p->sha256 = keep(hash);
}

static void on_hash(void *cookie, const char *hash)
{
    struct pil_process *p = cookie;

    p->hashing = false;
    keep_hash(p, hash);
    settle(p->daemon, p);
    if (p->daemon->mesh)
        pil_mesh_swapped(p->daemon->mesh);
    pil_session_resume(p->daemon, p);
}

/* Asks for the hash; true when it has to be waited for. */
static bool hash_needed(struct pil_daemon *d, struct pil_process *p, int fd)
{
    const char *hash = "";
    int err;

    err = pil_hasher_ask(d->hasher, &p->id, fd, on_hash, p, &hash);
    if (err == PIL_E_AGAIN)
        return true;
    keep_hash(p, hash);
    return false;
}

void pil_process_judge(struct pil_daemon *d, struct pil_process *p, int exe_fd)
{
    const struct pil_policy_image *policy = pil_store_current(d->store);
    bool wants = policy && d->hasher && !p->sha256 && !p->hashing && p->exe &&
                 pil_image_wants_sha256(&policy->img, p->exe);

    if (wants && hash_needed(d, p, exe_fd))
        p->hashing = true;
    else if (!wants && exe_fd >= 0)
        close(exe_fd);
    settle(d, p);
}

void pil_process_judge_all(struct pil_daemon *d)
{
    for (struct pil_process *p = d->processes.all; p; p = p->next) {
        struct pil_peer peer = {.pid = p->pid, .pidfd = -1};
        const struct pil_policy_image *policy = pil_store_current(d->store);
        bool wants = policy && p->exe && !p->sha256 && !p->hashing &&
                     pil_image_wants_sha256(&policy->img, p->exe);

        /* The hasher checks that what was opened is still the file of the facts. */
        pil_process_judge(d, p, wants ? pil_attest_open(&peer) : -1);
    }
}

const char *pil_process_workload(const struct pil_daemon *d, const struct pil_process *p)
{
    const struct pil_policy_image *policy = pil_store_current(d->store);

    return policy ? pil_image_workload_name(&policy->img, p->workload) : "";
}
