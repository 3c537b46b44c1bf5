#include "cli/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/inspect/elffile.h"
#include "core/classes.h"
#include "core/elf.h"

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

/* 0, or why the kernel would not execute it. */
static int usable(const char *path)
{
    struct stat st;

    if (stat(path, &st))
        return errno;
    if (!S_ISREG(st.st_mode))
        return EACCES;
    return access(path, X_OK) ? errno : 0;
}

/* The first that can be executed; one that may not be is remembered, the rest passed over. */
static int search(const char *name, char out[PATH_MAX])
{
    const char *path = getenv("PATH");
    int result = ENOENT;
    struct stat st;

    for (const char *at = path && *path ? path : DEFAULT_PATH; at;) {
        size_t len = strcspn(at, ":");
        int n, error;

        n = snprintf(out, PATH_MAX, "%.*s%s%s", (int)len, at, len ? "/" : "./", name);
        error = n < PATH_MAX ? usable(out) : ENAMETOOLONG;
        if (error == 0)
            return 0;
        /* A folder that may not be searched says nothing about the program. */
        if (error == EACCES && stat(out, &st) == 0)
            result = EACCES;
        at = at[len] ? at + len + 1 : NULL;
    }
    return result;
}

int pil_program_find(const char *name, char out[PATH_MAX])
{
    int error;

    if (*name == '\0') {
        error = ENOENT;
    } else if (strchr(name, '/')) {
        error = (size_t)snprintf(out, PATH_MAX, "%s", name) < PATH_MAX ? usable(out) : ENAMETOOLONG;
    } else {
        error = search(name, out);
    }
    if (error == 0)
        return PIL_EXIT_OK;
    pil_cli_error("cannot run \"%s\": %s", name, strerror(error));
    return error == ENOENT || error == ENOTDIR ? PIL_EXIT_NOTFOUND : PIL_EXIT_UNCOVERED;
}

/* Where the loader of a program of another class would look for the library. */
static void say_missing(const struct pil_elf_report *report, const char *library)
{
    const struct pil_class *class = pil_classes_find(report->elf_class, report->machine);
    char wanted[PATH_MAX];

    for (size_t i = 0; report->sibling && class && i < PIL_CLASSES_NAMES && class->lib[i]; i++)
        if (pil_classes_expand(library, class->lib[i], wanted, sizeof(wanted)) &&
            access(wanted, R_OK))
            pil_cli_error("it is a %s program, and %s is not there", class->title, wanted);
}

/* A Go program without the note of its linker, which core/elf goes by, keeps its build
 * information. */
static bool is_go(const char *path)
{
    struct pil_elffile elf;
    bool go = pil_elffile_open(&elf, path) && pil_elffile_go(&elf);

    pil_elffile_close(&elf);
    return go;
}

int pil_program_judge(const char *path, const char *library)
{
    struct pil_elf_report report;
    enum pil_cover cover;

    (void)pil_elf_inspect(&pil_sysops_kernel, AT_FDCWD, path, &report);
    cover = pil_elf_cover(&pil_sysops_kernel, &report, library);
    if (cover == PIL_COVER_YES && is_go(report.scripts > 0 ? report.program : path))
        cover = PIL_COVER_RAW;
    if (cover == PIL_COVER_YES)
        return PIL_EXIT_OK;
    if (report.scripts > 0)
        pil_cli_error("%s is a script that %s runs", path, report.program);
    pil_cli_error("%s is not started, because Pillion cannot cover it: %s (%s)",
                  report.scripts > 0 ? report.program : path, pil_cover_text(cover),
                  pil_cover_name(cover));
    if (report.interp[0])
        pil_cli_error("its loader: %s", report.interp);
    say_missing(&report, library);
    pil_cli_error("remedy: %s", pil_cover_remedy(cover));
    return cover == PIL_COVER_NOTFOUND ? PIL_EXIT_NOTFOUND : PIL_EXIT_UNCOVERED;
}
