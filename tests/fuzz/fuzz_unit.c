// sources: cli/inspect/unitfile.c cli/inspect/libraries.c cli/inspect/child.c core
/* cli/inspect/unitfile and libraries: any text as a unit file, and as what the loader says. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/inspect/libraries.h"
#include "cli/inspect/unitfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pil_unit unit = {.name = "a-b@c.service"};
    struct pil_library library;
    char *text = strndup((const char *)data, size);

    pil_unit_parse(&unit, (const char *)data, size);
    (void)pil_unit_get(&unit, "ExecStart");
    pil_unit_free(&unit);
    if (text && pil_libraries_line(text, &library)) {
        free(library.name);
        free(library.path);
    }
    free(text);
    return 0;
}
