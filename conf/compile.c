/*
 * A checked model becomes an image: titles in order, names to sets, inheritance made flat, rules,
 * index, and at last one block of bytes that pil_image_open accepts.
 */
#include "conf/compile_parts.h"

#include <stdlib.h>

#include "conf/policy.h"
#include "core/err.h"

static void add_workloads(struct pil_compile *c)
{
    struct pil_layout_workload nameless = {0};

    pil_compile_add(c, PIL_LAYOUT_WORKLOADS, &nameless, sizeof(nameless));
    for (uint32_t i = 0; i < c->workloads.count; i++) {
        const struct pil_workload *in = &c->model->workload[c->workloads.item[i].model];
        struct pil_layout_workload w = {
            .title = pil_compile_text(c, in->title),
            .exe = pil_compile_text(c, in->exe),
            .user = pil_compile_text(c, in->user),
            .unit = pil_compile_text(c, in->unit),
            .cgroup = pil_compile_text(c, in->cgroup),
            .sha256 = pil_compile_text(c, in->sha256),
            .covered = in->covered,
        };

        pil_compile_add(c, PIL_LAYOUT_WORKLOADS, &w, sizeof(w));
    }
}

static void add_roles(struct pil_compile *c)
{
    for (uint32_t i = 0; i < c->roles.count; i++) {
        const struct pil_role *in = &c->model->role[c->roles.item[i].model];
        struct pil_layout_role r = {.title = pil_compile_text(c, in->title)};

        r.members = pil_compile_texts(c, &in->members, PIL_LIST_PLAIN);
        pil_compile_add(c, PIL_LAYOUT_ROLES, &r, sizeof(r));
        pil_compile_subjects(c, &in->members); /* dangling names, used or not, are errors */
    }
}

static void add_services(struct pil_compile *c)
{
    for (uint32_t i = 0; i < c->services.count; i++) {
        const struct pil_service *in = &c->model->service[c->services.item[i].model];
        struct pil_at at = in->encrypt == PIL_ENCRYPT_UNSET ? in->at : in->encrypt_at;
        struct pil_layout_service s = {.title = pil_compile_text(c, in->title),
                                       .identity = pil_compile_text(c, in->identity),
                                       .encrypt = in->encrypt,
                                       .server_first = in->server_first};

        s.endpoints = pil_compile_texts(c, &in->endpoints, PIL_LIST_RESOURCES);
        pil_compile_add(c, PIL_LAYOUT_SERVICES, &s, sizeof(s));
        pil_compile_service(c, in, &s, i);
        pil_pool_add(c, &c->places[PIL_PLACE_SERVICE], &at, sizeof(at));
    }
}

static void add_routes(struct pil_compile *c)
{
    for (uint32_t i = 0; i < c->routes.count; i++) {
        const struct pil_route *in = &c->model->route[c->routes.item[i].model];
        struct pil_layout_route r = {.title = pil_compile_text(c, in->title)};

        r.fallback = pil_compile_texts(c, &in->fallback, PIL_LIST_ORDERED);
        if (in->has_timeout) {
            r.flags |= PIL_LAYOUT_HAS_TIMEOUT;
            r.timeout_ms = in->timeout_ms;
        }
        if (in->has_retries) {
            r.flags |= PIL_LAYOUT_HAS_RETRIES;
            r.retries = in->retries;
        }
        if (in->breaker.has) {
            r.flags |= PIL_LAYOUT_HAS_BREAKER;
            r.failures = in->breaker.failures;
            r.open_ms = in->breaker.open_ms;
            r.half_open = in->breaker.half_open;
        }
        pil_compile_add(c, PIL_LAYOUT_ROUTES, &r, sizeof(r));
        pil_pool_add(c, &c->places[PIL_PLACE_ROUTE], &in->at, sizeof(in->at));
    }
}

