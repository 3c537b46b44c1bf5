#include "core/classes.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/defs.h"
#include "core/elf.h"

#define TOKEN     "/$LIB/"
#define PATH_MOST 384u /* bytes of an expanded word: those of LD_PRELOAD's and a folder's name */

/* Measured with the loaders of Debian 12: libc6, libc6:i386 and libc6-i386. */
static const struct pil_class classes[] = {
    {ELFCLASS64, EM_X86_64, "64-bit", "ld-linux-x86-64.so.2", {"lib/x86_64-linux-gnu", NULL}},
    {ELFCLASS32, EM_386, "32-bit", "ld-linux.so.2", {"lib/i386-linux-gnu", "lib32"}},
};

const struct pil_class *pil_classes_find(unsigned elf_class, unsigned machine)
{
    for (size_t i = 0; i < PIL_NELEM(classes); i++)
        if (classes[i].elf_class == elf_class && classes[i].machine == machine)
            return &classes[i];
    return NULL;
}

const struct pil_class *pil_classes_ours(void)
{
    return &classes[sizeof(void *) == 8 ? 0 : 1];
}

bool pil_classes_expand(const char *word, const char *lib, char *to, size_t cap)
{
    const char *token = strstr(word, TOKEN), *rest;
    struct pil_text text;

    if (!token || strchr(word, '$') != token + 1)
        return false;
    rest = token + sizeof(TOKEN) - 2; /* from the slash behind it */
    if (strchr(rest, '$') || strlen(word) + strlen(lib) >= cap)
        return false;
    pil_text_init(&text, to, cap);
    pil_text_add_slice(&text, (struct pil_slice){word, (size_t)(token + 1 - word)});
    pil_text_add(&text, lib);
    pil_text_add(&text, rest);
    return true;
}

static bool is_library(const struct pil_sysops *sys, const char *path,
                       const struct pil_class *class)
{
    int fd = sys->openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    enum pil_cover cover;

    if (fd < 0)
        return false;
    cover = pil_elf_library(sys, fd, class);
    sys->close(fd);
    return cover == PIL_COVER_YES;
}

bool pil_classes_serve(const struct pil_sysops *sys, const char *word,
                       const struct pil_class *class)
{
    char path[PATH_MOST];

    if (!strchr(word, '$'))
        return word[0] != '\0' && class == pil_classes_ours();
    for (size_t i = 0; i < PIL_CLASSES_NAMES && class->lib[i]; i++)
        if (!pil_classes_expand(word, class->lib[i], path, sizeof(path)) ||
            !is_library(sys, path, class))
            return false;
    return true;
}

/* Kernels before 5.8 do not know the call, and are given the benefit of the doubt. */
static bool readable(const struct pil_sysops *sys, const char *path)
{
    int err = sys->faccessat(AT_FDCWD, path, R_OK, AT_EACCESS);

    return err == 0 || err == -ENOSYS;
}

bool pil_classes_visible(const struct pil_sysops *sys, const char *word)
{
    const struct pil_class *class = pil_classes_ours();
    char path[PATH_MOST];

    if (!strchr(word, '$'))
        return !strchr(word, '/') || readable(sys, word);
    for (size_t i = 0; i < PIL_CLASSES_NAMES && class->lib[i]; i++)
        if (!pil_classes_expand(word, class->lib[i], path, sizeof(path)) || !readable(sys, path))
            return false;
    return true;
}
