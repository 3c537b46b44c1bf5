#include "cli/duration.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define YEAR_MS (UINT64_C(366) * 24 * 3600 * 1000)

bool pil_duration_parse(const char *text, uint64_t *out)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    unsigned long long number;
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno || number == 0)
        return false;
    for (size_t i = 0; i < PIL_NELEM(units); i++)
        if (strcmp(end, units[i].unit) == 0 && number <= YEAR_MS / units[i].ms) {
            *out = number * units[i].ms;
            return true;
        }
    return false;
}
