#include "cli/inspect/libraries.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/inspect/child.h"
#include "core/defs.h"

/* Where glibc's ABI puts its loaders. */
static const char *const loaders[] = {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux.so.2"};

static const char *loader_path(const char *base)
{
    for (size_t i = 0; i < PIL_NELEM(loaders); i++)
        if (strcmp(strrchr(loaders[i], '/') + 1, base) == 0 && access(loaders[i], X_OK) == 0)
            return loaders[i];
    return NULL;
}

bool pil_libraries_line(const char *line, struct pil_library *out)
{
    const char *start = line + strspn(line, " \t"), *arrow = strstr(start, " => ");
    const char *address = strstr(arrow ? arrow : start, " (0x");

    *out = (struct pil_library){0};
    if (*start == '\0' || (!arrow && !address))
        return false;
    if (arrow) {
        out->name = strndup(start, (size_t)(arrow - start));
        if (address)
            out->path = strndup(arrow + 4, (size_t)(address - arrow - 4));
    } else if (*start == '/') {
        out->name = strndup(start, (size_t)(address - start));
        out->path = strndup(start, (size_t)(address - start));
    }
    if (out->name)
        return true;
    free(out->path); /* linux-vdso.so.1 has neither: it is no file */
    out->path = NULL;
    return false;
}

static void take_line(void *cookie, const char *text)
{
    struct pil_libraries *list = cookie;
    struct pil_library one, *grown;

    if (!pil_libraries_line(text, &one))
        return;
    grown = realloc(list->item, (list->count + 1) * sizeof(*list->item));
    if (!grown) {
        free(one.name);
        free(one.path);
        return;
    }
    list->item = grown;
    list->item[list->count++] = one;
}

void pil_libraries_list(const char *path, const char *loader, struct pil_libraries *out)
{
    const char *const argv[] = {loader_path(loader), path, NULL};

    *out = (struct pil_libraries){0};
    if (!argv[0] || setenv("LD_TRACE_LOADED_OBJECTS", "1", 1))
        return;
    out->known = pil_child_lines(argv, take_line, out) == 0;
    unsetenv("LD_TRACE_LOADED_OBJECTS");
}

void pil_libraries_free(struct pil_libraries *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->item[i].name);
        free(list->item[i].path);
    }
    free(list->item);
    *list = (struct pil_libraries){0};
}
