#include "cli/preload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/classes.h"
#include "core/elf.h"

#define LIBRARY "libpillion.so"

static bool is_library(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    enum pil_cover cover;

    if (fd < 0)
        return false;
    cover = pil_elf_library(&pil_sysops_kernel, fd, pil_classes_ours());
    close(fd);
    if (cover != PIL_COVER_YES)
        pil_cli_error("%s is passed over: %s", path, pil_cover_text(cover));
    return cover == PIL_COVER_YES;
}

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

/* A folder of the library: its word for LD_PRELOAD in out. Where there are libraries for several
 * classes the word leaves the class to the loader; a single one is named as it is. */
static bool library_in(const char *folder, char out[PATH_MAX])
{
    char path[PATH_MAX];
    bool fits = snprintf(out, PATH_MAX, "%s/$LIB/" LIBRARY, folder) < PATH_MAX;

    if (fits && pil_classes_expand(out, pil_classes_ours()->lib[0], path, sizeof(path)) &&
        is_library(path))
        return true;
    return snprintf(out, PATH_MAX, "%s/" LIBRARY, folder) < PATH_MAX && is_library(out);
}

static bool program_in(const char *folder, char out[PATH_MAX])
{
    return snprintf(out, PATH_MAX, "%s/policyd", folder) < PATH_MAX && access(out, X_OK) == 0;
}

/* Tries each place in turn; what the first good one gives is in out. */
static bool find(const char *below_prefix, const char *installed,
                 bool (*good)(const char *folder, char out[PATH_MAX]), char out[PATH_MAX])
{
    char folder[PATH_MAX], below[PATH_MAX];
    bool known = own_folder(folder);

    if (known && good(folder, out))
        return true;
    if (known && snprintf(below, PATH_MAX, "%s/../%s", folder, below_prefix) < PATH_MAX &&
        realpath(below, folder) && good(folder, out))
        return true;
    return good(installed, out);
}

bool pil_preload_find(char out[PATH_MAX])
{
    const char *token;

    if (!find("lib/pillion", PIL_LIBDIR, library_in, out)) {
        pil_cli_error("libpillion.so is neither next to this command nor in %s", PIL_LIBDIR);
        return false;
    }
    token = strstr(out, "/$LIB/" LIBRARY);
    if (strlen(out) > PIL_PRELOAD_MAX || strpbrk(out, ": \t\n") ||
        (strchr(out, '$') && (!token || strchr(out, '$') != token + 1))) {
        pil_cli_error("the loader cannot preload \"%s\"; legal is a path of at most %u bytes "
                      "without colons, spaces and dollar signs",
                      out, PIL_PRELOAD_MAX);
        return false;
    }
    return true;
}

bool pil_preload_policyd(char out[PATH_MAX])
{
    if (find("sbin", PIL_SBINDIR, program_in, out))
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
