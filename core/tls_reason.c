#include "core/tls_reason.h"

#include <errno.h>

static const struct {
    const char *name, *text;
    int error;
} rows[PIL_TLS_REASON_COUNT] = {
#define ROW(id, number, name, text, error) [number] = {name, text, error},
    PIL_TLS_REASON_LIST(ROW)
#undef ROW
};

static unsigned known(unsigned reason)
{
    return reason < PIL_TLS_REASON_COUNT ? reason : PIL_TLS_INTERNAL;
}

const char *pil_tls_reason_name(unsigned reason)
{
    return rows[known(reason)].name;
}

const char *pil_tls_reason_text(unsigned reason)
{
    return rows[known(reason)].text;
}

int pil_tls_reason_errno(unsigned reason)
{
    return rows[known(reason)].error;
}
