#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conf/policy.h"
#include "core/err.h"

#define ZONE_DIR "/usr/share/zoneinfo/"
#define ZONE_MAX 63u

/* Letters, digits and "_+-/" without an empty or dotted part: no way out of the zone folder. */
static bool name_fits(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > ZONE_MAX || name[0] == '/' || name[len - 1] == '/' || strstr(name, "//"))
        return false;
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") ==
           len;
}

static bool is_utc(const char *name)
{
    return strcmp(name, "UTC") == 0;
}

bool pil_zone_known(const char *name)
{
    char path[sizeof(ZONE_DIR) + ZONE_MAX], magic[4];
    bool known;
    FILE *file;

    if (is_utc(name))
        return true; /* needs no data, so a host without tzdata can have policies too */
    if (!name_fits(name))
        return false;
    snprintf(path, sizeof(path), "%s%s", ZONE_DIR, name);
    file = fopen(path, "re");
    if (!file)
        return false;
    known = fread(magic, sizeof(magic), 1, file) == 1 && memcmp(magic, "TZif", 4) == 0;
    fclose(file);
    return known;
}

/* The absolute path form makes libc read that file and nothing else, whatever TZDIR says. */
static int offset_of(const char *name, time_t now, int32_t *out)
{
    char value[sizeof(ZONE_DIR) + ZONE_MAX + 1];
    struct tm local;

    *out = 0;
    if (is_utc(name))
        return PIL_OK;
    if (!pil_zone_known(name))
        return PIL_E_NOTFOUND;
    snprintf(value, sizeof(value), ":%s%s", ZONE_DIR, name);
    if (setenv("TZ", value, 1) != 0)
        return PIL_E_NOMEM;
    tzset();
    if (!localtime_r(&now, &local))
        return PIL_E_RANGE;
    *out = (int32_t)local.tm_gmtoff;
    return PIL_OK;
}

static int restore(const char *before)
{
    int failed = before ? setenv("TZ", before, 1) : unsetenv("TZ");

    tzset();
    return failed ? PIL_E_NOMEM : PIL_OK;
}

int pil_zone_offsets(const struct pil_image *img, int64_t now, int32_t *offsets)
{
    const char *before = getenv("TZ");
    char *kept = before ? strdup(before) : NULL;
    int err = before && !kept ? PIL_E_NOMEM : PIL_OK, last;

    for (uint32_t i = 0; !err && i < pil_image_zones(img); i++)
        err = offset_of(pil_image_zone_name(img, i), (time_t)now, &offsets[i]);
    last = before && !kept ? PIL_OK : restore(kept);
    free(kept);
    return err ? err : last;
}

unsigned pil_host_bucket(const char *host_id)
{
    size_t len = strlen(host_id);
    uint64_t hash = 0xcbf29ce484222325u;

    /* The file ends in a newline, the id does not. */
    while (len > 0 && strchr(" \t\r\n", host_id[len - 1]))
        len--;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)host_id[i]) * 0x100000001b3u;
    return (unsigned)(hash % 100);
}
