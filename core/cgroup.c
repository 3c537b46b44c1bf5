#include "core/cgroup.h"

#include <stdbool.h>
#include <string.h>

static bool ends_with(const char *text, size_t len, const char *tail)
{
    size_t tail_len = strlen(tail);

    return len > tail_len && memcmp(text + len - tail_len, tail, tail_len) == 0;
}

/* The innermost part of a cgroup path that is a unit systemd starts. */
static void unit_of(const char *cgroup, char *out, size_t cap)
{
    out[0] = '\0';
    for (const char *at = cgroup; *at;) {
        size_t len;

        at += strspn(at, "/");
        len = strcspn(at, "/");
        if (len < cap && (ends_with(at, len, ".service") || ends_with(at, len, ".scope"))) {
            memcpy(out, at, len);
            out[len] = '\0';
        }
        at += len;
    }
}

void pil_cgroup_read(char *text, char *cgroup, char *unit, size_t cap)
{
    char *save = NULL;

    cgroup[0] = '\0';
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *name = strchr(line, ':'), *path = name ? strchr(name + 1, ':') : NULL;
        bool unified = strncmp(line, "0::", 3) == 0;
        bool systemd = name && strncmp(name, ":name=systemd:", 14) == 0;
        bool better = cgroup[0] == '\0' || strcmp(cgroup, "/") == 0;

        if (!path || strlen(path + 1) >= cap)
            continue;
        /* On a hybrid host the unified hierarchy may be there and unused. */
        if ((unified && (better || strcmp(path + 1, "/") != 0)) || (systemd && better))
            memcpy(cgroup, path + 1, strlen(path + 1) + 1);
    }
    unit_of(cgroup, unit, cap);
}
