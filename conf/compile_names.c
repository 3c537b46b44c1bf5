/*
 * Names: titles in order, lists in canonical form, subjects as sets of workloads.
 */
#include "conf/compile_parts.h"

#include <stdlib.h>

#include "conf/resource.h"
#include "core/err.h"
#include "core/glob.h"

#define ROLE_NEW  UINT32_MAX
#define ROLE_BUSY (UINT32_MAX - 1)

/* ---- lists of strings ------------------------------------------------------------------------ */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *copy_text(struct pil_compile *c, const char *text, enum pil_list_form form)
{
    size_t len = strlen(text);
    char *copy = pil_compile_alloc(c, len + 1, 1);

    if (!copy)
        return NULL;
    memcpy(copy, text, len);
    if (form != PIL_LIST_PLAIN)
        pil_resource_normalize(copy);
    return copy;
}

static size_t drop_doubles(char **item, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (kept == 0 || strcmp(item[kept - 1], item[i]) != 0)
            item[kept++] = item[i];
    return kept;
}

char **pil_compile_strings(struct pil_compile *c, const struct pil_strings *in,
                           enum pil_list_form form, size_t *count)
{
    char **item = pil_compile_alloc(c, in->count + 1, sizeof(*item));

    *count = 0;
    for (size_t i = 0; item && i < in->count; i++) {
        item[i] = copy_text(c, in->item[i], form);
        if (!item[i])
            return NULL;
    }
    if (!item)
        return NULL;
    *count = in->count;
    if (form == PIL_LIST_ORDERED || in->count == 0)
        return item;
    qsort(item, in->count, sizeof(*item), by_text);
    *count = drop_doubles(item, in->count);
    return item;
}

struct pil_layout_span pil_compile_texts(struct pil_compile *c, const struct pil_strings *in,
                                         enum pil_list_form form)
{
    size_t count;
    char **text = pil_compile_strings(c, in, form, &count);
    uint32_t *offset = pil_compile_alloc(c, count + 1, sizeof(*offset));

    if (!text || !offset)
        return (struct pil_layout_span){0, 0};
    for (size_t i = 0; i < count; i++)
        offset[i] = pil_compile_text(c, text[i]);
    return pil_compile_list(c, offset, count);
}

/* ---- titles ---------------------------------------------------------------------------------- */

static int by_title(const void *a, const void *b)
{
    const struct pil_title *x = a, *y = b;
    int order = strcmp(x->text, y->text);

    return order ? order : (x->model > y->model) - (x->model < y->model);
}

/* Titles stand at the same place in every struct of the model: first. */
static void sort_titles(struct pil_compile *c, struct pil_titles *out, const void *things,
                        size_t count, size_t size)
{
    out->item = pil_compile_alloc(c, count + 1, sizeof(*out->item));
    if (!out->item)
        return;
    for (size_t i = 0; i < count; i++) {
        const char *title;

        memcpy(&title, (const char *)things + i * size, sizeof(title));
        out->item[i] = (struct pil_title){title ? title : "", (uint32_t)i};
    }
    out->count = (uint32_t)count;
    if (count > 0)
        qsort(out->item, count, sizeof(*out->item), by_title);
}

_Static_assert(offsetof(struct pil_workload, title) == 0 && offsetof(struct pil_role, title) == 0 &&
                   offsetof(struct pil_service, title) == 0 &&
                   offsetof(struct pil_policy, title) == 0 &&
                   offsetof(struct pil_route, title) == 0,
               "sort_titles reads the first member");

void pil_compile_titles(struct pil_compile *c)
{
    const struct pil_model *m = c->model;

    if (m->workload_count > PIL_WORKLOADS_MAX) {
        pil_compile_fail(c, PIL_E_RANGE);
        return;
    }
    sort_titles(c, &c->workloads, m->workload, m->workload_count, sizeof(*m->workload));
    sort_titles(c, &c->roles, m->role, m->role_count, sizeof(*m->role));
    sort_titles(c, &c->services, m->service, m->service_count, sizeof(*m->service));
    sort_titles(c, &c->policies, m->policy, m->policy_count, sizeof(*m->policy));
    sort_titles(c, &c->routes, m->route, m->route_count, sizeof(*m->route));
    c->role_set = pil_compile_alloc(c, m->role_count + 1, sizeof(*c->role_set));
    for (size_t i = 0; c->role_set && i < m->role_count; i++)
        c->role_set[i] = ROLE_NEW;
    pil_compile_set(c, NULL, 0); /* SETS[0]: everyone */
}

