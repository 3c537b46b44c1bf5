// sources: cli/inspect/sockets.c cli/inspect/apparmor.c cli/maps.c core
/* cli/inspect: any text as a line of the kernel's tables and maps, and as a profile's opening. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/inspect/apparmor.h"
#include "cli/inspect/sockets.h"
#include "cli/maps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void profile(const char *text)
{
    char name[256], pattern[PATH_MAX];

    if (pil_apparmor_header(text, name, pattern) && strlen(pattern) < 48) /* choices multiply */
        (void)pil_apparmor_matches(pattern, "/usr/bin/x");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    struct pil_mapping mapping;
    struct pil_socket socket;

    if (!text)
        return 0;
    for (int family = PIL_SOCKET_TCP; family <= PIL_SOCKET_PACKET; family++)
        (void)!pil_sockets_line((enum pil_socket_family)family, text, &socket);
    (void)!pil_maps_parse(text, &mapping);
    profile(text);
    free(text);
    return 0;
}