/* ---- places ---------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* File names sorted, so that their offsets do not depend on who came first. */
static void sort_files(struct pil_compile *c, const struct pil_at *at, size_t count)
{
    struct pil_pool *files = &c->section[PIL_LAYOUT_FILES];
    const char **name = pil_compile_alloc(c, count + 1, sizeof(*name));
    bool fresh;

    pil_pool_intern(c, files, "", 1, &fresh);
    if (!name || count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        name[i] = at[i].file ? at[i].file : "";
    qsort(name, count, sizeof(*name), by_text);
    for (size_t i = 0; i < count; i++)
        pil_pool_intern(c, files, name[i], strlen(name[i]) + 1, &fresh);
}

static void write_places(struct pil_compile *c)
{
    struct pil_at nowhere = {NULL, 0};
    struct pil_pool all = {0};
    const struct pil_at *at;
    size_t count;
    bool fresh;

    pil_pool_add(c, &all, c->model->has_default ? &c->model->default_at : &nowhere,
                 sizeof(nowhere));
    for (unsigned i = 0; i < PIL_PLACE_COUNT; i++)
        pil_pool_add(c, &all, c->places[i].at, c->places[i].len);
    at = (const void *)all.at;
    count = all.len / sizeof(*at);
    sort_files(c, at, count);
    for (size_t i = 0; i < count && !c->err; i++) {
        const char *name = at[i].file ? at[i].file : "";
        struct pil_layout_place place = {.line = at[i].line};

        place.file =
            pil_pool_intern(c, &c->section[PIL_LAYOUT_FILES], name, strlen(name) + 1, &fresh)->at;
        pil_compile_add(c, PIL_LAYOUT_PLACES, &place, sizeof(place));
    }
    free(all.at);
}

/* ---- the block ------------------------------------------------------------------------------- */

static const uint32_t record_size[PIL_LAYOUT_SECTION_COUNT] = {
#define SIZE(name, type) [PIL_LAYOUT_##name] = sizeof(type),
    PIL_LAYOUT_SECTIONS(SIZE)
#undef SIZE
};

static uint64_t align(uint64_t at, uint64_t to)
{
    return (at + to - 1) / to * to;
}

/* Lays the sections out behind the header; returns the size of the block. */
static uint64_t lay_out(const struct pil_compile *c, struct pil_layout_head *head)
{
    uint64_t at = sizeof(*head);

    for (unsigned i = 0; i < PIL_LAYOUT_SECTION_COUNT; i++) {
        at = align(at, PIL_LAYOUT_ALIGN);
        head->section[i].at = (uint32_t)at;
        head->section[i].count = (uint32_t)(c->section[i].len / record_size[i]);
        at += c->section[i].len;
    }
    return align(at, 8);
}

static void fill_head(struct pil_compile *c, struct pil_layout_head *head)
{
    const struct pil_model *m = c->model;

    memset(head, 0, sizeof(*head));
    head->magic = PIL_IMAGE_MAGIC;
    head->version = PIL_IMAGE_VERSION;
    head->fields = c->fields;
    head->trust_domain = pil_compile_text(c, m->trust_domain);
    head->fallback = PIL_LAYOUT_NO_DEFAULT;
    if (m->has_default)
        head->fallback =
            m->default_effect == PIL_ALLOW ? PIL_LAYOUT_DEFAULT_ALLOW : PIL_LAYOUT_DEFAULT_DENY;
}

static void *write_block(struct pil_compile *c, size_t *len)
{
    struct pil_layout_head head;
    uint8_t *block;

    fill_head(c, &head);
    head.size = lay_out(c, &head);
    if (!c->err && head.size > UINT32_MAX)
        pil_compile_fail(c, PIL_E_RANGE);
    if (c->err)
        return NULL;
    block = aligned_alloc(PIL_LAYOUT_ALIGN, align(head.size, PIL_LAYOUT_ALIGN));
    if (!block) {
        pil_compile_fail(c, PIL_E_NOMEM);
        return NULL;
    }
    memset(block, 0, head.size);
    memcpy(block, &head, sizeof(head));
    for (unsigned i = 0; i < PIL_LAYOUT_SECTION_COUNT; i++)
        if (c->section[i].len > 0)
            memcpy(block + head.section[i].at, c->section[i].at, c->section[i].len);
    head.digest = pil_layout_digest(block, head.size);
    memcpy(block, &head, sizeof(head));
    *len = head.size;
    return block;
}

int pil_compile(const struct pil_model *model, void **block, size_t *len)
{
    struct pil_compile c = {.model = model};
    struct pil_image check;
    void *made;
    size_t size = 0;

    pil_compile_text(&c, ""); /* offset 0 */
    pil_compile_titles(&c);
    add_workloads(&c);
    add_roles(&c);
    add_services(&c);
    pil_compile_reach(&c);
    pil_compile_policies(&c);
    add_routes(&c);
    pil_compile_index(&c);
    pil_compile_write_sets(&c);
    write_places(&c);
    made = write_block(&c, &size);
    pil_compile_release(&c);
    /* What the reader would not take must not leave here: the model held something illegal. */
    if (made && pil_image_open(&check, made, size)) {
        free(made);
        return PIL_E_INTERNAL;
    }
    if (!made)
        return c.err;
    *block = made;
    *len = size;
    return PIL_OK;
}