static int compare_title(struct pil_slice text, const char *title)
{
    int order = strncmp(text.at, title, text.len);

    return order ? order : -(title[text.len] != '\0');
}

uint32_t pil_compile_find(const struct pil_titles *titles, struct pil_slice text)
{
    uint32_t low = 0, high = titles->count;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int order = compare_title(text, titles->item[mid].text);

        if (order == 0)
            return mid;
        if (order > 0)
            low = mid + 1;
        else
            high = mid;
    }
    return PIL_NO_INDEX;
}

/* ---- sets ------------------------------------------------------------------------------------ */

uint32_t pil_compile_set(struct pil_compile *c, const uint32_t *item, uint32_t count)
{
    struct pil_members members = {.count = count, .everyone = c->sets.len == 0};
    uint32_t id = (uint32_t)(c->sets.len / sizeof(members));
    struct pil_pool_seen *seen;
    bool fresh;

    if (!members.everyone) {
        seen = pil_pool_intern(c, &c->members, item, 4 * (size_t)count, &fresh);
        if (!fresh)
            return seen->value;
        seen->value = id;
        members.at = seen->at;
    }
    pil_pool_add(c, &c->sets, &members, sizeof(members));
    return c->err ? 0 : id;
}

const struct pil_members *pil_compile_members(const struct pil_compile *c, uint32_t set)
{
    struct pil_members *members = (struct pil_members *)(void *)c->sets.at + set;

    if (members->count > 0) /* the pool may have moved since */
        members->item = (const uint32_t *)(const void *)(c->members.at + members->at);
    return members;
}

uint32_t pil_compile_intersect(struct pil_compile *c, uint32_t a, uint32_t b)
{
    const struct pil_members *x, *y;
    uint32_t *both, count = 0;

    if (c->err || a == 0 || a == b)
        return b;
    if (b == 0)
        return a;
    x = pil_compile_members(c, a);
    y = pil_compile_members(c, b);
    both = malloc(4 * ((size_t)x->count + 1));
    if (!both) {
        pil_compile_fail(c, PIL_E_NOMEM);
        return 0;
    }
    for (uint32_t i = 0, j = 0; i < x->count && j < y->count;) {
        uint32_t left = x->item[i], right = y->item[j];

        if (left == right)
            both[count++] = left;
        i += left <= right;
        j += right <= left;
    }
    a = pil_compile_set(c, both, count);
    free(both);
    return a;
}

/* A large set is cheaper as one bit a workload, and found with one look. */
static struct pil_layout_set write_bits(struct pil_compile *c, const struct pil_members *members)
{
    size_t words = c->workloads.count / 64 + 1;
    uint64_t *word = pil_compile_alloc(c, words, sizeof(*word));
    bool fresh;
    uint32_t at;

    if (!word)
        return (struct pil_layout_set){0};
    for (uint32_t i = 0; i < members->count; i++)
        word[members->item[i] / 64] |= UINT64_C(1) << members->item[i] % 64;
    at = pil_pool_intern(c, &c->section[PIL_LAYOUT_WORDS], word, 8 * words, &fresh)->at;
    return (struct pil_layout_set){PIL_LAYOUT_SET_BITS, {at / 8, (uint32_t)words}};
}

void pil_compile_write_sets(struct pil_compile *c)
{
    uint32_t count = (uint32_t)(c->sets.len / sizeof(struct pil_members));

    for (uint32_t i = 0; i < count && !c->err; i++) {
        const struct pil_members *members = pil_compile_members(c, i);
        struct pil_layout_set set = {PIL_LAYOUT_SET_EVERYONE, {0, 0}};

        if (!members->everyone && members->count > 64 && members->count > c->workloads.count / 32)
            set = write_bits(c, members);
        else if (!members->everyone)
            set = (struct pil_layout_set){PIL_LAYOUT_SET_LIST,
                                          pil_compile_list(c, members->item, members->count)};
        pil_compile_add(c, PIL_LAYOUT_SETS, &set, sizeof(set));
    }
}

