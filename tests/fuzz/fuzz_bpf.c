// sources: shim/bpf.c
/*
 * Filters of a program's own: a call, then instructions. Whatever they are, the run ends, stays
 * within its memory, and says the same twice.
 */
#include <stdlib.h>
#include <string.h>

#include "shim/bpf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct seccomp_data call;
    struct sock_filter *filter;
    unsigned count;

    if (len < sizeof(call))
        return 0;
    memcpy(&call, data, sizeof(call));
    count = (unsigned)((len - sizeof(call)) / sizeof(*filter));
    filter = malloc(count * sizeof(*filter) + 1);
    memcpy(filter, data + sizeof(call), count * sizeof(*filter));
    if (pil_bpf_run(filter, count, &call) != pil_bpf_run(filter, count, &call))
        abort();
    free(filter);
    return 0;
}
