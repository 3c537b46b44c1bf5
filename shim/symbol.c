#include "shim/symbol.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/defs.h"

#define VERSION_HIDDEN 0x8000u /* of a DT_VERSYM entry: not the default version */

extern ElfW(Dyn) _DYNAMIC[] PIL_HIDDEN; /* this library's own */

/* The tables of one library. */
struct tables {
    const struct link_map *map;
    const ElfW(Sym) * symbol;
    const char *text;
    const uint32_t *gnu, *sysv; /* hash tables; one of them is enough */
    const ElfW(Half) * version; /* NULL: the library has no versions */
};

/* The loader has added where the library lies to the addresses in its dynamic section; where
 * nobody could write that section (the kernel's vDSO) it has not. */
static const void *address(const struct link_map *map, const ElfW(Dyn) * entry)
{
    ElfW(Addr) at = entry->d_un.d_ptr;

    return (const void *)(at < map->l_addr ? at + map->l_addr : at);
}

static bool read_tables(const struct link_map *map, struct tables *t)
{
    *t = (struct tables){.map = map};
    for (const ElfW(Dyn) *entry = map->l_ld; entry && entry->d_tag != DT_NULL; entry++)
        switch (entry->d_tag) {
        case DT_SYMTAB:
            t->symbol = address(map, entry);
            break;
        case DT_STRTAB:
            t->text = address(map, entry);
            break;
        case DT_GNU_HASH:
            t->gnu = address(map, entry);
            break;
        case DT_HASH:
            t->sysv = address(map, entry);
            break;
        case DT_VERSYM:
            t->version = address(map, entry);
            break;
        default:
            break;
        }
    return t->symbol && t->text && (t->gnu || t->sysv);
}

static bool fits(const struct tables *t, uint32_t index, const char *name)
{
    const ElfW(Sym) *symbol = &t->symbol[index];

    return symbol->st_shndx != SHN_UNDEF && strcmp(t->text + symbol->st_name, name) == 0 &&
           !(t->version && (t->version[index] & VERSION_HIDDEN));
}

static uint32_t gnu_hash(const char *name)
{
    uint32_t hash = 5381;

    while (*name)
        hash = hash * 33 + (unsigned char)*name++;
    return hash;
}

/* The table as binutils writes it: four words, a Bloom filter, buckets, chains that end in a value
 * whose lowest bit is set. Index 0 is no symbol. */
static uint32_t find_gnu(const struct tables *t, const char *name)
{
    uint32_t buckets = t->gnu[0], first = t->gnu[1], filter = t->gnu[2], hash = gnu_hash(name);
    const uint32_t *bucket = t->gnu + 4 + (size_t)filter * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    const uint32_t *chain = bucket + buckets;
    uint32_t index = buckets ? bucket[hash % buckets] : 0;

    if (index < first)
        return 0;
    for (;; index++) {
        uint32_t value = chain[index - first];

        if (((value ^ hash) >> 1) == 0 && fits(t, index, name))
            return index;
        if (value & 1)
            return 0;
    }
}

/* Libraries without the newer table are few, so every symbol is looked at. */
static uint32_t find_sysv(const struct tables *t, const char *name)
{
    for (uint32_t index = 1; index < t->sysv[1]; index++)
        if (fits(t, index, name))
            return index;
    return 0;
}

static void *find(const struct link_map *map, const char *name)
{
    struct tables t;
    uint32_t index;
    ElfW(Addr) at;

    if (!read_tables(map, &t))
        return NULL;
    index = t.gnu ? find_gnu(&t, name) : find_sysv(&t, name);
    if (index == 0)
        return NULL;
    at = map->l_addr + t.symbol[index].st_value;
    /* A function that chooses the one to use; libc's look at the processor, and need no more. */
    if (ELF64_ST_TYPE(t.symbol[index].st_info) == STT_GNU_IFUNC)
        at = ((ElfW(Addr)(*)(void))at)();
    return (void *)at;
}

static const struct link_map *own_map(void)
{
    const struct link_map *map = _r_debug.r_map;

    while (map && map->l_ld != _DYNAMIC)
        map = map->l_next;
    return map;
}

void *pil_symbol_next(const char *name)
{
    const struct link_map *map = own_map();
    void *found = NULL;

    for (map = map ? map->l_next : NULL; map && !found; map = map->l_next)
        found = find(map, name);
    return found;
}

static bool is_called(const struct link_map *map, const char *library)
{
    const char *base = strrchr(map->l_name, '/');

    return strcmp(base ? base + 1 : map->l_name, library) == 0;
}

void *pil_symbol_in(const char *library, const char *name)
{
    for (const struct link_map *map = _r_debug.r_map; map; map = map->l_next)
        if (is_called(map, library))
            return find(map, name);
    return NULL;
}

void *pil_symbol_own(const char *name)
{
    const struct link_map *map = own_map();

    return map ? find(map, name) : NULL;
}

const char *pil_symbol_own_path(void)
{
    const struct link_map *map = own_map();

    return map ? map->l_name : "";
}