/* ---- subjects -------------------------------------------------------------------------------- */

struct gather {
    uint32_t *item;
    size_t count, cap;
    bool everyone;
};

static void gather_one(struct pil_compile *c, struct gather *g, uint32_t workload)
{
    if (g->count == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 16;
        uint32_t *item = realloc(g->item, cap * sizeof(*item));

        if (!item) {
            pil_compile_fail(c, PIL_E_NOMEM);
            return;
        }
        g->item = item;
        g->cap = cap;
    }
    g->item[g->count++] = workload;
}

static void gather_set(struct pil_compile *c, struct gather *g, uint32_t set)
{
    const struct pil_members *members;

    if (c->err)
        return;
    members = pil_compile_members(c, set);
    g->everyone = g->everyone || members->everyone;
    for (uint32_t i = 0; i < members->count; i++)
        gather_one(c, g, members->item[i]);
}

static uint32_t role_set(struct pil_compile *c, uint32_t role)
{
    if (c->err)
        return 0;
    if (c->role_set[role] == ROLE_BUSY) { /* check refuses circles; so does this */
        pil_compile_fail(c, PIL_E_SYNTAX);
        return 0;
    }
    if (c->role_set[role] == ROLE_NEW) {
        c->role_set[role] = ROLE_BUSY;
        c->role_set[role] =
            pil_compile_subjects(c, &c->model->role[c->roles.item[role].model].members);
    }
    return c->role_set[role];
}

/* Workloads whose name under our trust domain fits; other domains are nobody here. */
static void gather_spiffe(struct pil_compile *c, struct gather *g, struct pil_slice id)
{
    struct pil_slice domain = pil_slice_of(c->model->trust_domain);
    struct pil_slice pattern;

    if (domain.len == 0 || id.len <= domain.len || memcmp(id.at, domain.at, domain.len) != 0 ||
        id.at[domain.len] != '/')
        return;
    pattern = (struct pil_slice){id.at + domain.len + 1, id.len - domain.len - 1};
    for (uint32_t i = 0; i < c->workloads.count; i++)
        if (pil_glob_match(pattern, pil_slice_of(c->workloads.item[i].text), true))
            gather_one(c, g, i + 1);
}

static bool skip(struct pil_slice *text, const char *prefix)
{
    size_t len = strlen(prefix);

    if (text->len < len || memcmp(text->at, prefix, len) != 0)
        return false;
    *text = (struct pil_slice){text->at + len, text->len - len};
    return true;
}

static void gather_subject(struct pil_compile *c, struct gather *g, struct pil_slice text)
{
    uint32_t index = 0;

    if (pil_slice_equal(text, pil_slice_of("*"))) {
        g->everyone = true;
    } else if (skip(&text, "workload:")) {
        index = pil_compile_find(&c->workloads, text);
        gather_one(c, g, index + 1);
    } else if (skip(&text, "role:")) {
        index = pil_compile_find(&c->roles, text);
        if (index != PIL_NO_INDEX)
            gather_set(c, g, role_set(c, index));
    } else if (skip(&text, "spiffe://")) {
        gather_spiffe(c, g, text);
    } else {
        pil_compile_fail(c, PIL_E_SYNTAX);
    }
    if (index == PIL_NO_INDEX)
        pil_compile_fail(c, PIL_E_NOTFOUND);
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

uint32_t pil_compile_subjects(struct pil_compile *c, const struct pil_strings *subjects)
{
    struct gather g = {0};
    uint32_t kept = 0, set = 0;

    for (size_t i = 0; i < subjects->count && !c->err; i++)
        gather_subject(c, &g, pil_slice_of(subjects->item[i]));
    if (g.count > 0)
        qsort(g.item, g.count, sizeof(*g.item), by_number);
    for (size_t i = 0; i < g.count; i++)
        if (kept == 0 || g.item[kept - 1] != g.item[i])
            g.item[kept++] = g.item[i];
    if (!g.everyone)
        set = pil_compile_set(c, g.item, kept);
    free(g.item);
    return set;
}
