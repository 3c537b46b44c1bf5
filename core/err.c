#include "core/err.h"

#include <stddef.h>

struct row {
    const char *name;
    const char *text;
    enum pil_err_class class;
};

static const struct row rows[PIL_E_COUNT] = {[PIL_OK] = {"ok", "no error", PIL_CLASS_NONE},
#define PIL_ERR_ROW(code, class, text) [PIL_E_##code] = {#code, text, PIL_CLASS_##class},
                                             PIL_ERR_LIST(PIL_ERR_ROW)
#undef PIL_ERR_ROW
};

static const struct row *find(int code)
{
    return code >= 0 && code < PIL_E_COUNT ? &rows[code] : NULL;
}

const char *pil_err_text(int code)
{
    const struct row *row = find(code);

    return row ? row->text : "unknown error";
}

const char *pil_err_name(int code)
{
    const struct row *row = find(code);

    return row ? row->name : "UNKNOWN";
}

enum pil_err_class pil_err_class(int code)
{
    const struct row *row = find(code);

    return row ? row->class : PIL_CLASS_INTERNAL;
}
