// sources: cli/inspect/elffile.c cli/inspect/code.c
/* cli/inspect/elffile and code: any bytes as an ELF file. */
#include "cli/inspect/code.h"
#include "cli/inspect/elffile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_slot(void *cookie, const struct pil_elfslot *slot)
{
    *(uint64_t *)cookie += slot->address + (uint64_t)*slot->name;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pil_codecall call;
    struct pil_elffile f;
    uint64_t sum = 0;

    if (!pil_elffile_parse(&f, data, size))
        return 0;
    for (unsigned i = 0; i < 4; i++) {
        const char *name = pil_elffile_needed(&f, i);

        sum += name ? (uint64_t)*name : 0;
    }
    (void)pil_elffile_has(&f, "connect", false);
    (void)pil_elffile_go(&f);
    pil_elffile_slots(&f, take_slot, &sum);
    (void)!pil_code_network_call(&f, &call);
    pil_elffile_close(&f);
    return 0;
}
