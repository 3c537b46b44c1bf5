/*
 * Memory of a compilation: growing pools with interning, an arena, one sticky error.
 */
#include "conf/compile_parts.h"

#include <stdlib.h>

#include "core/err.h"

int pil_compile_fail(struct pil_compile *c, int err)
{
    if (!c->err)
        c->err = err;
    return c->err;
}

void *pil_compile_alloc(struct pil_compile *c, size_t count, size_t size)
{
    void **chunk = NULL;
    size_t bytes;

    if (!c->err && !__builtin_mul_overflow(count, size, &bytes) && bytes < SIZE_MAX - 16)
        chunk = calloc(1, bytes + 16);
    if (!chunk) {
        pil_compile_fail(c, PIL_E_NOMEM);
        return NULL;
    }
    *chunk = c->arena;
    c->arena = chunk;
    return (char *)chunk + 16;
}

void pil_compile_rewind(struct pil_compile *c, void *mark)
{
    while (c->arena != mark) {
        void *chunk = c->arena;

        c->arena = *(void **)chunk;
        free(chunk);
    }
}

static void release_pool(struct pil_pool *pool)
{
    free(pool->at);
    free(pool->seen);
    *pool = (struct pil_pool){0};
}

void pil_compile_release(struct pil_compile *c)
{
    for (unsigned i = 0; i < PIL_LAYOUT_SECTION_COUNT; i++)
        release_pool(&c->section[i]);
    for (unsigned i = 0; i < PIL_PLACE_COUNT; i++)
        release_pool(&c->places[i]);
    release_pool(&c->members);
    release_pool(&c->sets);
    release_pool(&c->reach);
    release_pool(&c->pending);
    pil_compile_rewind(c, NULL);
}

/* Room for len more bytes. Offsets are 32 bits wide, so 4 GiB is the end. */
static bool reserve(struct pil_compile *c, struct pil_pool *pool, size_t len)
{
    size_t cap = pool->cap ? pool->cap : 1024;
    void *at;

    if (c->err)
        return false;
    if (len > UINT32_MAX - pool->len) {
        pil_compile_fail(c, PIL_E_RANGE);
        return false;
    }
    while (cap - pool->len < len)
        cap *= 2;
    if (cap == pool->cap)
        return true;
    at = realloc(pool->at, cap);
    if (!at) {
        pil_compile_fail(c, PIL_E_NOMEM);
        return false;
    }
    pool->at = at;
    pool->cap = cap;
    return true;
}

void pil_pool_add(struct pil_compile *c, struct pil_pool *pool, const void *bytes, size_t len)
{
    if (len == 0 || !reserve(c, pool, len))
        return;
    memcpy(pool->at + pool->len, bytes, len);
    pool->len += len;
}

static struct pil_pool_seen *seek(struct pil_pool_seen *seen, size_t cap, const uint8_t *base,
                                  const void *bytes, size_t len)
{
    size_t at = (pil_layout_hash_path(bytes, len) ^ len) * UINT64_C(0x9e3779b97f4a7c15) >> 32;

    for (;; at++) {
        struct pil_pool_seen *s = &seen[at & (cap - 1)];

        if (!s->used || (s->len == len && (len == 0 || memcmp(base + s->at, bytes, len) == 0)))
            return s;
    }
}

/* Keeps the index at most half full. */
static bool grow_index(struct pil_compile *c, struct pil_pool *pool)
{
    size_t cap = pool->seen_cap ? pool->seen_cap * 2 : 256;
    struct pil_pool_seen *seen;

    if (c->err)
        return false;
    if (pool->seen_count * 2 < pool->seen_cap)
        return true;
    seen = calloc(cap, sizeof(*seen));
    if (!seen) {
        pil_compile_fail(c, PIL_E_NOMEM);
        return false;
    }
    for (size_t i = 0; i < pool->seen_cap; i++) {
        struct pil_pool_seen *old = &pool->seen[i];

        if (old->used)
            *seek(seen, cap, pool->at, pool->at ? pool->at + old->at : NULL, old->len) = *old;
    }
    free(pool->seen);
    pool->seen = seen;
    pool->seen_cap = cap;
    return true;
}

struct pil_pool_seen *pil_pool_intern(struct pil_compile *c, struct pil_pool *pool,
                                      const void *bytes, size_t len, bool *fresh)
{
    struct pil_pool_seen *s;

    *fresh = false;
    c->nothing = (struct pil_pool_seen){0};
    if (!grow_index(c, pool))
        return &c->nothing;
    s = seek(pool->seen, pool->seen_cap, pool->at, bytes, len);
    if (s->used)
        return s;
    *s = (struct pil_pool_seen){(uint32_t)pool->len, (uint32_t)len, 0, true};
    pil_pool_add(c, pool, bytes, len);
    if (c->err)
        return &c->nothing;
    pool->seen_count++;
    *fresh = true;
    return s;
}

uint32_t pil_compile_add(struct pil_compile *c, unsigned section, const void *record, size_t size)
{
    size_t at = c->section[section].len;

    pil_pool_add(c, &c->section[section], record, size);
    return (uint32_t)(at / size);
}

uint32_t pil_compile_intern(struct pil_compile *c, unsigned section, const void *record,
                            size_t size)
{
    bool fresh;

    return (uint32_t)(pil_pool_intern(c, &c->section[section], record, size, &fresh)->at / size);
}

uint32_t pil_compile_text(struct pil_compile *c, const char *text)
{
    bool fresh;

    if (!text)
        text = "";
    return pil_pool_intern(c, &c->section[PIL_LAYOUT_TEXT], text, strlen(text) + 1, &fresh)->at;
}

struct pil_layout_span pil_compile_list(struct pil_compile *c, const uint32_t *item, size_t count)
{
    struct pil_pool *pool = &c->section[PIL_LAYOUT_LISTS];
    bool fresh;

    if (count == 0)
        return (struct pil_layout_span){0, 0};
    return (struct pil_layout_span){pil_pool_intern(c, pool, item, 4 * count, &fresh)->at / 4,
                                    (uint32_t)count};
}
