// sources: core conf -lconfuse
/* Policy text: whatever it is, loading and checking it ends with a model or with errors, never
 * with both and never with neither. What the check lets pass compiles to an image that verifies,
 * and the text form of that image is a policy too, and the same one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/load.h"
#include "conf/policy.h"
#include "core/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Text form of a text that is a legal policy, else NULL. */
static char *render(const char *text, size_t len)
{
    struct pil_diag diag = {0};
    struct pil_model model;
    struct pil_image img;
    char *form = NULL;
    void *block;
    size_t size;
    int err = pil_load_text("fuzz.conf", text, len, &diag, &model);

    if (err && (model.file || model.policy || model.workload))
        abort();
    if (!err)
        err = pil_check(&model, &diag);
    if ((err != PIL_OK) != (diag.errors > 0))
        abort();
    if (!err) {
        if (pil_compile(&model, &block, &size) || pil_image_open(&img, block, size) ||
            pil_render(&img, &form))
            abort();
        free(block);
    }
    pil_model_free(&model);
    return form;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *first = render((const char *)data, size), *again;

    if (!first)
        return 0;
    again = render(first, strlen(first));
    if (!again || strcmp(first, again) != 0)
        abort();
    free(first);
    free(again);
    return 0;
}
