#include "core/bytes.h"

#include <string.h>

#include "core/err.h"

struct pil_slice pil_slice_of(const char *text)
{
    return (struct pil_slice){text, text ? strlen(text) : 0};
}

bool pil_slice_equal(struct pil_slice a, struct pil_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

void pil_reader_init(struct pil_reader *r, const void *buf, size_t len)
{
    *r = (struct pil_reader){.at = buf, .left = len};
}

/* The next len bytes, or NULL and failure for good. */
static const uint8_t *take(struct pil_reader *r, size_t len)
{
    const uint8_t *at = r->at;

    if (r->failed || len > r->left) {
        r->failed = true;
        return NULL;
    }
    r->at += len;
    r->left -= len;
    return at;
}

void pil_get_bytes(struct pil_reader *r, void *out, size_t len)
{
    const uint8_t *at = take(r, len);

    if (len == 0)
        return;
    if (at)
        memcpy(out, at, len);
    else
        memset(out, 0, len);
}

#define GET(name, type)                                                                            \
    type name(struct pil_reader *r)                                                                \
    {                                                                                              \
        type value;                                                                                \
        pil_get_bytes(r, &value, sizeof(value));                                                   \
        return value;                                                                              \
    }

GET(pil_get_u8, uint8_t)
GET(pil_get_u16, uint16_t)
GET(pil_get_u32, uint32_t)
GET(pil_get_u64, uint64_t)

struct pil_slice pil_get_text(struct pil_reader *r, size_t max)
{
    size_t len = pil_get_u16(r);
    const uint8_t *at;

    if (len > max)
        r->failed = true;
    at = take(r, len);
    if (at && len > 0 && memchr(at, 0, len)) {
        r->failed = true;
        at = NULL;
    }
    return at ? (struct pil_slice){(const char *)at, len} : (struct pil_slice){NULL, 0};
}

int pil_reader_end(const struct pil_reader *r)
{
    if (r->failed)
        return PIL_E_TRUNCATED;
    return r->left ? PIL_E_TRAILING : PIL_OK;
}

void pil_writer_init(struct pil_writer *w, void *buf, size_t cap)
{
    *w = (struct pil_writer){.start = buf, .cap = cap};
}

void pil_put_bytes(struct pil_writer *w, const void *from, size_t len)
{
    if (w->failed || len > w->cap - w->len) {
        w->failed = true;
        return;
    }
    if (len > 0)
        memcpy(w->start + w->len, from, len);
    w->len += len;
}

#define PUT(name, type)                                                                            \
    void name(struct pil_writer *w, type value)                                                    \
    {                                                                                              \
        pil_put_bytes(w, &value, sizeof(value));                                                   \
    }

PUT(pil_put_u8, uint8_t)
PUT(pil_put_u16, uint16_t)
PUT(pil_put_u32, uint32_t)
PUT(pil_put_u64, uint64_t)

void pil_put_text(struct pil_writer *w, struct pil_slice text)
{
    if (text.len > UINT16_MAX) {
        w->failed = true;
        return;
    }
    pil_put_u16(w, (uint16_t)text.len);
    pil_put_bytes(w, text.at, text.len);
}

int pil_writer_end(const struct pil_writer *w)
{
    return w->failed ? PIL_E_FULL : PIL_OK;
}

void pil_text_init(struct pil_text *t, char *buf, size_t cap)
{
    *t = (struct pil_text){.at = buf, .cap = cap};
    if (cap > 0)
        buf[0] = '\0';
}

void pil_text_add_slice(struct pil_text *t, struct pil_slice text)
{
    size_t room = t->cap ? t->cap - 1 - t->len : 0;
    size_t len = text.len < room ? text.len : room;

    if (len == 0)
        return;
    memcpy(t->at + t->len, text.at, len);
    t->len += len;
    t->at[t->len] = '\0';
}

void pil_text_add(struct pil_text *t, const char *text)
{
    pil_text_add_slice(t, pil_slice_of(text));
}

void pil_text_add_u64(struct pil_text *t, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    pil_text_add_slice(t, (struct pil_slice){digits + at, sizeof(digits) - at});
}
