#include "conf/policy.h"

#include <stdlib.h>

#include "core/err.h"

static void tell_unmet(void *cookie, struct pil_place place, const char *what)
{
    struct pil_at at = {place.file, place.line};

    pil_diag_error(cookie, at, "%s", what); /* the sentence says what is legal */
}

/* Opens the block; the policy text was in order by then, so a failure is one of this program. */
static int open_image(const void *block, size_t len, unsigned met, struct pil_diag *diag,
                      struct pil_image *img)
{
    const struct pil_at nowhere = {0};
    int err = pil_image_open(img, block, len);

    if (err) {
        pil_diag_error(diag, nowhere, "the compiled policy does not verify: %s", pil_err_text(err));
        return PIL_E_INTERNAL;
    }
    return pil_image_unmet(img, met, tell_unmet, diag) > 0 ? PIL_E_UNMET : PIL_OK;
}

int pil_policy_finish(struct pil_model *model, unsigned met, struct pil_diag *diag, void **block,
                      size_t *len, struct pil_image *img)
{
    const struct pil_at nowhere = {0};
    void *made = NULL;
    size_t made_len = 0;
    int err = pil_check(model, diag);

    if (!err) {
        err = pil_compile(model, &made, &made_len);
        if (err)
            pil_diag_error(diag, nowhere, "the policy does not compile: %s", pil_err_text(err));
    }
    if (!err)
        err = open_image(made, made_len, met, diag, img);
    pil_model_free(model);
    if (err) {
        free(made);
        return err;
    }
    *block = made;
    *len = made_len;
    return PIL_OK;
}

int pil_policy_build(const char *const *paths, size_t count, unsigned met, struct pil_diag *diag,
                     void **block, size_t *len, struct pil_image *img)
{
    struct pil_model model = {0};
    int err = pil_load(paths, count, diag, &model);

    return err ? err : pil_policy_finish(&model, met, diag, block, len, img);
}
