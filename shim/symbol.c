#include "shim/symbol.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define WORD_BITS (8u * (unsigned)sizeof(ElfW(Addr)))

#define HIDDEN 0x8000u /* of DT_VERSYM: not the default version */

/* ELFxx_ST_BIND and ELFxx_ST_TYPE are the same in both classes. */
#define BIND_OF(sym) ELF64_ST_BIND((sym)->st_info)
#define TYPE_OF(sym) ELF64_ST_TYPE((sym)->st_info)

/* What is needed of a dynamic section. */
struct tables {
    ElfW(Addr) base;
    const ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *hash; /* DT_GNU_HASH */
    const uint16_t *versions;
};

/* The loader adds the base to the addresses it finds there, but not where the section is read-only
 * (the vDSO). */
static const void *placed(ElfW(Addr) base, ElfW(Addr) address)
{
    return (const void *)(uintptr_t)(address < base ? base + address : address);
}

static bool read_tables(struct tables *t, ElfW(Addr) base, const ElfW(Dyn) * dynamic)
{
    *t = (struct tables){.base = base};
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        const void *at = placed(base, dynamic->d_un.d_ptr);

        switch (dynamic->d_tag) {
        case DT_SYMTAB:
            t->symbols = at;
            break;
        case DT_STRTAB:
            t->strings = at;
            break;
        case DT_GNU_HASH:
            t->hash = at;
            break;
        case DT_VERSYM:
            t->versions = at;
            break;
        }
    }
    return t->symbols && t->strings && t->hash;
}

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 5381;

    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        hash = hash * 33 + *c;
    return hash;
}

static bool is_it(const struct tables *t, uint32_t index, const char *name)
{
    const ElfW(Sym) *sym = &t->symbols[index];

    return sym->st_shndx != SHN_UNDEF && BIND_OF(sym) != STB_LOCAL &&
           (TYPE_OF(sym) == STT_FUNC || TYPE_OF(sym) == STT_GNU_IFUNC) &&
           !(t->versions && (t->versions[index] & HIDDEN)) &&
           strcmp(t->strings + sym->st_name, name) == 0;
}

/* An indirect function is its resolver; the loader calls it once and so do we. */
static void *address_of(const struct tables *t, uint32_t index)
{
    const ElfW(Sym) *sym = &t->symbols[index];
    uintptr_t at = t->base + sym->st_value;

    if (TYPE_OF(sym) == STT_GNU_IFUNC)
        at = ((uintptr_t(*)(void))at)();
    return (void *)at;
}

/*
 * The GNU hash table: number of buckets, index of the first symbol in it, words of the Bloom filter
 * and its shift; the filter; the buckets; the chains, whose values have the lowest bit set at the
 * end of each.
 */
void *pil_symbol_find(ElfW(Addr) base, const ElfW(Dyn) * dynamic, const char *name)
{
    uint32_t hash = hash_of(name), buckets, first, filter_words, index;
    const uint32_t *bucket, *chain;
    const ElfW(Addr) * filter;
    struct tables t;
    ElfW(Addr) word;

    if (!dynamic || !read_tables(&t, base, dynamic))
        return NULL;
    buckets = t.hash[0], first = t.hash[1], filter_words = t.hash[2];
    filter = (const ElfW(Addr) *)(const void *)(t.hash + 4);
    bucket = (const uint32_t *)(const void *)(filter + filter_words);
    chain = bucket + buckets;
    if (buckets == 0 || filter_words == 0)
        return NULL;
    word = filter[hash / WORD_BITS % filter_words];
    if (!(word >> hash % WORD_BITS & word >> (hash >> t.hash[3]) % WORD_BITS & 1))
        return NULL;
    index = bucket[hash % buckets];
    if (index < first)
        return NULL;
    do {
        if ((chain[index - first] | 1) == (hash | 1) && is_it(&t, index, name))
            return address_of(&t, index);
    } while (!(chain[index++ - first] & 1));
    return NULL;
}

/* ---- the loaded objects, in the loader's order -------------------------------------------------
 */

struct search {
    const char *name;
    const char *object; /* base name of the only one to look at, or NULL */
    bool behind;        /* ours has passed */
    void *found;
};

static const ElfW(Dyn) * dynamic_of(const struct dl_phdr_info *info)
{
    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            return (const ElfW(Dyn) *)(uintptr_t)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    return NULL;
}

static bool is_ours(const struct dl_phdr_info *info)
{
    ElfW(Addr) here = (ElfW(Addr))(uintptr_t)is_ours;

    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

        if (segment->p_type == PT_LOAD &&
            here - (info->dlpi_addr + segment->p_vaddr) < segment->p_memsz)
            return true;
    }
    return false;
}

static bool named(const struct dl_phdr_info *info, const char *object)
{
    const char *base = info->dlpi_name ? strrchr(info->dlpi_name, '/') : NULL;

    return base && strcmp(base + 1, object) == 0;
}

static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct search *s = arg;

    (void)size;
    if (!s->object && !s->behind) {
        s->behind = is_ours(info);
        return 0;
    }
    if (!s->object || named(info, s->object))
        s->found = pil_symbol_find(info->dlpi_addr, dynamic_of(info), s->name);
    return s->found != NULL;
}

void *pil_symbol_next(const char *name)
{
    struct search s = {.name = name};

    dl_iterate_phdr(look, &s);
    return s.found;
}

void *pil_symbol_in(const char *object, const char *name)
{
    struct search s = {.name = name, .object = object};

    dl_iterate_phdr(look, &s);
    return s.found;
}
