#include "policyd/exposition.h"

#include <event2/buffer.h>

void pil_exposition_head(struct evbuffer *out, const char *name, const char *type, const char *help)
{
    evbuffer_add_printf(out, "# HELP pillion_%s %s\n# TYPE pillion_%s %s\n", name, help, name,
                        type);
}

void pil_exposition_one(struct evbuffer *out, const char *name, const char *type, const char *help,
                        uint64_t value)
{
    pil_exposition_head(out, name, type, help);
    evbuffer_add_printf(out, "pillion_%s %llu\n", name, (unsigned long long)value);
}

void pil_exposition_labelled(struct evbuffer *out, const char *name, const char *label,
                             const char *is, uint64_t value)
{
    evbuffer_add_printf(out, "pillion_%s{%s=\"%s\"} %llu\n", name, label, is,
                        (unsigned long long)value);
}
