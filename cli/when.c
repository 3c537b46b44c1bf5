#include "cli/when.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/err.h"

/* Behind the clock time: nothing (local), "Z", or "+HH:MM". */
static bool parse_zone(const char *text, bool *local, long *east)
{
    int hours, minutes, used = 0;

    *local = *text == '\0';
    *east = 0;
    if (*local || strcmp(text, "Z") == 0)
        return true;
    if (*text != '+' && *text != '-')
        return false;
    if (sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || used != 5 ||
        text[1 + used] != '\0' || hours > 14 || minutes > 59 || hours < 0 || minutes < 0)
        return false;
    *east = (hours * 3600L + minutes * 60L) * (*text == '-' ? -1 : 1);
    return true;
}

/* libc normalises the 31st of February into March; that is a typing error here. */
static bool same_day(const struct tm *asked, const struct tm *got)
{
    return asked->tm_year == got->tm_year && asked->tm_mon == got->tm_mon &&
           asked->tm_mday == got->tm_mday;
}

static int parse_date(const char *text, int64_t *out)
{
    struct tm tm = {.tm_isdst = -1}, asked;
    const char *rest = strptime(text, "%Y-%m-%d", &tm), *seconds;
    bool local;
    long east;
    time_t when;

    if (!rest || (*rest != 'T' && *rest != ' '))
        return PIL_E_SYNTAX;
    rest = strptime(rest + 1, "%H:%M", &tm);
    if (!rest)
        return PIL_E_SYNTAX;
    seconds = strptime(rest, ":%S", &tm);
    if (!parse_zone(seconds ? seconds : rest, &local, &east))
        return PIL_E_SYNTAX;
    asked = tm;
    when = local ? mktime(&tm) : timegm(&tm);
    if (!same_day(&asked, &tm))
        return PIL_E_SYNTAX;
    *out = (int64_t)when - east;
    return PIL_OK;
}

int pil_when_parse(const char *text, int64_t *out)
{
    char *end;
    long long seconds;

    if (strcmp(text, "now") == 0) {
        *out = (int64_t)time(NULL);
        return PIL_OK;
    }
    if (strchr(text, ':'))
        return parse_date(text, out);
    errno = 0;
    seconds = strtoll(text, &end, 10);
    if (errno || *text < '0' || *text > '9' || *end != '\0')
        return PIL_E_SYNTAX;
    *out = seconds;
    return PIL_OK;
}
