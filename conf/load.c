#include "conf/load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/check.h"
#include "conf/policy.h"
#include "conf/schema.h"
#include "conf/text.h"
#include "core/err.h"

/* A file that is being read, and the one that included it. */
struct frame {
    dev_t dev;
    ino_t ino;
    const char *path;
    unsigned depth;
    const struct frame *up;
};

struct seen {
    dev_t dev;
    ino_t ino;
};

struct loading {
    struct pil_diag *diag;
    struct pil_model *model;
    struct seen *seen;
    size_t seen_count;
    size_t total; /* bytes so far */
    bool broken;  /* some text was not read to its end, so names may be missing */
    bool nomem;
};

static void load_path(struct loading *l, int dir, const char *name, const char *path,
                      struct pil_at from, const struct frame *up);

/* The path as the model's own text, for places that outlive the load. */
static const char *keep_path(struct loading *l, const char *path)
{
    struct pil_model *m = l->model;
    char **files = pil_value_grow(m->file, m->file_count, sizeof(*files));
    char *copy = strdup(path);

    if (files)
        m->file = files;
    if (!files || !copy) {
        free(copy);
        l->nomem = true;
        return NULL;
    }
    files[m->file_count++] = copy;
    return copy;
}

/* An error about a file, told where the file was asked for, or under its own name. */
static void refuse(struct loading *l, struct pil_at from, const char *what, const char *path,
                   const char *legal)
{
    l->broken = true;
    pil_diag_error(l->diag, from, "%s \"%s\"; legal is %s", what, path, legal);
}

/* Who may write what decides over others decides over others. */
static bool trusted(struct loading *l, const struct stat *st, const char *path, struct pil_at from)
{
    if (st->st_uid != 0 && st->st_uid != geteuid()) {
        pil_diag_error(l->diag, from,
                       "wrong owner %u of \"%s\"; legal is root or the user who loads the policy",
                       st->st_uid, path);
        return false;
    }
    if (st->st_mode & (S_IWGRP | S_IWOTH)) {
        pil_diag_error(l->diag, from,
                       "mode %04o of \"%s\" lets others write; legal is writable by its owner only",
                       st->st_mode & 07777, path);
        return false;
    }
    return true;
}

/* The folder of a path with its slash, then the name; an absolute name stays. */
static char *join(const char *path, const char *name)
{
    const char *slash = name[0] == '/' ? NULL : strrchr(path, '/');
    size_t head = slash ? (size_t)(slash - path) + 1 : 0, tail = strlen(name) + 1;
    char *joined = malloc(head + tail);

    if (joined) {
        memcpy(joined, path, head);
        memcpy(joined + head, name, tail);
    }
    return joined;
}

/* Parses text, which is overwritten. What it includes goes to *includes in any case. */
static void load_bytes(struct loading *l, char *text, size_t len, const char *file,
                       struct pil_includes *includes)
{
    struct pil_text_lines opened;
    int err = pil_text_clean(text, len, file, &pil_schema_root, l->diag, &opened);

    l->broken = l->broken || err;
    if (!err)
        err = pil_schema_parse(text, len, file, opened.line, opened.count, l->diag, l->model,
                               includes);
    l->broken = l->broken || err == PIL_E_MALFORMED;
    l->nomem = l->nomem || err == PIL_E_NOMEM;
    free(opened.line);
}

static void load_includes(struct loading *l, struct pil_includes *includes, const char *file,
                          const struct frame *self)
{
    for (size_t i = 0; i < includes->count; i++) {
        struct pil_at at = {file, includes->item[i].line};
        char *path = join(file, includes->item[i].path);

        if (!path)
            l->nomem = true;
        else if (self->depth >= PIL_LOAD_DEPTH_MAX)
            refuse(l, at, "includes are nested too deeply at", path, "at most 8 levels");
        else
            load_path(l, AT_FDCWD, path, path, at, self);
        free(path);
        free(includes->item[i].path);
    }
    free(includes->item);
}

