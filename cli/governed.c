#include "cli/governed.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/host.h"
#include "core/ldpreload.h"

static bool same(const char *socket, const char *other)
{
    return socket && other && strcmp(socket, other) == 0;
}

static bool is_default(const char *socket)
{
    return same(socket, PIL_DEFAULT_SOCKET) || same(socket, PIL_DEFAULT_ABSTRACT);
}

/* We run under Pillion ourselves: what we start stays with the policyd that we have. */
static bool elsewhere_than_ours(const char *socket, const char *library)
{
    const char *ours = getenv("PILLION_SOCKET");

    if (!pil_ldpreload_has(getenv("LD_PRELOAD"), library))
        return false;
    return ours && *ours ? !same(socket, ours) : !is_default(socket);
}

int pil_governed_judge(const char *socket, const char *library)
{
    const char *what = socket ? socket : "a policyd of its own (--solo)";

    if (getuid() != 0 && !is_default(socket) && pil_host_is_governed(&pil_sysops_kernel)) {
        pil_cli_error("%s cannot be used: this host has a policyd (%s is there), and only root may "
                      "choose another one; legal is none, or %s",
                      what, PIL_DEFAULT_SETTINGS, PIL_DEFAULT_SOCKET);
        return PIL_EXIT_PERMISSION;
    }
    if (elsewhere_than_ours(socket, library)) {
        pil_cli_error(
            "%s cannot be used: this command runs under Pillion, and what it starts stays "
            "with the same policyd",
            what);
        return PIL_EXIT_PERMISSION;
    }
    return PIL_EXIT_OK;
}
