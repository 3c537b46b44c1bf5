#include "cli/facts.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cgroup.h"
#include "core/err.h"

#define DELETED " (deleted)"

int pil_facts_user(const char *text, struct pil_process_facts *out)
{
    const struct passwd *pw = getpwnam(text);
    char *end;
    unsigned long uid;

    if (!pw) {
        errno = 0;
        uid = strtoul(text, &end, 10);
        if (errno || *text < '0' || *text > '9' || *end || uid >= UINT32_MAX)
            return PIL_E_NOTFOUND;
        out->uid = (uint32_t)uid;
        pw = getpwuid(out->uid);
    } else {
        out->uid = pw->pw_uid;
    }
    if (pw)
        snprintf(out->user, sizeof(out->user), "%s", pw->pw_name);
    else
        snprintf(out->user, sizeof(out->user), "%u", (unsigned)out->uid);
    return PIL_OK;
}

static void read_cgroup(uint32_t pid, struct pil_process_facts *out)
{
    char path[64], text[8192];
    size_t got;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%u/cgroup", (unsigned)pid);
    file = fopen(path, "re");
    if (!file)
        return;
    got = fread(text, 1, sizeof(text) - 1, file);
    text[got] = '\0';
    fclose(file);
    pil_cgroup_read(text, out->cgroup, out->unit, sizeof(out->unit));
}

int pil_facts_of(uint32_t pid, struct pil_process_facts *out)
{
    char path[64], number[16];
    struct stat st;
    ssize_t len;

    memset(out, 0, sizeof(*out));
    snprintf(path, sizeof(path), "/proc/%u", (unsigned)pid);
    if (stat(path, &st))
        return PIL_E_NOTFOUND;
    snprintf(number, sizeof(number), "%u", (unsigned)st.st_uid);
    if (pil_facts_user(number, out))
        return PIL_E_NOTFOUND;
    snprintf(path, sizeof(path), "/proc/%u/exe", (unsigned)pid);
    len = readlink(path, out->exe, sizeof(out->exe) - 1);
    if (len < 0)
        return errno == ENOENT ? PIL_E_NOTFOUND : PIL_E_PERMISSION;
    out->exe[len] = '\0';
    if ((size_t)len > strlen(DELETED) && strcmp(out->exe + len - strlen(DELETED), DELETED) == 0)
        out->exe[(size_t)len - strlen(DELETED)] = '\0';
    read_cgroup(pid, out);
    return PIL_OK;
}
