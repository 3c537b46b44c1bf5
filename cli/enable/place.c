#include "cli/enable/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/enable/dropin.h"

#define ADMIN    "/etc/systemd/system"
#define TEXT_MAX (1u << 20)

bool pil_place_path(const char *root, const char *unit, char out[PATH_MAX])
{
    if (snprintf(out, PATH_MAX, "%s" ADMIN "/%s.d/" PIL_DROPIN_NAME, root, unit) < PATH_MAX)
        return true;
    pil_cli_error("%s: %s", unit, strerror(ENAMETOOLONG));
    return false;
}

static int failed(const char *path)
{
    int error = errno;

    pil_cli_error("%s: %s", path, strerror(error));
    return error == EACCES || error == EPERM || error == EROFS ? PIL_EXIT_PERMISSION
                                                               : PIL_EXIT_FAILED;
}

int pil_place_read(const char *path, char **out)
{
    FILE *file = fopen(path, "re");
    char *text;
    size_t len;

    *out = NULL;
    if (!file)
        return errno == ENOENT ? PIL_EXIT_OK : failed(path);
    text = calloc(1, TEXT_MAX);
    len = text ? fread(text, 1, TEXT_MAX - 1, file) : 0;
    fclose(file);
    if (!text)
        return PIL_EXIT_FAILED;
    text[len] = '\0';
    if (strncmp(text, PIL_DROPIN_MARK, sizeof(PIL_DROPIN_MARK) - 1) == 0) {
        *out = text;
        return PIL_EXIT_OK;
    }
    free(text);
    pil_cli_error("%s was not written by pillion enable; it is left as it is", path);
    return PIL_EXIT_NO;
}

static void folder_of(const char *path, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%.*s", (int)(strrchr(path, '/') - path), path);
}

/* systemd reads no file whose name begins with a dot. */
static bool write_aside(int folder, const char *name, const char *text)
{
    size_t len = strlen(text);
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    bool good =
        fd >= 0 && write(fd, text, len) == (ssize_t)len && fchmod(fd, 0644) == 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return good;
}

int pil_place_write(const char *path, const char *text)
{
    static const char aside[] = "." PIL_DROPIN_NAME ".new";
    char folder[PATH_MAX];
    int fd, code = PIL_EXIT_OK;

    folder_of(path, folder);
    if (mkdir(folder, 0755) && errno != EEXIST)
        return failed(folder);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(folder);
    unlinkat(fd, aside, 0);
    if (!write_aside(fd, aside, text) || renameat(fd, aside, fd, PIL_DROPIN_NAME)) {
        code = failed(path);
        unlinkat(fd, aside, 0);
    }
    close(fd);
    return code;
}

int pil_place_remove(const char *path)
{
    char folder[PATH_MAX];

    if (unlink(path))
        return failed(path);
    folder_of(path, folder);
    rmdir(folder); /* somebody else's drop-ins keep it */
    return PIL_EXIT_OK;
}
