#include "policyd/mesh/owner.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "policyd/daemon.h"
#include "policyd/intern.h"
#include "policyd/journal.h"
#include "policyd/mesh/parts.h"
#include "policyd/store.h"

static bool is_of(const struct pil_owner *o, const struct pil_process *p)
{
    return o->who.pid == p->pid && o->who.start == p->start && o->who.uid == p->uid &&
           o->who.gid == p->gid && o->who.exe == p->exe && o->who.cgroup == p->cgroup &&
           o->who.id.device == p->id.device && o->who.id.inode == p->id.inode;
}

static const char *share(const char *text)
{
    return text ? pil_intern_get(text) : NULL;
}

static struct pil_owner *add(struct pil_mesh *m)
{
    struct pil_owner *o = calloc(1, sizeof(*o));

    if (!o)
        return NULL;
    o->m = m;
    o->who.daemon = m->d;
    o->who.ring_fd = -1;
    o->refs = 1;
    o->next = m->owners;
    o->link = &m->owners;
    if (o->next)
        o->next->link = &o->next;
    m->owners = o;
    return o;
}

static void settle(struct pil_owner *o)
{
    const struct pil_policy_image *policy = pil_store_current(o->m->d->store);
    struct pil_facts facts = {o->who.exe, o->who.user, o->who.unit, o->who.cgroup, o->who.sha256};

    o->who.workload = policy ? pil_image_attest(&policy->img, &facts) : 0;
}

struct pil_owner *pil_owner_of(struct pil_mesh *m, const struct pil_process *p)
{
    struct pil_owner *o = m->owners;

    while (o && !is_of(o, p))
        o = o->next;
    if (o)
        return pil_owner_ref(o);
    o = add(m);
    if (!o)
        return NULL;
    o->who.pid = p->pid, o->who.uid = p->uid, o->who.gid = p->gid, o->who.start = p->start;
    o->who.id = p->id;
    o->who.class = p->class;
    o->who.exe = share(p->exe), o->who.user = share(p->user), o->who.unit = share(p->unit);
    o->who.cgroup = share(p->cgroup), o->who.sha256 = share(p->sha256);
    o->relay_only = p->class && strcmp(p->class->title, "64-bit") != 0;
    settle(o);
    return o;
}

struct pil_owner *pil_owner_ref(struct pil_owner *o)
{
    o->refs++;
    return o;
}

/* Notes of decisions that are not yet written speak of it. */
void pil_owner_unref(struct pil_owner *o)
{
    if (!o || --o->refs > 0)
        return;
    if (o->m->d->journal)
        pil_journal_flush(o->m->d->journal);
    *o->link = o->next;
    if (o->next)
        o->next->link = o->link;
    pil_intern_put(o->who.exe);
    pil_intern_put(o->who.user);
    pil_intern_put(o->who.unit);
    pil_intern_put(o->who.cgroup);
    pil_intern_put(o->who.sha256);
    free(o);
}

/* ---- over a restart ------------------------------------------------------------------------- */

void pil_owner_put(const struct pil_owner *o, struct pil_writer *w)
{
    const char *const texts[] = {o->who.exe, o->who.user, o->who.unit, o->who.cgroup,
                                 o->who.sha256};

    pil_put_u32(w, (uint32_t)o->who.pid);
    pil_put_u32(w, o->who.uid);
    pil_put_u32(w, o->who.gid);
    pil_put_u64(w, o->who.start);
    pil_put_bytes(w, &o->who.id, sizeof(o->who.id));
    pil_put_u8(w, o->relay_only);
    for (size_t i = 0; i < PIL_NELEM(texts); i++)
        pil_put_text(w, pil_slice_of(texts[i]));
}

static const char *get_text(struct pil_reader *r)
{
    struct pil_slice text = pil_get_text(r, PATH_MAX);
    char copy[PATH_MAX + 1];

    if (text.len == 0)
        return NULL;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    return pil_intern_get(copy);
}

struct pil_owner *pil_owner_get(struct pil_mesh *m, struct pil_reader *r)
{
    struct pil_owner *o = add(m);

    if (!o)
        return NULL;
    o->who.pid = (pid_t)pil_get_u32(r);
    o->who.uid = pil_get_u32(r);
    o->who.gid = pil_get_u32(r);
    o->who.start = pil_get_u64(r);
    pil_get_bytes(r, &o->who.id, sizeof(o->who.id));
    o->relay_only = pil_get_u8(r) != 0;
    o->who.exe = get_text(r), o->who.user = get_text(r), o->who.unit = get_text(r);
    o->who.cgroup = get_text(r), o->who.sha256 = get_text(r);
    settle(o);
    if (!r->failed)
        return o;
    pil_owner_unref(o);
    return NULL;
}

/* ---- a new policy --------------------------------------------------------------------------- */

static const struct pil_process *twin(const struct pil_owner *o)
{
    const struct pil_process *p = o->m->d->processes.all;

    while (p && !is_of(o, p))
        p = p->next;
    return p;
}

static void judge(struct pil_owner *o)
{
    const struct pil_process *p = twin(o);

    o->unsettled = p && p->hashing;
    if (o->unsettled)
        return;
    if (p && p->sha256 && !o->who.sha256)
        o->who.sha256 = share(p->sha256);
    settle(o);
}

void pil_owner_judge_all(struct pil_mesh *m)
{
    for (struct pil_owner *o = m->owners; o; o = o->next)
        judge(o);
}

const char *pil_owner_workload(const struct pil_owner *o)
{
    return pil_process_workload(o->m->d, &o->who);
}