/* Reads up to len bytes. */
static bool read_all(int fd, char *buf, size_t len, size_t *got)
{
    *got = 0;
    while (*got < len) {
        ssize_t n = read(fd, buf + *got, len - *got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return true;
}

static void load_open_file(struct loading *l, int fd, size_t size, const char *path,
                           struct pil_at from, const struct frame *self)
{
    struct pil_includes includes = {0};
    const char *file = keep_path(l, path);
    char *text = malloc(size + 1);
    size_t len;

    if (!file || !text) {
        l->nomem = true;
    } else if (!read_all(fd, text, size + 1, &len)) {
        refuse(l, from, "cannot read", path, "a file on a healthy disk");
    } else if (len != size) { /* half a file can be a whole policy, and another one */
        refuse(l, from, "another size than before while reading", path,
               "a file that nobody writes to; rename a finished one into place");
    } else {
        load_bytes(l, text, len, file, &includes);
        free(text);
        text = NULL;
        load_includes(l, &includes, file, self);
    }
    free(text);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of a directory that end in ".conf" and do not begin with a dot, which is how editors and
 * package managers name what is not meant to be read. */
static bool is_policy_name(const char *name)
{
    size_t len = strlen(name);

    return name[0] != '.' && len > 5 && strcmp(name + len - 5, ".conf") == 0;
}

/* The next entry; NULL at the end, and with errno set when the rest cannot be read. */
static struct dirent *next_entry(DIR *dir)
{
    errno = 0;
    return readdir(dir);
}

static char **list_names(struct loading *l, DIR *dir, size_t *count, bool *whole)
{
    char **names = NULL;
    struct dirent *entry;

    *count = 0;
    while ((entry = next_entry(dir)) && *count < PIL_LOAD_FILES_MAX) {
        char **grown;

        if (!is_policy_name(entry->d_name))
            continue;
        grown = pil_value_grow(names, *count, sizeof(*names));
        if (grown)
            names = grown;
        if (!grown || !(names[*count] = strdup(entry->d_name))) {
            l->nomem = true;
            break;
        }
        ++*count;
    }
    *whole = l->nomem || (!entry && errno == 0); /* no memory is told by itself */
    if (*count > 0)
        qsort(names, *count, sizeof(*names), by_bytes);
    return names;
}

static char *inside(const char *folder, const char *name)
{
    size_t len = strlen(folder);
    char *path = malloc(len + strlen(name) + 2);

    if (path) {
        memcpy(path, folder, len);
        if (len > 0 && folder[len - 1] != '/')
            path[len++] = '/';
        strcpy(path + len, name);
    }
    return path;
}

/* Takes fd over. */
static void load_open_dir(struct loading *l, int fd, const char *path, struct pil_at from,
                          const struct frame *self)
{
    DIR *dir = fdopendir(fd);
    char **names;
    size_t count;
    bool whole;

    if (!dir) {
        close(fd);
        refuse(l, from, "cannot read", path, "a readable directory");
        return;
    }
    names = list_names(l, dir, &count, &whole);
    if (!whole)
        refuse(l, from, "not all could be read of", path,
               "a readable directory of at most 4096 policy files");
    for (size_t i = 0; i < count; i++) {
        char *full = inside(path, names[i]);
        struct pil_at own = {full, 0};

        if (full)
            load_path(l, dirfd(dir), names[i], full, own, self);
        else
            l->nomem = true;
        free(full);
        free(names[i]);
    }
    free(names);
    closedir(dir);
}

static bool in_circle(struct loading *l, const struct frame *self, struct pil_at from)
{
    for (const struct frame *f = self->up; f; f = f->up) {
        if (f->dev == self->dev && f->ino == self->ino) {
            refuse(l, from, "includes run in a circle at", self->path,
                   "a file that does not lead back to itself");
            return true;
        }
    }
    return false;
}

/* True when it is new; then it is noted. */
static bool first_time(struct loading *l, const struct frame *self)
{
    struct seen *seen;

    for (size_t i = 0; i < l->seen_count; i++)
        if (l->seen[i].dev == self->dev && l->seen[i].ino == self->ino)
            return false;
    seen = pil_value_grow(l->seen, l->seen_count, sizeof(*seen));
    if (!seen) {
        l->nomem = true;
        return false;
    }
    l->seen = seen;
    seen[l->seen_count++] = (struct seen){self->dev, self->ino};
    return true;
}

static bool size_fits(struct loading *l, const struct stat *st, const char *path,
                      struct pil_at from)
{
    if (st->st_size > (off_t)PIL_LOAD_FILE_MAX) {
        refuse(l, from, "file of more than 16 MiB", path, "at most 16 MiB in a file");
        return false;
    }
    l->total += (size_t)st->st_size;
    if (l->total > PIL_LOAD_TOTAL_MAX || l->seen_count > PIL_LOAD_FILES_MAX) {
        refuse(l, from, "too much policy text at", path, "at most 64 MiB in 4096 files");
        return false;
    }
    return true;
}

/* Judges what was opened and reads it. Takes fd over. */
static void load_open(struct loading *l, int fd, const char *path, struct pil_at from,
                      const struct frame *up)
{
    struct frame self = {.path = path, .depth = up ? up->depth + 1 : 0, .up = up};
    struct stat st;

    if (fstat(fd, &st) != 0) {
        refuse(l, from, "cannot look at", path, "a file or a directory");
        close(fd);
        return;
    }
    self.dev = st.st_dev;
    self.ino = st.st_ino;
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        refuse(l, from, "neither file nor directory is", path, "a regular file or a directory");
    } else if (!trusted(l, &st, path, from)) {
        l->broken = true;
    } else if (!in_circle(l, &self, from) && first_time(l, &self)) {
        if (S_ISDIR(st.st_mode)) {
            load_open_dir(l, fd, path, from, &self);
            return;
        }
        if (size_fits(l, &st, path, from))
            load_open_file(l, fd, (size_t)st.st_size, path, from, &self);
    }
    close(fd);
}

/* Opens name, relative to dir, which messages call path. Nothing waits: a fifo without a writer
 * opens and is then refused for what it is. */
static void load_path(struct loading *l, int dir, const char *name, const char *path,
                      struct pil_at from, const struct frame *up)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    l->broken = l->broken || fd < 0;
    if (fd < 0)
        pil_diag_error(l->diag, from,
                       "cannot open \"%s\": %s; legal is a readable file or directory", path,
                       strerror(errno));
    else
        load_open(l, fd, path, from, up);
}

static int finish(struct loading *l, unsigned errors_before)
{
    int err = PIL_OK;

    free(l->seen);
    if (l->diag->errors > errors_before) {
        err = PIL_E_SYNTAX;
        if (!l->broken && !l->nomem)
            pil_check_partial(l->model, l->diag);
    }
    if (l->nomem) {
        pil_diag_error(l->diag, (struct pil_at){0}, "out of memory while loading a policy");
        err = PIL_E_NOMEM;
    }
    if (err)
        pil_model_free(l->model);
    return err;
}

int pil_load(const char *const *paths, size_t count, struct pil_diag *diag, struct pil_model *model)
{
    struct loading l = {.diag = diag, .model = model};
    unsigned before = diag->errors;

    memset(model, 0, sizeof(*model));
    for (size_t i = 0; i < count; i++)
        load_path(&l, AT_FDCWD, paths[i], paths[i], (struct pil_at){paths[i], 0}, NULL);
    return finish(&l, before);
}

int pil_load_text(const char *name, const char *text, size_t len, struct pil_diag *diag,
                  struct pil_model *model)
{
    struct loading l = {.diag = diag, .model = model};
    struct pil_includes includes = {0};
    unsigned before = diag->errors;
    char *copy = malloc(len + 1);
    const char *file;

    memset(model, 0, sizeof(*model));
    file = keep_path(&l, name);
    if (copy && file) {
        memcpy(copy, text, len);
        load_bytes(&l, copy, len, file, &includes);
    } else {
        l.nomem = true;
    }
    for (size_t i = 0; i < includes.count; i++) {
        refuse(&l, (struct pil_at){file, includes.item[i].line}, "include of",
               includes.item[i].path, "includes in files only");
        free(includes.item[i].path);
    }
    free(includes.item);
    free(copy);
    return finish(&l, before);
}
