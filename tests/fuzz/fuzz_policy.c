// sources: core conf -lconfuse
/* Policy text: whatever it is, loading and checking it ends with a model or with errors, never
 * with both, and never with neither. */
#include <stdint.h>
#include <stdlib.h>

#include "conf/load.h"
#include "conf/policy.h"
#include "core/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pil_diag diag = {0};
    struct pil_model model;
    int err = pil_load_text("fuzz.conf", (const char *)data, size, &diag, &model);

    if ((err != PIL_OK) != (diag.errors > 0))
        abort();
    if (err && (model.file || model.policy || model.workload))
        abort();
    if (!err && (pil_check(&model, &diag) != PIL_OK) != (diag.errors > 0))
        abort();
    pil_model_free(&model);
    return 0;
}
