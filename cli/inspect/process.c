#include "cli/inspect/process.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/facts.h"
#include "cli/inspect/judged.h"
#include "cli/inspect/hooks.h"
#include "cli/inspect/sockets.h"
#include "cli/out.h"
#include "core/err.h"

/* ---- what policyd says ------------------------------------------------------------------------
 */

/* Its entry in the answer, borrowed; NULL when there is none. */
static const json_t *entry_of(const json_t *answer, pid_t pid)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(answer, "processes"), i, one)
    {
        if (pil_out_number(one, "pid") == pid)
            return one;
    }
    return NULL;
}

struct policyd {
    bool asked;
    json_t *entry;  /* NULL: not attached */
    json_t *status; /* for the names of its sockets */
    char problem[256];
};

static void ask_policyd(pid_t pid, const char *socket, struct policyd *out)
{
    struct pil_client *c = malloc(sizeof(*c));
    json_t *answer = NULL;
    int error;

    memset(out, 0, sizeof(*out));
    if (!c)
        return;
    error = pil_client_open(c, socket);
    if (!error)
        error = pil_client_call(c, "processes", NULL, &answer, NULL);
    if (!error)
        error = pil_client_call(c, "status", NULL, &out->status, NULL);
    out->asked = !error;
    if (error)
        memcpy(out->problem, c->problem, sizeof(out->problem));
    out->entry = json_incref((json_t *)(uintptr_t)entry_of(answer, pid));
    json_decref(answer);
    pil_client_close(c);
    free(c);
}

/* ---- descriptors ------------------------------------------------------------------------------
 */

struct descriptor {
    int fd;
    uint64_t inode; /* of a socket; 0: a ring of io_uring */
};

struct descriptors {
    struct descriptor *item;
    size_t count, rings;
};

static void take_link(struct descriptors *all, const char *name, const char *target)
{
    struct descriptor one = {.fd = atoi(name)}, *grown;
    unsigned long long inode = 0;

    if (strcmp(target, "anon_inode:[io_uring]") == 0)
        all->rings++;
    else if (sscanf(target, "socket:[%llu]", &inode) != 1)
        return;
    one.inode = inode;
    grown = realloc(all->item, (all->count + 1) * sizeof(*all->item));
    if (!grown)
        return;
    all->item = grown;
    all->item[all->count++] = one;
}

static int by_number(const void *a, const void *b)
{
    return ((const struct descriptor *)a)->fd - ((const struct descriptor *)b)->fd;
}

static void read_descriptors(pid_t pid, struct descriptors *all)
{
    char path[64], target[64];
    struct dirent *entry;
    DIR *dir;

    memset(all, 0, sizeof(*all));
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    dir = opendir(path);
    while (dir && (entry = readdir(dir)) != NULL) {
        ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

        if (len <= 0)
            continue;
        target[len] = '\0';
        take_link(all, entry->d_name, target);
    }
    if (dir)
        closedir(dir);
    if (all->count > 0)
        qsort(all->item, all->count, sizeof(*all->item), by_number);
}

static pid_t parent_of(pid_t pid)
{
    char path[64], line[256];
    int parent = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "PPid: %d", &parent) == 1)
            break;
    if (file)
        fclose(file);
    return parent;
}

/* LISTEN_FDS of its first environment, when that was meant for it. */
static unsigned passed_to(pid_t pid)
{
    unsigned fds = 0;
    int listen_pid = 0;
    char path[64], *one = NULL;
    size_t room = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
    file = fopen(path, "re");
    while (file && getdelim(&one, &room, '\0', file) > 0) {
        (void)!sscanf(one, "LISTEN_FDS=%u", &fds);
        (void)!sscanf(one, "LISTEN_PID=%d", &listen_pid);
    }
    free(one);
    if (file)
        fclose(file);
    return listen_pid == pid && fds < 4096 ? fds : 0;
}

/* Everything about the sockets of one process. */
struct world {
    struct descriptors own, parent;
    struct pil_sockets all;
    struct pil_judged_process facts;
    uint64_t *inodes;
    uint16_t *ports;
};

static void read_world(pid_t pid, bool covered, const json_t *status, struct world *w)
{
    memset(w, 0, sizeof(*w));
    read_descriptors(pid, &w->own);
    read_descriptors(parent_of(pid), &w->parent);
    pil_sockets_read(pid, &w->all);
    w->facts = (struct pil_judged_process){.covered = covered,
                                           .passed = passed_to(pid),
                                           .policyd = pil_out_string(status, "socket"),
                                           .abstract = pil_out_string(status, "abstract")};
    if (!*w->facts.policyd)
        w->facts.policyd = PIL_DEFAULT_SOCKET;
    if (!*w->facts.abstract)
        w->facts.abstract = PIL_DEFAULT_ABSTRACT;
    w->inodes = calloc(w->parent.count + 1, sizeof(*w->inodes));
    w->ports = calloc(w->own.count + 1, sizeof(*w->ports));
    for (size_t i = 0; w->inodes && i < w->parent.count; i++)
        w->inodes[w->facts.parents++] = w->parent.item[i].inode;
    for (size_t i = 0; w->ports && i < w->own.count; i++) {
        const struct pil_socket *s = pil_sockets_find(&w->all, w->own.item[i].inode);

        if (s && s->family == PIL_SOCKET_TCP && strcmp(s->state, "listen") == 0)
            w->ports[w->facts.listeners++] = s->port;
    }
    w->facts.parent = w->inodes;
    w->facts.listening = w->ports;
}

static void free_world(struct world *w)
{
    free(w->own.item);
    free(w->parent.item);
    free(w->inodes);
    free(w->ports);
    pil_sockets_free(&w->all);
}

