#include "policyd/identity/files_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/identity/keys.h"
#include "policyd/identity/spiffe.h"

enum part { LEAF, KEY, ROOTS, PARTS };

/* Names in a folder, by who writes them. */
static const char *const layouts[][PARTS] = {
    {"tls.crt", "tls.key", "ca.crt"},                /* cert-manager */
    {"svid.pem", "svid_key.pem", "svid_bundle.pem"}, /* spiffe-helper */
    {"svid.0.pem", "svid.0.key", "bundle.0.pem"},    /* spire-agent api fetch */
    {"cert.pem", "key.pem", "ca.pem"},               /* by hand */
};

struct place {
    struct pil_files_read *out;
    char *problem;
    size_t cap;
};

static int say(const struct place *p, const char *name, const char *what)
{
    snprintf(p->problem, p->cap, "%s%s%s: %s", p->out->where, *name ? "/" : "", name, what);
    return PIL_E_SYSTEM;
}

static int judge(const struct place *p, const char *name, int fd, bool key)
{
    mode_t illegal = key ? 0007 : 0002;
    struct stat st;
    char what[120];

    if (fstat(fd, &st))
        return say(p, name, strerror(errno));
    if (S_ISREG(st.st_mode) && (st.st_mode & illegal) == 0)
        return PIL_OK;
    snprintf(what, sizeof(what), "mode %04o; legal is a regular file that nobody else may %s",
             (unsigned)st.st_mode & 07777, key ? "read or write" : "write");
    say(p, name, what);
    return PIL_E_PERMISSION;
}

static int read_one(const struct place *p, int folder, const char *path, enum part part, bool key)
{
    const char *name = folder == AT_FDCWD ? "" : path;
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err;

    if (fd < 0) {
        err = errno == ENOENT ? PIL_E_NOTFOUND : PIL_E_SYSTEM;
        say(p, name, strerror(errno));
        return err;
    }
    err = judge(p, name, fd, key);
    if (!err) {
        p->out->owned[part] = pil_keys_read(fd, PIL_KEYS_FILE, &p->out->owned_len[part]);
        if (!p->out->owned[part])
            err = say(p, name, errno == EFBIG ? "it is larger than 64 KiB" : strerror(errno));
    }
    close(fd);
    return err;
}

/* One file is all three parts. */
static void point(struct pil_files_read *out)
{
    enum part key = out->owned[KEY] ? KEY : LEAF, roots = out->owned[ROOTS] ? ROOTS : LEAF;

    out->text = (struct pil_files_text){
        .leaf = out->owned[LEAF],
        .key = out->owned[key],
        .roots = out->owned[roots],
        .leaf_len = out->owned_len[LEAF],
        .key_len = out->owned_len[key],
        .roots_len = out->owned_len[roots],
    };
}

static const char *const *find_layout(int folder)
{
    struct stat st;

    for (size_t i = 0; i < PIL_NELEM(layouts); i++)
        if (fstatat(folder, layouts[i][LEAF], &st, 0) == 0)
            return layouts[i];
    return NULL;
}

/* The folder that a ..data link leads to stays the one that was opened when the link is swapped. */
static int read_folder(const struct place *p, int folder)
{
    int inner = openat(folder, "..data", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int at = inner >= 0 ? inner : folder, err = PIL_E_NOTFOUND;
    const char *const *names = find_layout(at);

    if (!names)
        say(p, "", "it has none of tls.crt, svid.pem, svid.0.pem, cert.pem");
    else
        err = PIL_OK;
    for (enum part part = LEAF; !err && part < PARTS; part++)
        err = read_one(p, at, names[part], part, part == KEY);
    if (inner >= 0)
        close(inner);
    return err;
}

static int read_path(const struct place *p, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

    if (fd >= 0) {
        err = read_folder(p, fd);
        close(fd);
        return err;
    }
    if (errno == ENOTDIR)
        return read_one(p, AT_FDCWD, path, LEAF, true);
    err = errno == ENOENT ? PIL_E_NOTFOUND : PIL_E_SYSTEM;
    say(p, "", strerror(errno));
    return err;
}

static int read_files(const struct place *p, const struct pil_list *paths)
{
    int err = PIL_OK;

    if (paths->count < PARTS)
        return say(p, "", "legal is a folder, one file, or three files");
    for (enum part part = LEAF; !err && part < PARTS; part++) {
        snprintf(p->out->where, sizeof(p->out->where), "%s", paths->item[part]);
        err = read_one(p, AT_FDCWD, paths->item[part], part, part == KEY);
    }
    snprintf(p->out->where, sizeof(p->out->where), "%s", paths->item[LEAF]);
    return err;
}

/* Its own folder; false: it has none. */
static bool has_own(const char *base, const char *workload, struct pil_files_read *out)
{
    struct stat st;

    snprintf(out->where, sizeof(out->where), "%s/%s", base, workload);
    out->own = pil_spiffe_segment(pil_slice_of(workload)) && stat(out->where, &st) == 0 &&
               S_ISDIR(st.st_mode);
    return out->own;
}

int pil_files_read(const struct pil_list *paths, const char *workload, struct pil_files_read *out,
                   char *problem, size_t cap)
{
    const struct place p = {out, problem, cap};
    int err;

    memset(out, 0, sizeof(*out));
    snprintf(out->where, sizeof(out->where), "%s", paths->item[0]);
    if (paths->count > 1) {
        err = read_files(&p, paths);
    } else if (has_own(paths->item[0], workload, out)) {
        err = read_path(&p, out->where);
    } else {
        snprintf(out->where, sizeof(out->where), "%s", paths->item[0]);
        err = read_path(&p, paths->item[0]);
    }
    if (err)
        pil_files_read_free(out);
    else
        point(out);
    return err;
}

void pil_files_read_free(struct pil_files_read *read)
{
    for (unsigned i = 0; i < PARTS; i++) {
        pil_keys_free(read->owned[i], read->owned_len[i]);
        read->owned[i] = NULL;
    }
}
