#include "policyd/identity/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/identity/keys.h"

struct where {
    const char *state, *sub, *name;
    char *problem;
    size_t cap;
};

static int say(const struct where *w, bool file, const char *what)
{
    snprintf(w->problem, w->cap, "%s%s%s%s%s: %s", w->state, w->sub ? "/" : "",
             w->sub ? w->sub : "", file ? "/" : "", file ? w->name : "", what);
    return PIL_E_SYSTEM;
}

static int say_errno(const struct where *w, bool file, const char *doing)
{
    char what[160];
    int error = errno;

    snprintf(what, sizeof(what), "%s: %s", doing,
             error == ELOOP ? "it is a link; legal is the file itself" : strerror(error));
    say(w, file, what);
    return error == ENOENT ? PIL_E_NOTFOUND : PIL_E_SYSTEM;
}

/* PIL_OK when it is ours, or root's for a folder, and closed to others. */
static int judge(const struct where *w, int fd, bool file)
{
    unsigned legal = file ? 0600 : 0700;
    char what[160];
    struct stat st;

    if (fstat(fd, &st))
        return say_errno(w, file, "cannot be looked at");
    if (file && (!S_ISREG(st.st_mode) || st.st_nlink != 1))
        return say(w, true, "legal is a regular file with one name");
    if ((st.st_uid == geteuid() || (!file && st.st_uid == 0)) && (st.st_mode & 077) == 0)
        return PIL_OK;
    snprintf(what, sizeof(what), "mode %04o, owner %u; legal is %04o and owner %u",
             (unsigned)st.st_mode & 07777, st.st_uid, legal, geteuid());
    say(w, file, what);
    return PIL_E_PERMISSION;
}

/* A name that is not in the folder above after a loss of power is a root that nobody knows. */
static void make_lasting(int fd)
{
    int above = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (above >= 0) {
        fsync(above);
        close(above);
    }
}

/* One folder, made when it is not there and `make` says so. */
static int open_one(const struct where *w, int at, const char *path, bool make, int *out)
{
    int fd =
        openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (at == AT_FDCWD ? 0 : O_NOFOLLOW));
    int err;

    if (fd < 0 && errno == ENOENT && make) {
        if (mkdirat(at, path, 0700) && errno != EEXIST)
            return say_errno(w, false, "cannot be made");
        fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0)
            make_lasting(fd);
    }
    if (fd < 0)
        return say_errno(w, false, "cannot be opened");
    err = judge(w, fd, false);
    if (err)
        close(fd);
    else
        *out = fd;
    return err;
}

static int open_folder(const struct where *w, bool make, int *out)
{
    struct where top = *w;
    int fd, err;

    top.sub = NULL;
    err = open_one(&top, AT_FDCWD, w->state, make, &fd);
    if (err || !w->sub) {
        *out = err ? -1 : fd;
        return err;
    }
    err = open_one(w, fd, w->sub, make, out);
    close(fd);
    return err;
}

int pil_keep_lock(const char *state, int *fd, char *problem, size_t cap)
{
    const struct where w = {state, NULL, "", problem, cap};
    int err = open_folder(&w, true, fd);

    if (err)
        return err == PIL_E_NOTFOUND ? PIL_E_SYSTEM : err;
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return PIL_OK;
    say(&w, false, errno == EWOULDBLOCK ? "another policyd uses it" : strerror(errno));
    close(*fd);
    *fd = -1;
    return PIL_E_EXISTS;
}

/* "." and ".." are legal trust domains and no names of files. */
static int check_name(const struct where *w)
{
    if (w->name[0] != '\0' && strcmp(w->name, ".") != 0 && strcmp(w->name, "..") != 0 &&
        !strchr(w->name, '/') && strlen(w->name) <= NAME_MAX)
        return PIL_OK;
    say(w, true, "that is no name of a file");
    return PIL_E_RANGE;
}

static int read_file(const struct where *w, int folder, size_t max, char **text, size_t *len)
{
    int fd = openat(folder, w->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), err;

    if (fd < 0)
        return say_errno(w, true, "cannot be opened");
    err = judge(w, fd, true);
    if (!err) {
        *text = pil_keys_read(fd, max, len);
        if (!*text)
            err = errno == ENOMEM ? PIL_E_NOMEM : say_errno(w, true, "cannot be read");
    }
    close(fd);
    return err;
}

int pil_keep_read(const char *state, const char *sub, const char *name, size_t max, char **text,
                  size_t *len, char *problem, size_t cap)
{
    const struct where w = {state, sub, name, problem, cap};
    int folder, err = check_name(&w);

    *text = NULL;
    if (!err)
        err = open_folder(&w, false, &folder);
    if (err)
        return err;
    err = read_file(&w, folder, max, text, len);
    close(folder);
    return err;
}

static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, text, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        text += put;
        len -= (size_t)put;
    }
    return fsync(fd) == 0;
}

/* The temporary name is one for all: who finds it there has a predecessor that died. */
static int write_file(const struct where *w, int folder, const char *text, size_t len)
{
    static const char fresh[] = ".new";
    int fd, err = PIL_OK;
    bool good;

    unlinkat(folder, fresh, 0);
    fd = openat(folder, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return say_errno(w, true, "cannot be written");
    good = fchmod(fd, 0600) == 0 && write_all(fd, text, len);
    if (!good || renameat(folder, fresh, folder, w->name) || fsync(folder)) {
        err = say_errno(w, true, "cannot be written");
        unlinkat(folder, fresh, 0);
    }
    close(fd);
    return err;
}

int pil_keep_write(const char *state, const char *sub, const char *name, const char *text,
                   size_t len, char *problem, size_t cap)
{
    const struct where w = {state, sub, name, problem, cap};
    int folder, err = check_name(&w);

    if (!err)
        err = open_folder(&w, true, &folder);
    if (err)
        return err == PIL_E_NOTFOUND ? PIL_E_SYSTEM : err;
    err = write_file(&w, folder, text, len);
    close(folder);
    return err == PIL_E_NOTFOUND ? PIL_E_SYSTEM : err;
}