static json_t *socket_json(const struct world *w, const struct descriptor *d,
                           struct pil_findings *f)
{
    static const struct pil_socket none = {.kind = "socket", .state = "unknown"};
    const struct pil_socket *s = pil_sockets_find(&w->all, d->inode);
    struct pil_judged by = pil_judged_by(&w->facts, d->fd, d->inode, s);

    if (!s)
        s = &none;
    if (strcmp(by.by, "inherited") == 0)
        pil_findings_add(f, PIL_FINDING_INHERITED, "descriptor %d: %s %s %s %s", d->fd, s->kind,
                         s->state, s->local, s->peer);
    return json_pack("{s:i, s:s, s:s, s:o, s:o, s:s, s:s}", "fd", d->fd, "kind", s->kind, "state",
                     s->state, "local", pil_out_json_text(s->local), "peer",
                     pil_out_json_text(s->peer), "governed", by.by, "why", by.why);
}

static json_t *sockets_json(const struct world *w, struct pil_findings *f)
{
    json_t *list = json_array();

    for (size_t i = 0; i < w->own.count; i++)
        if (w->own.item[i].inode)
            json_array_append_new(list, socket_json(w, &w->own.item[i], f));
    if (w->own.rings > 0)
        pil_findings_add(f, PIL_FINDING_RINGS, "%zu descriptors of io_uring", w->own.rings);
    return list;
}

/* ---- modules ----------------------------------------------------------------------------------
 */

static json_t *modules_json(const struct pil_hooks *hooks, struct pil_findings *f)
{
    json_t *list = json_array();

    for (size_t i = 0; i < hooks->count; i++) {
        const struct pil_hooks_module *m = &hooks->module[i];

        if (m->own_openssl)
            pil_findings_add(f, PIL_FINDING_OPENSSL, "%s", m->path);
        if (m->past > 0)
            pil_findings_add(f, PIL_FINDING_UNHOOKED, "%s: %s", m->path, m->names);
        if (m->hooked + m->pending + m->past + m->other == 0)
            continue;
        json_array_append_new(list, json_pack("{s:o, s:i, s:i, s:i, s:i, s:s}", "path",
                                              pil_out_json_text(m->path), "hooked", (int)m->hooked,
                                              "pending", (int)m->pending, "past", (int)m->past,
                                              "other", (int)m->other, "past_names", m->names));
    }
    return list;
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static void judge(const struct pil_hooks *hooks, const struct policyd *policyd, pid_t pid,
                  struct pil_findings *f)
{
    if (!hooks->library[0]) {
        pil_findings_add(f, PIL_FINDING_NOT_LOADED, "/proc/%d/maps has no libpillion.so", (int)pid);
        return;
    }
    if (hooks->replaced)
        pil_findings_add(f, PIL_FINDING_OLD_LIBRARY, "%s (deleted)", hooks->library);
    if (!hooks->readable)
        pil_findings_add(f, PIL_FINDING_HOOKS_UNKNOWN, "/proc/%d/mem, %s", (int)pid,
                         hooks->library);
    if (!policyd->asked)
        pil_findings_add(f, PIL_FINDING_POLICYD_SILENT, "%s", policyd->problem);
    else if (!policyd->entry)
        pil_findings_add(f, PIL_FINDING_NOT_ATTACHED, "policyd lists no process %d", (int)pid);
}

static json_t *process_json(pid_t pid, const struct pil_process_facts *facts,
                            const struct pil_hooks *hooks, const struct policyd *policyd)
{
    json_t *process =
        json_pack("{s:i, s:o, s:o, s:o, s:o}", "pid", (int)pid, "exe",
                  pil_out_json_text(facts->exe), "user", pil_out_json_text(facts->user), "unit",
                  pil_out_json_text(facts->unit), "library", pil_out_json_text(hooks->library));

    json_object_set_new(process, "attached",
                        policyd->asked ? json_boolean(policyd->entry != NULL) : json_null());
    if (policyd->entry)
        json_object_set(process, "policyd", policyd->entry);
    return process;
}

/* Without the right to look there is no answer at all; a wrong one would be worse. */
static int look(pid_t pid, struct pil_process_facts *facts, struct pil_hooks *hooks)
{
    int error = pil_facts_of((uint32_t)pid, facts);

    if (error == PIL_E_NOTFOUND) {
        pil_cli_error("there is no process %d", (int)pid);
        return PIL_EXIT_NOTFOUND;
    }
    error = error ? -EACCES : pil_hooks_read(pid, hooks);
    if (!error)
        return PIL_EXIT_OK;
    pil_cli_error("process %d cannot be looked at: %s; ask as root, or as its user", (int)pid,
                  strerror(-error));
    return error == -ENOENT || error == -ESRCH ? PIL_EXIT_NOTFOUND : PIL_EXIT_PERMISSION;
}

int pil_inspect_process(pid_t pid, const char *socket, json_t **out, struct pil_findings *f)
{
    struct pil_process_facts facts = {0};
    struct pil_hooks hooks = {0};
    struct policyd policyd;
    struct world world;
    int code = look(pid, &facts, &hooks);

    *out = NULL;
    if (code)
        return code;
    ask_policyd(pid, socket, &policyd);
    judge(&hooks, &policyd, pid, f);
    read_world(pid, hooks.library[0] != '\0', policyd.status, &world);
    *out = json_pack("{s:o, s:o, s:o}", "process", process_json(pid, &facts, &hooks, &policyd),
                     "modules", modules_json(&hooks, f), "sockets", sockets_json(&world, f));
    free_world(&world);
    pil_hooks_free(&hooks);
    json_decref(policyd.entry);
    json_decref(policyd.status);
    return PIL_EXIT_OK;
}
