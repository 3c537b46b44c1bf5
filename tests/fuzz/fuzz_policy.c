// sources: core conf -lconfuse
/* Policy text: whatever it is, loading and checking it ends with a model or with errors, never
 * with both, and never with neither; and what the check lets pass compiles to an image that
 * verifies. */
#include <stdint.h>
#include <stdlib.h>

#include "conf/load.h"
#include "conf/policy.h"
#include "core/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compile(const struct pil_model *model)
{
    struct pil_image img;
    void *block;
    size_t len;

    if (pil_compile(model, &block, &len) != PIL_OK || pil_image_open(&img, block, len) != PIL_OK)
        abort();
    free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pil_diag diag = {0};
    struct pil_model model;
    int err = pil_load_text("fuzz.conf", (const char *)data, size, &diag, &model);

    if ((err != PIL_OK) != (diag.errors > 0))
        abort();
    if (err && (model.file || model.policy || model.workload))
        abort();
    if (!err) {
        err = pil_check(&model, &diag);
        if ((err != PIL_OK) != (diag.errors > 0))
            abort();
        if (!err)
            compile(&model);
    }
    pil_model_free(&model);
    return 0;
}
