#include "core/host.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "core/defs.h"

bool pil_host_is_governed(const struct pil_sysops *sys)
{
    struct statx st = {0};

    return sys->statx(AT_FDCWD, PIL_DEFAULT_SETTINGS, 0, STATX_UID, &st) == 0 && st.stx_uid == 0;
}
