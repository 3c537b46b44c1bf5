#include "cli/inspect/hooks.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/inspect/elffile.h"
#include "cli/maps.h"

struct range {
    uint64_t start, end;
    size_t module;
};

/* A look under way. */
struct look {
    struct pil_hooks *hooks;
    struct range *range;
    size_t ranges;
    pid_t pid;
    int memory;
    struct pil_elffile library;
    /* the module being looked at */
    struct pil_hooks_module *module;
    struct pil_elffile *elf;
};

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool is_library(const char *path)
{
    return strcmp(base_of(path), "libpillion.so") == 0;
}

static bool is_libc(const char *path)
{
    const char *base = base_of(path);

    return strncmp(base, "libc.so.", 8) == 0 || strncmp(base, "libpthread.so.", 14) == 0 ||
           strncmp(base, "ld-linux", 8) == 0;
}

/* ---- modules ----------------------------------------------------------------------------------
 */

static size_t module_of(struct look *l, const struct pil_mapping *m)
{
    struct pil_hooks *hooks = l->hooks;
    struct pil_hooks_module *grown;
    size_t i;

    for (i = 0; i < hooks->count; i++)
        if (hooks->module[i].inode == m->inode && strcmp(hooks->module[i].path, m->path) == 0)
            return i;
    grown = realloc(hooks->module, (hooks->count + 1) * sizeof(*hooks->module));
    if (!grown)
        return SIZE_MAX;
    hooks->module = grown;
    memset(&grown[i], 0, sizeof(grown[i]));
    strcpy(grown[i].path, m->path);
    grown[i].inode = m->inode;
    grown[i].base = m->start - m->offset;
    hooks->count++;
    return i;
}

static bool take_mapping(void *cookie, const struct pil_mapping *m)
{
    struct look *l = cookie;
    struct range *grown;
    size_t module;

    if (m->inode == 0 || m->path[0] != '/')
        return true;
    module = module_of(l, m);
    grown = realloc(l->range, (l->ranges + 1) * sizeof(*l->range));
    if (!grown)
        return false;
    l->range = grown;
    if (module == SIZE_MAX)
        return false;
    l->range[l->ranges++] = (struct range){m->start, m->end, module};
    if (is_library(m->path)) {
        strcpy(l->hooks->library, m->path);
        l->hooks->replaced |= m->deleted;
    }
    return true;
}

static const struct pil_hooks_module *module_at(const struct look *l, uint64_t address)
{
    for (size_t i = 0; i < l->ranges; i++)
        if (address >= l->range[i].start && address < l->range[i].end)
            return &l->hooks->module[l->range[i].module];
    return NULL;
}

/* ---- slots ------------------------------------------------------------------------------------
 */

static void remember(struct pil_hooks_module *m, const char *name)
{
    size_t len = strlen(m->names);

    if (!strstr(m->names, name))
        snprintf(m->names + len, sizeof(m->names) - len, "%s%s", len ? " " : "", name);
}

static void take_slot(void *cookie, const struct pil_elfslot *slot)
{
    struct look *l = cookie;
    const struct pil_hooks_module *target;
    size_t size = l->elf->wide ? 8 : 4;
    uint64_t value = 0;

    if (!pil_elffile_has(&l->library, slot->name, true))
        return;
    if (pread(l->memory, &value, size, (off_t)(l->module->base + slot->address)) != (ssize_t)size)
        return;
    l->hooks->readable = true;
    target = module_at(l, value);
    if (!target)
        return; /* a weak name that nobody defines, or memory of no file */
    if (is_library(target->path))
        l->module->hooked++;
    else if (target == l->module)
        l->module->pending++;
    else if (is_libc(target->path))
        l->module->past++, remember(l->module, slot->name);
    else
        l->module->other++;
}

/* The file as the process sees it; another file under that name is none. */
static bool open_file(const struct look *l, const struct pil_hooks_module *m, struct pil_elffile *e)
{
    char path[PATH_MAX + 32];
    struct stat st;

    snprintf(path, sizeof(path), "/proc/%d/root%s", (int)l->pid, m->path);
    return stat(path, &st) == 0 && st.st_ino == m->inode && pil_elffile_open(e, path);
}

/* Where its first segment asks to be; what is mapped there tells how far all of it was moved. */
static uint64_t first_address(const struct pil_elffile *elf)
{
    struct pil_elfsegment s;

    for (unsigned i = 0; pil_elffile_segment(elf, i, &s); i++)
        if (s.type == PT_LOAD)
            return s.address - s.offset;
    return 0;
}

static void look_at_module(struct look *l, struct pil_hooks_module *m)
{
    struct pil_elffile elf;

    if (is_library(m->path) || is_libc(m->path) || !open_file(l, m, &elf))
        return;
    m->base -= first_address(&elf);
    l->module = m;
    l->elf = &elf;
    pil_elffile_slots(&elf, take_slot, l);
    l->elf = NULL;
    m->own_openssl =
        strncmp(base_of(m->path), "libssl.", 7) != 0 && pil_elffile_has(&elf, "SSL_write", true);
    pil_elffile_close(&elf);
}

static bool open_library(struct look *l)
{
    for (size_t i = 0; i < l->hooks->count; i++)
        if (is_library(l->hooks->module[i].path) && open_file(l, &l->hooks->module[i], &l->library))
            return true;
    return false;
}

static void look(struct look *l)
{
    char name[32];

    snprintf(name, sizeof(name), "/proc/%d/mem", (int)l->pid);
    l->memory = open(name, O_RDONLY | O_CLOEXEC);
    if (l->memory >= 0 && open_library(l)) {
        for (size_t i = 0; i < l->hooks->count; i++)
            look_at_module(l, &l->hooks->module[i]);
        pil_elffile_close(&l->library);
    }
    if (l->memory >= 0)
        close(l->memory);
}

int pil_hooks_read(pid_t pid, struct pil_hooks *out)
{
    struct look l = {.hooks = out, .pid = pid};
    int error;

    memset(out, 0, sizeof(*out));
    error = pil_maps_each(pid, take_mapping, &l);
    if (!error && out->library[0])
        look(&l);
    free(l.range);
    return error;
}

void pil_hooks_free(struct pil_hooks *hooks)
{
    free(hooks->module);
    memset(hooks, 0, sizeof(*hooks));
}
