#include "cli/preload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/elf.h"

/* Folder of the running executable, without a final slash. */
static bool own_folder(char out[PATH_MAX])
{
    ssize_t len = readlink("/proc/self/exe", out, PATH_MAX - 1);
    char *slash;

    if (len <= 0)
        return false;
    out[len] = '\0';
    slash = strrchr(out, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return true;
}

/* Calls good for each place in turn; the first that it likes is in out. */
static bool find(const char *name, const char *below_prefix, const char *installed,
                 bool (*good)(const char *path), char out[PATH_MAX])
{
    char folder[PATH_MAX];
    bool known = own_folder(folder);

    if (known && snprintf(out, PATH_MAX, "%s/%s", folder, name) < PATH_MAX && good(out))
        return true;
    if (known && snprintf(out, PATH_MAX, "%s/../%s/%s", folder, below_prefix, name) < PATH_MAX &&
        good(out)) {
        char *real = realpath(out, NULL);

        if (real && strlen(real) < PATH_MAX)
            strcpy(out, real);
        free(real);
        return true;
    }
    return snprintf(out, PATH_MAX, "%s/%s", installed, name) < PATH_MAX && good(out);
}

static bool is_library(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    enum pil_cover cover;

    if (fd < 0)
        return false;
    cover = pil_elf_library(&pil_sysops_kernel, fd);
    close(fd);
    if (cover != PIL_COVER_YES)
        pil_cli_error("%s is passed over: %s", path, pil_cover_text(cover));
    return cover == PIL_COVER_YES;
}

static bool is_program(const char *path)
{
    return access(path, X_OK) == 0;
}

bool pil_preload_find(char out[PATH_MAX])
{
    if (!find("libpillion.so", "lib/pillion", PIL_LIBDIR, is_library, out)) {
        pil_cli_error("libpillion.so is neither next to this command nor in %s", PIL_LIBDIR);
        return false;
    }
    if (strlen(out) > PIL_PRELOAD_MAX || strpbrk(out, ": \t\n")) {
        pil_cli_error("the loader cannot preload \"%s\"; legal is a path of at most %u bytes "
                      "without colons and spaces",
                      out, PIL_PRELOAD_MAX);
        return false;
    }
    return true;
}

bool pil_preload_policyd(char out[PATH_MAX])
{
    if (find("policyd", "sbin", PIL_SBINDIR, is_program, out))
        return true;
    pil_cli_error("policyd is neither next to this command nor in %s", PIL_SBINDIR);
    return false;
}

/* Is the library, or another copy of it, among the words? Two copies would decide everything
 * twice. The separators are the loader's. */
static bool has_library(const char *list, const char *library)
{
    const char *base = strrchr(library, '/') + 1;
    size_t len = strlen(base);

    while (*list) {
        size_t part = strcspn(list, ": ");

        if (part >= len && memcmp(list + part - len, base, len) == 0 &&
            (part == len || list[part - len - 1] == '/'))
            return true;
        list += part;
        list += strspn(list, ": ");
    }
    return false;
}

bool pil_preload_environment(const char *library, const char *socket)
{
    const char *old = getenv("LD_PRELOAD");
    char *value = NULL;
    bool done;

    if (old && has_library(old, library))
        return setenv("PILLION_SOCKET", socket, 1) == 0;
    if (asprintf(&value, "%s%s%s", old ? old : "", old && *old ? ":" : "", library) < 0)
        return false;
    done = setenv("LD_PRELOAD", value, 1) == 0 && setenv("PILLION_SOCKET", socket, 1) == 0;
    free(value);
    return done;
}
