#include "cli/maps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DELETED " (deleted)"

bool pil_maps_parse(const char *line, struct pil_mapping *out)
{
    unsigned long long start, end, offset, inode;
    char perms[5];
    int at = 0;
    size_t len;

    memset(out, 0, sizeof(*out));
    if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %n", &start, &end, perms, &offset, &out->major,
               &out->minor, &inode, &at) != 7 ||
        at == 0 || strlen(perms) != 4)
        return false;
    out->start = start;
    out->end = end;
    out->offset = offset;
    out->inode = inode;
    out->executable = perms[2] == 'x';
    len = strcspn(line + at, "\n");
    if (len >= sizeof(out->path))
        return false;
    memcpy(out->path, line + at, len);
    if (len > strlen(DELETED) && strcmp(out->path + len - strlen(DELETED), DELETED) == 0) {
        out->deleted = true;
        out->path[len - strlen(DELETED)] = '\0';
    }
    return true;
}

int pil_maps_each(pid_t pid, bool (*each)(void *cookie, const struct pil_mapping *m), void *cookie)
{
    struct pil_mapping mapping;
    char name[32], *line = NULL;
    size_t room = 0;
    bool on = true;
    int error;
    FILE *file;

    snprintf(name, sizeof(name), "/proc/%d/maps", (int)pid);
    file = fopen(name, "re");
    if (!file)
        return -errno;
    errno = 0;
    while (on && getline(&line, &room, file) > 0)
        if (pil_maps_parse(line, &mapping))
            on = each(cookie, &mapping);
    error = ferror(file) ? errno : 0;
    free(line);
    fclose(file);
    return -error;
}

static bool find_library(void *cookie, const struct pil_mapping *m)
{
    const char *base = strrchr(m->path, '/');
    char *out = cookie;

    if (!base || strcmp(base, "/libpillion.so") != 0)
        return true;
    strcpy(out, m->path);
    return false;
}

int pil_maps_library(pid_t pid, char out[PATH_MAX])
{
    int error;

    out[0] = '\0';
    error = pil_maps_each(pid, find_library, out);
    return error ? error : out[0] != '\0';
}
