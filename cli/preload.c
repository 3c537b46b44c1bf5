#include "cli/preload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/classes.h"
#include "core/elf.h"
#include "core/ldpreload.h"

#define LIBRARY PIL_LDPRELOAD_LIBRARY

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

/* Another file of our library's name. */
static bool is_other(struct pil_slice word, const char *library)
{
    return pil_ldpreload_is_library(word) && !pil_slice_equal(word, pil_slice_of(library));
}

/* The value with our library in it, and no other file of that name: the loader may take the first
 * for the second. NULL without memory. */
static char *with_library(const char *old, const char *library)
{
    char *value = malloc(strlen(old) + strlen(library) + 3), *end = value;
    struct pil_slice word;

    if (!value)
        return NULL;
    for (const char *at = old; (word = pil_ldpreload_next(&at)).len > 0;)
        if (!is_other(word, library)) {
            end = mempcpy(end, word.at, word.len);
            *end++ = ':';
        }
    if (!pil_ldpreload_has(old, library))
        end = mempcpy(end, library, strlen(library) + 1);
    end[-1] = '\0';
    return value;
}

bool pil_preload_environment(const char *library, const char *socket, bool all_greet)
{
    const char *old = getenv("LD_PRELOAD");
    char *value = with_library(old ? old : "", library), pid[16];
    bool done;

    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    done = value && setenv("LD_PRELOAD", value, 1) == 0 &&
           setenv("PILLION_SOCKET", socket, 1) == 0 &&
           setenv(PIL_ENV_GREET, all_greet ? PIL_ENV_GREET_ALL : pid, 1) == 0;
    free(value);
    return done;
}
